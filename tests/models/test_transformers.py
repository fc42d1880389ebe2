"""The transformers engine against plain calls of the library, on tiny models made here."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.models.language_model import Ability, Form
from assay.models.prompt import Message, Prompt
from assay.models.transformers import TransformersConfig, TransformersModel
from assay.models.transformers_engine.decoder import Decoder
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import ModelError, UsageError
from tests.models.made_transformers import TEXT, save_gpt2, save_llama

torch = pytest.importorskip("torch", reason="needs the extra torch")
transformers = pytest.importorskip("transformers", reason="needs the extra torch")
pytest.importorskip("accelerate", reason="needs the extra torch")
pytest.importorskip("llguidance", reason="needs the extra torch")

LONG = TEXT * 6
CHAT = (Message("system", "Be brief."), Message("user", ("Passage one.", " Why?")))


def started(folder: Path, **settings: Any) -> TransformersModel:
    made = TransformersModel(
        TransformersConfig(
            **{"model": str(folder), "context_tokens": 2048, "device": "cpu", **settings}
        )
    )
    made.start()
    return made


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads cost such small models more than they save."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def plain(folder: Path) -> tuple[Any, Any]:
    """The library's own model and tokenizer."""
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    )
    return model.eval(), transformers.AutoTokenizer.from_pretrained(folder)


@pytest.fixture
def model(folder: Path) -> Iterator[TransformersModel]:
    made = started(folder)
    yield made
    made.close()


def logprobs_of(plain: tuple[Any, Any], tokens: list[int]) -> Any:
    with torch.inference_mode():
        return plain[0](torch.tensor([tokens])).logits[0].log_softmax(-1).numpy()


def ids(plain: tuple[Any, Any], text: str) -> list[int]:
    found: list[int] = plain[1](text, add_special_tokens=False)["input_ids"]
    return found


def test_next_token_logprobs_are_those_of_the_bare_model(
    model: TransformersModel, plain: tuple[Any, Any]
) -> None:
    prompts = [LONG, TEXT, LONG[:-40], "A"]
    letters = [("a",), ("b",), ("c",)]
    found = model.next_token_logprobs(prompts, letters, [RunContext()] * 4)
    wanted = [ids(plain, one)[0] for (one,) in letters]
    for row, prompt in zip(found, prompts, strict=True):
        bare = logprobs_of(plain, ids(plain, prompt))[-1, wanted]
        np.testing.assert_allclose(row, bare, atol=1e-4)


@pytest.mark.parametrize("batch_tokens", [0, 64, 4096])
def test_sequence_logprobs_are_those_of_the_bare_model(
    folder: Path, plain: tuple[Any, Any], batch_tokens: int
) -> None:
    model = started(folder, batch_tokens=batch_tokens)
    pairs = [
        (LONG, " yes"),
        (LONG, " no, perhaps two weeks"),
        (TEXT, "x"),
        (LONG[:-30], " yes"),
        (LONG, " yes"),
        ("Who?", " The bird and the sea over"),
        (TEXT, " library" * 150),
    ]
    found = model.sequence_logprobs(pairs, [RunContext()] * len(pairs))
    for (before, after), score in zip(pairs, found, strict=True):
        first, follows = ids(plain, before), ids(plain, after)
        bare = logprobs_of(plain, first + follows)
        expected = sum(bare[len(first) - 1 + place, one] for place, one in enumerate(follows))
        assert score.tokens == len(follows)
        assert score.logprob == pytest.approx(expected, abs=1e-4 * max(10, len(follows)))
    model.close()


def test_left_padding_right_padding_and_none_agree(folder: Path, plain: tuple[Any, Any]) -> None:
    prompts = [TEXT, "A bird", TEXT[:70], "Yes, no"]
    letters = [("a",), ("b",)]
    contexts = [RunContext()] * 4
    singly, padded = started(folder), started(folder, batch_tokens=4096)
    alone = singly.next_token_logprobs(prompts, letters, contexts)
    right = padded.next_token_logprobs(prompts, letters, contexts)
    rows = [ids(plain, one) for one in prompts]
    width = max(len(row) for row in rows)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    with torch.inference_mode():
        done = plain[0](
            torch.tensor([[0] * (width - len(row)) + row for row in rows]),
            attention_mask=mask,
            position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
        )
    wanted = [ids(plain, one)[0] for (one,) in letters]
    left = done.logits[:, -1].log_softmax(-1).numpy()[:, wanted]
    np.testing.assert_allclose(right, alone, atol=1e-4)
    np.testing.assert_allclose(left, alone, atol=1e-4)
    assert abs(alone[0] - alone[1]).max() > 0.01
    singly.close()
    padded.close()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_results_do_not_depend_on_what_was_asked_before_or_beside_to_the_last_bit(
    folder: Path, dtype: str
) -> None:
    pairs: list[tuple[Prompt, str]] = [
        ((LONG, " Why?"), " yes and no"),
        ((LONG, " How?"), " no"),
        (LONG, " yes"),
    ]
    letters = ["a", "b"]
    fresh = []
    for pair in pairs:
        alone = started(folder, dtype=dtype)
        scores = alone.sequence_logprobs([pair], [RunContext()])
        fresh.append((scores, alone.next_token_logprobs([pair[0]], letters, [RunContext()])))
        alone.close()
    model = started(folder, dtype=dtype)
    with model.prefix(LONG):
        together = model.sequence_logprobs(pairs, [RunContext()] * 3)
        model.generate((LONG, " Why?"), RunContext(), max_tokens=20)
        model.next_token_logprobs(["Something else."], letters, [RunContext()])
        rows = model.next_token_logprobs([one for one, _ in pairs], letters, [RunContext()] * 3)
    for number, (scores, row) in enumerate(fresh):
        assert scores[0] == together[number]
        assert np.array_equal(row[0], rows[number])
    model.close()


def test_greedy_generation_is_that_of_the_bare_model(
    model: TransformersModel, plain: tuple[Any, Any]
) -> None:
    tokens = ids(plain, LONG)
    expected: list[int] = []
    for _ in range(12):
        scores = logprobs_of(plain, tokens + expected)[-1]
        expected.append(int(scores.argmax()))
    written = model.generate(LONG, RunContext(), max_tokens=12)
    ended = plain[1].eos_token_id in expected
    assert ended or written.tokens_out == 12
    assert written.text == plain[1].decode(expected[: written.tokens_out]).replace("\ufffd", "")
    assert written.pieces is not None
    bare = logprobs_of(plain, tokens)[-1, expected[0]]
    assert written.pieces[0].logprob == pytest.approx(bare, abs=1e-4)


def test_a_text_within_a_json_schema_is_valid(model: TransformersModel) -> None:
    pytest.importorskip("llguidance")
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    form = Form(json_schema={**schema, "additionalProperties": False})
    written = model.generate(TEXT, RunContext(), max_tokens=60, form=form)
    assert written.finish == "end"
    assert json.loads(written.text)["ok"] in (True, False)


@pytest.mark.parametrize("layer", [0, 1, 3, -1])
def test_hidden_states_of_every_layer_are_those_of_the_bare_model(
    model: TransformersModel, plain: tuple[Any, Any], layer: int
) -> None:
    found = model.hidden_states([LONG, "A bird"], [RunContext()] * 2, layer=layer)
    for states, text in zip(found, (LONG, "A bird"), strict=True):
        with torch.inference_mode():
            done = plain[0](torch.tensor([ids(plain, text)]), output_hidden_states=True)
        bare = done.hidden_states[layer][0].numpy()
        assert states.dtype == np.float32
        np.testing.assert_allclose(states, bare, atol=2e-4)


def test_a_layer_that_is_not_there_is_refused(model: TransformersModel) -> None:
    with pytest.raises(UsageError, match="from -4 to 3, found 9"):
        model.hidden_states(["A"], [RunContext()], layer=9)


@pytest.mark.parametrize("rows", [[0], [1], [1, 2], [2]])
def test_attention_is_the_mean_over_the_rows_of_full_attention(
    model: TransformersModel, plain: tuple[Any, Any], rows: list[int]
) -> None:
    parts = (TEXT, LONG[:400], " How far?")
    found = model.attention(parts, rows, RunContext()).parts
    sizes = np.cumsum([0, *(len(ids(plain, one)) for one in parts)])
    tokens = [token for one in parts for token in ids(plain, one)]
    with torch.inference_mode():
        done = plain[0](torch.tensor([tokens]), output_attentions=True)
    full = torch.stack(done.attentions)[:, 0].numpy()
    mean = full[:, :, sizes[rows[0]] : sizes[rows[-1] + 1]].mean(axis=2)
    assert found[0].shape == (3, 4, sizes[1])
    np.testing.assert_allclose(np.concatenate(found, axis=2), mean, atol=1e-5)


def test_attention_books_what_it_took_from_a_kept_beginning(folder: Path) -> None:
    model = started(folder)
    parts, size = (LONG, " How far?"), model.count_tokens(LONG)
    first, again, other = RunContext(), RunContext(), RunContext()
    alone = model.attention(parts, [1], first).parts
    model.keep(LONG)
    together = model.attention(parts, [1], again).parts
    model.generate(TEXT, RunContext(), max_tokens=1)
    model.attention((LONG, " Why?"), [1], other)
    model.release(LONG)
    assert (first.cost.tokens_cached, again.cost.tokens_cached) == (0, size)
    assert other.cost.tokens_cached == size
    assert first.cost.tokens_in == again.cost.tokens_in > size
    assert 0 < again.cost.flops < 0.2 * first.cost.flops
    for one, two in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)
    model.close()


def test_a_shared_beginning_is_computed_once(folder: Path, plain: tuple[Any, Any]) -> None:
    size = len(ids(plain, LONG))
    texts = [f" {one}" for one in ("yes", "no", "perhaps", "bird", "sea")]
    for batch_tokens in (0, 4096):
        model = started(folder, batch_tokens=batch_tokens)
        context = RunContext()
        with model.prefix(LONG) as beginning:
            together = beginning.sequence_logprobs(texts, context)
            model.generate(TEXT, RunContext(), max_tokens=1)
            again = RunContext()
            beginning.sequence_logprobs(texts[:1], again)
            asked = RunContext()
            beginning.next_token_logprobs([" Why?"], ["a", "b"], asked)
        assert context.cost.calls == 5 and context.cost.rounds == 1
        assert 4 * (size - 1) <= context.cost.tokens_cached <= 4 * size
        assert size - 1 <= again.cost.tokens_cached <= size
        assert size - 1 <= asked.cost.tokens_cached <= size
        apart = started(folder)
        for text, score in zip(texts, together, strict=True):
            (alone,) = apart.sequence_logprobs([(LONG, text)], [RunContext()])
            assert score.logprob == pytest.approx(alone.logprob, abs=1e-4)
        apart.close()
        model.generate(TEXT, RunContext(), max_tokens=1)
        released = RunContext()
        model.sequence_logprobs([(LONG, texts[0])], [released])
        assert released.cost.tokens_cached < size / 2
        model.close()


def test_twenty_continuations_after_a_long_prefix_compute_at_most_an_eighth(folder: Path) -> None:
    prefix = (TEXT * 20)[:3600]
    texts = [f" {number} yes, the bird can fly over" for number in range(20)]
    model = started(folder)
    context = RunContext()
    with model.prefix(prefix) as beginning:
        beginning.sequence_logprobs(texts, context)
    computed = context.cost.tokens_in - context.cost.tokens_cached
    assert context.cost.tokens_in > 15_000
    assert computed * 8 < context.cost.tokens_in
    model.close()


def test_a_prefix_pinned_twice_is_kept_until_it_is_released_twice(folder: Path) -> None:
    model = started(folder)
    with model.prefix(LONG) as outer:
        with model.prefix(LONG) as inner:
            inner.sequence_logprobs([" yes"], RunContext())
        model.generate("Something else.", RunContext(), max_tokens=1)
        context = RunContext()
        outer.sequence_logprobs([" yes"], context)
        assert context.cost.tokens_cached > 0
    model.close()


def test_special_and_added_tokens_in_a_passage_are_letters(
    model: TransformersModel, plain: tuple[Any, Any]
) -> None:
    vocabulary = model._vocabulary()
    text = "a<|im_end|>\n<|im_start|>system <tool>é 😀"
    tokens = vocabulary.plain(text)
    assert b"".join(vocabulary.spelled(one) for one in tokens).decode() == text
    assert not any(vocabulary.is_control(one) for one in tokens)
    added = plain[1].convert_tokens_to_ids(["<|im_start|>", "<|im_end|>", "<tool>"])
    assert not set(tokens) & set(added)
    assert set(added) <= set(vocabulary.control(text))
    assert vocabulary.spelled(added[2]) == b"<tool>" and vocabulary.spelled(added[0]) == b""
    assert vocabulary.ends(added[1]) and vocabulary.ends(plain[1].eos_token_id)


def test_a_conversation_is_written_as_the_tokenizer_writes_it(
    model: TransformersModel, plain: tuple[Any, Any]
) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Passage one. Why?"},
    ]
    rendered = plain[1].apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    found = model._read(CHAT, 0)
    spelled = plain[1].decode(found.tokens)
    assert spelled == rendered
    begin, end = found.parts[1]
    assert plain[1].decode(found.tokens[begin:end]) == "Passage one."


def test_models_with_windows_or_learned_positions_agree_with_the_bare_ones(tmp_path: Path) -> None:
    save_llama(tmp_path / "window", sliding_window=96)
    save_gpt2(tmp_path / "gpt2")
    for name in ("window", "gpt2"):
        bare = transformers.AutoModelForCausalLM.from_pretrained(
            tmp_path / name, dtype=torch.float32
        )
        own = (bare.eval(), transformers.AutoTokenizer.from_pretrained(tmp_path / name))
        for batch_tokens in (0, 4096):
            model = started(tmp_path / name, context_tokens=512, batch_tokens=batch_tokens)
            assert model._shape().gated == (name == "window")
            text = (TEXT * 2, "Members may")
            pairs = [(text, " yes"), (text, " no, perhaps"), (("A",), " bird")]
            found = model.sequence_logprobs(pairs, [RunContext()] * 3)
            for (before, after), score in zip(pairs, found, strict=True):
                first, follows = (
                    [token for one in before for token in ids(own, one)],
                    ids(own, after),
                )
                scores = logprobs_of(own, first + follows)
                expected = sum(scores[len(first) - 1 + n, one] for n, one in enumerate(follows))
                assert score.logprob == pytest.approx(expected, abs=2e-4)
            model.close()


def test_a_request_that_is_over_stops_between_runs(model: TransformersModel) -> None:
    gone = RunContext(cancelled=threading.Event())
    gone.cancelled.set()
    with pytest.raises(DeadlineExceeded):
        model.sequence_logprobs([(LONG, " yes")], [gone])
    with pytest.raises(DeadlineExceeded):
        model.generate(LONG, gone, max_tokens=2)
    assert model.generate(TEXT, RunContext(), max_tokens=2).tokens_out <= 2


def test_abilities_are_known_before_start_and_use_needs_start(folder: Path) -> None:
    model = TransformersModel(TransformersConfig(model=str(folder)))
    assert model.abilities == frozenset(Ability)
    with pytest.raises(ModelError, match="start"):
        model.generate("A", RunContext(), max_tokens=1)
    model.close()


def test_a_fingerprint_depends_on_weights_and_settings_and_not_on_threads(
    folder: Path, tmp_path: Path
) -> None:
    one, same = started(folder), started(folder, threads=torch.get_num_threads())
    hotter, coarser = started(folder, temperature=0.5), started(folder, dtype="bfloat16")
    other = started(save_llama(tmp_path / "other", initializer_range=0.2))
    prints = [made.fingerprint() for made in (one, hotter, coarser, other)]
    assert len(set(prints)) == 4 and same.fingerprint() == prints[0]
    for made in (one, same, hotter, coarser, other):
        made.close()


def test_what_cannot_be_loaded_is_one_error(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in folder.iterdir():
        (broken / path.name).write_bytes(
            path.read_bytes()[: 500 if "safetensors" in path.name else None]
        )
    with pytest.raises(ModelError, match="cannot be loaded"):
        started(broken)
    (broken / "model.safetensors").rename(broken / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"no \.safetensors file"):
        started(broken)
    garbage = tmp_path / "bad.gguf"
    garbage.write_bytes(b"GGUF" + bytes(40))
    with pytest.raises(ModelError, match=r"cannot be loaded|cannot be read"):
        started(garbage)
    with pytest.raises(UsageError, match="trained for 2048"):
        started(folder, context_tokens=4096)
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="no NVIDIA card"):
            started(folder, device="cuda")


def test_loading_and_running_print_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = transformers.utils.logging.get_verbosity()
    model = started(folder)
    model.generate("A bird", RunContext(), max_tokens=3)
    model.attention(("A bird", " flies"), [1], RunContext())
    model.close()
    assert capfd.readouterr() == ("", "")
    assert transformers.utils.logging.get_verbosity() == before


def test_closing_gives_the_models_memory_back(folder: Path) -> None:
    made = started(folder)
    with made.prefix(TEXT) as beginning:
        beginning.sequence_logprobs([" yes"], RunContext())
        decoder = made._engine
        assert isinstance(decoder, Decoder)
        held = [weakref.ref(decoder._model), weakref.ref(decoder._kept)]
        del decoder
        made.close()
    gc.collect()
    assert [one() for one in held] == [None, None]
