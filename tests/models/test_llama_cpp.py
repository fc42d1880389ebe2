"""A real small language model: prefix reuse, plain text, limits, cancellation, silence."""

from __future__ import annotations

import gc
import importlib.util
import json
import math
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assay.models.language_model import Form, Generation
from assay.models.llama_cpp import LlamaCpp, LlamaCppConfig
from assay.models.llama_cpp_engine.vocabulary import LlamaCppVocabulary
from assay.models.prompt import Message
from assay.models.vocabulary import RUN
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import ModelError, UsageError
from assay.pipeline.registry import find

KEY = "smollm2-135m-instruct-q4_1"
PREFIX = "The library opens at nine and closes at five. Members may borrow three books. " * 12
engine_missing = pytest.mark.skipif(
    importlib.util.find_spec("llama_cpp") is None, reason="llama-cpp-python is not installed"
)


@pytest.fixture(scope="module")
def model(needs: Callable[[str], str]) -> Iterator[LlamaCpp]:
    if importlib.util.find_spec("llama_cpp") is None:
        pytest.skip("llama-cpp-python is not installed")
    needs(KEY)
    made = LlamaCpp(LlamaCppConfig(model=KEY, context_tokens=1024))
    made.start()
    yield made
    made.close()


@pytest.mark.models
def test_an_answer_is_the_same_whatever_was_asked_before(model: LlamaCpp) -> None:
    prompt = PREFIX + "\nQuestion: When does it open?\nAnswer:"
    model.generate("Something else.", RunContext(), max_tokens=1)
    cold_context, warm_context = RunContext(), RunContext()
    cold = model.generate(prompt, cold_context, max_tokens=16)
    again = model.generate(prompt, RunContext(), max_tokens=16)
    model.generate(PREFIX + "\nQuestion: How many?\nAnswer:", RunContext(), max_tokens=9)
    warm = model.generate(prompt, warm_context, max_tokens=16)
    assert cold == again == warm
    assert cold.tokens_in > RUN
    assert warm_context.cost.flops < 0.7 * cold_context.cost.flops
    assert warm_context.cost.tokens_in == cold_context.cost.tokens_in


@pytest.mark.models
def test_generated_tokens_are_never_reused_as_prompt(model: LlamaCpp) -> None:
    first = model.generate(PREFIX, RunContext(), max_tokens=RUN + 40)
    prompt = PREFIX + first.text + " And"
    warm = model.generate(prompt, RunContext(), max_tokens=8)
    model.generate("Something else.", RunContext(), max_tokens=1)
    assert warm == model.generate(prompt, RunContext(), max_tokens=8)


@pytest.mark.models
@pytest.mark.parametrize("control", ["<|im_start|>", "<|im_end|>", "<|endoftext|>"])
def test_names_of_control_tokens_are_read_as_letters(model: LlamaCpp, control: str) -> None:
    assert model.count_tokens(control) > 3


@pytest.mark.models
def test_text_ends_before_the_stop_string(model: LlamaCpp) -> None:
    free = model.generate("One, two, three, four,", RunContext(), max_tokens=12)
    assert "," in free.text
    stopped = model.generate("One, two, three, four,", RunContext(), max_tokens=12, stop=(",",))
    assert stopped.text == free.text.split(",")[0]
    assert stopped.tokens_out < free.tokens_out


@pytest.mark.models
def test_the_mean_log_probability_is_that_of_confident_greedy_choices(model: LlamaCpp) -> None:
    sure = model.generate("1, 2, 3, 4, 5, 6, 7, 8,", RunContext(), max_tokens=4)
    vague = model.generate("My", RunContext(), max_tokens=4)
    assert sure.mean_logprob is not None and vague.mean_logprob is not None
    assert vague.mean_logprob < sure.mean_logprob < 0
    assert vague.mean_logprob > -math.log(49_152)


@pytest.mark.models
def test_a_prompt_that_does_not_fit_is_refused_with_both_numbers(model: LlamaCpp) -> None:
    prompt = "word " * 2000
    count = model.count_tokens(prompt)
    with pytest.raises(UsageError, match=rf"{count} tokens .* 1024 together"):
        model.generate(prompt, RunContext(), max_tokens=8)


@pytest.mark.models
def test_a_cancelled_request_stops_and_leaves_the_model_usable(model: LlamaCpp) -> None:
    before = model.generate(PREFIX, RunContext(), max_tokens=4)
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(DeadlineExceeded):
        model.generate("Another " * 300, RunContext(cancelled=cancelled), max_tokens=4)
    assert model.generate(PREFIX, RunContext(), max_tokens=4) == before


@pytest.mark.models
def test_threads_get_their_own_answers(model: LlamaCpp) -> None:
    prompts = [f"{PREFIX}\nThe number is {number}" for number in range(4)]
    alone = [model.generate(prompt, RunContext(), max_tokens=5) for prompt in prompts]
    with ThreadPoolExecutor(4) as pool:
        together = pool.map(lambda one: model.generate(one, RunContext(), max_tokens=5), prompts)
    assert list(together) == alone


@pytest.mark.models
def test_a_temperature_draws_by_the_seed(model: LlamaCpp, needs: Callable[[str], str]) -> None:
    warm = LlamaCpp(LlamaCppConfig(model=needs(KEY), context_tokens=512, temperature=1.5))
    warm.start()
    texts = [
        warm.generate("My dream is", RunContext(seed=seed), max_tokens=12).text
        for seed in (1, 1, 2, 3)
    ]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1
    assert warm.fingerprint() != model.fingerprint()
    warm.close()
    with pytest.raises(ModelError, match="call start"):
        warm.generate("x", RunContext(), max_tokens=1)


@pytest.mark.models
def test_loading_writes_nothing_to_the_terminal(
    needs: Callable[[str], str], capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("llama_cpp")
    made = LlamaCpp(LlamaCppConfig(model=needs(KEY), context_tokens=256))
    made.start()
    made.generate("Hello", RunContext(), max_tokens=2)
    made.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.models
def test_more_context_than_the_model_was_trained_for_is_a_usage_error(
    needs: Callable[[str], str],
) -> None:
    pytest.importorskip("llama_cpp")
    with pytest.raises(UsageError, match="trained for 8192"):
        LlamaCpp(LlamaCppConfig(model=needs(KEY), context_tokens=10_000)).start()


@engine_missing
def test_a_file_that_is_no_model_is_a_model_error(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(b"junk")
    with pytest.raises(ModelError, match="whole GGUF"):
        LlamaCpp(LlamaCppConfig(model=str(path))).start()


def test_without_the_library_the_error_names_extra_compiler_and_alternative(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(ModelError, match=r"compiler and cmake.*assay\[llama\].*extractive"):
        LlamaCpp(LlamaCppConfig(model=KEY)).start()


@pytest.mark.models
def test_continuations_of_one_prompt_compute_it_once(model: LlamaCpp) -> None:
    continuations = [f" Book {number} was returned late." for number in range(6)]
    model.generate("Something else.", RunContext(), max_tokens=1)
    alone = [model.sequence_logprobs([(PREFIX, one)], [RunContext()])[0] for one in continuations]
    model.generate("Something else.", RunContext(), max_tokens=1)
    context = RunContext()
    together = model.sequence_logprobs([(PREFIX, one) for one in continuations], [context] * 6)
    assert together == alone
    length = len(model._read(PREFIX, 0).tokens)
    assert context.cost.tokens_cached == 5 * length
    assert context.cost.tokens_in == 6 * length + sum(one.tokens for one in together)


@pytest.mark.models
def test_a_kept_prefix_survives_other_prompts_and_gives_the_same_numbers(model: LlamaCpp) -> None:
    question = "\nQuestion: When does it open?\nAnswer:"
    model.generate("Something else.", RunContext(), max_tokens=1)
    with model.prefix(PREFIX) as beginning:
        first, second = RunContext(), RunContext()
        fresh = beginning.generate(question, first, max_tokens=8)
        model.generate("Something else. " * 40, RunContext(), max_tokens=2)
        again = beginning.generate(question, second, max_tokens=8)
    assert fresh == again
    length = len(model._read(PREFIX, 0).tokens)
    assert first.cost.tokens_cached < RUN <= length == second.cost.tokens_cached
    model.generate("Something else. " * 40, RunContext(), max_tokens=2)
    after = RunContext()
    assert model.generate((PREFIX, question), after, max_tokens=8) == fresh
    assert after.cost.tokens_cached == 0


@pytest.mark.models
def test_a_prefix_that_is_known_already_is_kept_as_well(model: LlamaCpp) -> None:
    model.generate((PREFIX, "It"), RunContext(), max_tokens=1)
    with model.prefix(PREFIX) as beginning:
        model.generate("Something else. " * 40, RunContext(), max_tokens=2)
        context = RunContext()
        beginning.sequence_logprobs([" yes"], context)
    assert context.cost.tokens_cached >= RUN


@pytest.mark.models
def test_streams_that_take_turns_write_what_they_would_alone(model: LlamaCpp) -> None:
    prompts = (PREFIX + "It", "Once upon a time")
    alone = [model.generate(prompt, RunContext(), max_tokens=8) for prompt in prompts]
    streams = [model.stream(prompt, RunContext(), max_tokens=8) for prompt in prompts]
    ends: list[Generation] = []
    while len(ends) < len(streams):
        for stream in streams:
            for piece in stream:
                if isinstance(piece, Generation):
                    ends.append(piece)
                break
    assert sorted(ends, key=lambda one: one.tokens_in) == sorted(
        alone, key=lambda one: one.tokens_in
    )


@pytest.mark.models
def test_a_closed_stream_ends_the_work_and_pays_for_what_was_written(model: LlamaCpp) -> None:
    context = RunContext()
    stream = model.stream("One, two, three,", context, max_tokens=200)
    next(stream)
    del stream
    assert 1 <= context.cost.tokens_out < 5


@pytest.mark.models
def test_answers_keep_a_schema_and_a_grammar(model: LlamaCpp) -> None:
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer", "minimum": 0, "maximum": 99}},
        "required": ["age"],
        "additionalProperties": False,
    }
    conversation = (Message("user", "How old is the librarian? Answer in JSON."),)
    written = model.generate(
        conversation, RunContext(), max_tokens=60, form=Form(json_schema=schema)
    )
    assert written.finish == "end"
    assert 0 <= json.loads(written.text)["age"] <= 99
    grammar = Form(grammar='root ::= "three weeks" | "a month"')
    assert model.generate("Loans last", RunContext(), max_tokens=9, form=grammar).text in (
        "three weeks",
        "a month",
    )


@pytest.mark.models
@pytest.mark.parametrize(
    "form",
    [
        Form(grammar="root ::= missing"),
        Form(grammar="((("),
        Form(json_schema={"type": "integer", "minimum": 5, "maximum": 3}),
        Form(json_schema={"type": "nonsense"}),
    ],
)
def test_a_form_that_nothing_can_meet_is_refused_before_anything_is_paid(
    model: LlamaCpp, form: Form
) -> None:
    context = RunContext()
    with pytest.raises(UsageError, match=r"cannot be (read|met)"):
        model.generate("x", context, max_tokens=5, form=form)
    assert context.cost.calls == 0


@pytest.mark.models
def test_megabytes_of_text_are_refused_at_once(model: LlamaCpp) -> None:
    with pytest.raises(UsageError, match=r"1024 together"):
        model.generate("a" * 10_000_000, RunContext(), max_tokens=1)


@pytest.mark.models
def test_hidden_states_are_those_of_the_last_block_alone(model: LlamaCpp) -> None:
    with pytest.raises(UsageError, match=r"layer=-1.*models.transformers"):
        model.hidden_states(["x"], [RunContext()], layer=3)


@pytest.mark.models
def test_closing_gives_the_models_memory_back(needs: Callable[[str], str]) -> None:
    made = LlamaCpp(LlamaCppConfig(model=needs(KEY), context_tokens=512))
    made.start()
    with made.prefix(PREFIX) as beginning:
        beginning.sequence_logprobs([" yes"], RunContext())
        held = [weakref.ref(one) for one in (made._engine, made._memory, made._tokens)]
        made.close()
    gc.collect()
    assert [one() for one in held] == [None, None, None]


@engine_missing
def test_a_card_is_refused_where_the_build_has_no_code_for_it(needs: Callable[[str], str]) -> None:
    import llama_cpp

    if llama_cpp.llama_supports_gpu_offload():
        pytest.skip("this build of llama.cpp computes on a card")
    with pytest.raises(ModelError, match="gpu_layers: 0"):
        LlamaCpp(LlamaCppConfig(model=needs(KEY), gpu_layers=-1)).start()


@engine_missing
def test_sentencepiece_tokens_have_no_space_that_was_not_written(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    import llama_cpp

    bytes_ = [f"<0x{number:02X}>" for number in range(256)]
    words = ["▁", "<tool>", "a", "b", "y", "e", "s", "▁a", "es", "yes", "▁yes"]
    tokens = ["<unk>", "<s>", "</s>", *bytes_, *words]
    kinds = [2, 3, 3, *[6] * 256, 1, 4, *[1] * (len(words) - 2)]
    writer = gguf.GGUFWriter(str(tmp_path / "tiny.gguf"), "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * 259 + [-float(10 - len(one)) for one in words])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_space_prefix(True)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    engine = llama_cpp.Llama(str(tmp_path / "tiny.gguf"), vocab_only=True, verbose=False)
    vocabulary = LlamaCppVocabulary(engine, llama_cpp)

    def pieces(text: str) -> list[str]:
        return [tokens[one] for one in vocabulary.plain(text)]

    assert pieces("yes") == ["yes"]
    assert pieces(" yes") == ["▁yes"]
    assert pieces("<s>")[0] == "<0x3C>"
    assert "<tool>" not in pieces("a<tool>b")
    assert [tokens[one] for one in vocabulary.control("<tool>")][-1] == "<tool>"
    assert vocabulary.opens_with_space
    assert b"".join(map(vocabulary.spelled, vocabulary.plain(" yes\n a"))) == b" yes\n a"
    engine.close()


def test_the_registry_finds_it() -> None:
    assert find("models.llama_cpp@1") is LlamaCpp
