"""llama.cpp as an embedder: a real language model, and a tiny encoder made here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from assay.models.llama_cpp_embedder import LlamaCppEmbedder, LlamaCppEmbedderConfig
from assay.models.protocols import Embedder, Floats
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import ModelError, UsageError
from assay.pipeline.registry import find

pytest.importorskip("llama_cpp", reason="needs the extra llama")
gguf = pytest.importorskip("gguf", reason="needs the library gguf, which writes the tiny encoder")

KEY = "smollm2-135m-instruct-q4_1"
WORDS = "a bird can fly over the sea and back again how far does it go in one day".split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = [".", "[", "]", "cls", "sep", "?"]
WIDTH, INNER, LAYERS, HEADS, LONGEST = 32, 64, 2, 2, 64
SHORT = "how far can a bird fly"
LONG = "the bird can fly over the sea and back again . " * 12


def write_encoder(path: Path, *, pooling: int) -> dict[str, Floats]:
    """A BERT with random weights; gives its weights back by GGUF name."""
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_context_length(LONGEST)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType(pooling))
    writer.add_token_type_count(2)
    writer.add_tokenizer_model("bert")
    tokens = [*SPECIAL, *(f"\u2581{one}" for one in (*LETTERS, *WORDS))]
    writer.add_token_list(tokens)
    writer.add_token_types([3 if one in SPECIAL else 1 for one in tokens])
    for add, number in (
        (writer.add_pad_token_id, 0),
        (writer.add_unk_token_id, 1),
        (writer.add_bos_token_id, 2),
        (writer.add_sep_token_id, 3),
        (writer.add_eos_token_id, 3),
        (writer.add_mask_token_id, 4),
    ):
        add(number)
    random = np.random.default_rng(3)
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (len(tokens), WIDTH),
        "token_types.weight": (2, WIDTH),
        "position_embd.weight": (LONGEST, WIDTH),
        "token_embd_norm": (WIDTH,),
    }
    for block in range(LAYERS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            shapes[f"blk.{block}.{name}"] = (WIDTH, WIDTH)
        shapes[f"blk.{block}.ffn_up"] = (INNER, WIDTH)
        shapes[f"blk.{block}.ffn_down"] = (WIDTH, INNER)
        shapes[f"blk.{block}.attn_output_norm"] = (WIDTH,)
        shapes[f"blk.{block}.layer_output_norm"] = (WIDTH,)
    made = {}
    for name, shape in shapes.items():
        if name.endswith("weight"):
            made[name] = random.normal(0, 0.5, shape).astype(np.float32)
            continue
        middle = 1.0 if len(shape) == 1 else 0.0
        made[f"{name}.weight"] = random.normal(middle, 0.3, shape).astype(np.float32)
        made[f"{name}.bias"] = random.normal(0, 0.3, shape[:1]).astype(np.float32)
    for name, array in made.items():
        writer.add_tensor(name, np.ascontiguousarray(array, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return made


def by_hand(weights: dict[str, Floats], ids: Sequence[int]) -> Floats:
    """What a BERT makes of tokens, written out; shape ``(len(ids), WIDTH)``."""

    def norm(x: Floats, name: str) -> Floats:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def linear(x: Floats, name: str) -> Floats:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def heads(x: Floats) -> Floats:
        return x.reshape(len(ids), HEADS, -1).transpose(1, 0, 2)

    x = weights["token_embd.weight"][list(ids)] + weights["token_types.weight"][0]
    x = norm(x + weights["position_embd.weight"][: len(ids)], "token_embd_norm")
    for block in range(LAYERS):
        at = f"blk.{block}."
        q, k, v = (heads(linear(x, f"{at}attn_{one}")) for one in "qkv")
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(WIDTH // HEADS)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(x.shape)
        x = norm(linear(mixed, f"{at}attn_output") + x, f"{at}attn_output_norm")
        inner = linear(x, f"{at}ffn_up")
        gelu = 0.5 * inner * (1 + np.tanh(np.sqrt(2 / np.pi) * (inner + 0.044715 * inner**3)))
        x = norm(linear(gelu, f"{at}ffn_down") + x, f"{at}layer_output_norm")
    return x


def passages(embedder: Embedder, texts: Sequence[str], context: RunContext | None = None) -> Floats:
    return embedder.embed_passages(texts, [context or RunContext()] * len(texts))


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Floats]]:
    folder = tmp_path_factory.mktemp("encoders")
    write_encoder(folder / "mean.gguf", pooling=1)
    return folder, write_encoder(folder / "cls.gguf", pooling=2)


@pytest.fixture
def start() -> Iterator[Callable[..., LlamaCppEmbedder]]:
    made: list[LlamaCppEmbedder] = []

    def one(model: object, **settings: object) -> LlamaCppEmbedder:
        config = {"model": str(model), "max_tokens": 32, "threads": 1} | settings
        made.append(LlamaCppEmbedder(LlamaCppEmbedderConfig.model_validate(config)))
        made[-1].start()
        return made[-1]

    yield one
    for embedder in made:
        embedder.close()


def test_an_encoders_vector_is_the_one_computed_by_hand(
    encoders: tuple[Path, dict[str, Floats]], start: Callable[..., LlamaCppEmbedder]
) -> None:
    folder, weights = encoders
    first = len(SPECIAL) + len(LETTERS)
    states = by_hand(weights, [2, *(first + WORDS.index(one) for one in SHORT.split()), 3])
    for name, config, wanted in (
        ("cls", "model", states[0]),
        ("mean", "model", states.mean(axis=0)),
        ("cls", "mean", states.mean(axis=0)),
        ("mean", "last", states[-1]),
    ):
        embedder = start(folder / f"{name}.gguf", pooling=config, normalise=False)
        assert passages(embedder, [SHORT])[0] == pytest.approx(wanted, abs=0.02)
        assert embedder.similarity == "dot"


def test_names_of_special_tokens_are_words_and_the_frame_is_the_models_own(
    encoders: tuple[Path, dict[str, Floats]], start: Callable[..., LlamaCppEmbedder]
) -> None:
    embedder = start(encoders[0] / "cls.gguf")
    ids = embedder._cut("the [SEP] sea [CLS]", "", None)[0].ids
    assert (ids[0], ids[-1]) == (2, 3)
    assert not {0, 2, 3, 4} & set(ids[1:-1])
    assert list(embedder._cut("", "", None)[0].ids) == [2, 3]


def test_an_encoders_long_text_is_the_weighted_mean_of_its_windows(
    encoders: tuple[Path, dict[str, Floats]], start: Callable[..., LlamaCppEmbedder]
) -> None:
    embedder, context = start(encoders[0] / "cls.gguf"), RunContext()
    whole = passages(embedder, [LONG, "the sea"], context)[0]
    words = LONG.split()
    pieces = [words[at : at + 27] for at in range(0, len(words), 27)]
    alone = passages(embedder, [" ".join(piece) for piece in pieces])
    mean = np.asarray([len(piece) for piece in pieces]) @ alone
    assert whole == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
    assert (context.cost.calls, context.cost.tokens_in) == (6, 132 + 10 + 4)
    assert context.notes == {"texts_windowed": 1}


@pytest.mark.models
def test_a_language_model_gives_unit_vectors_that_do_not_depend_on_neighbours(
    needs: Callable[[str], str], start: Callable[..., LlamaCppEmbedder]
) -> None:
    embedder = start(needs(KEY), max_tokens=64)
    texts = [SHORT, LONG, "", "a", "<|im_start|> <|endoftext|>", "\ud800"]
    together = passages(embedder, texts)
    assert together.shape == (6, embedder.dimension) == (6, 576)
    assert together.dtype == np.float32 and embedder.similarity == "cosine"
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(6), abs=1e-5)
    for text, vector in zip(reversed(texts), reversed(together), strict=True):
        assert np.array_equal(passages(embedder, [text])[0], vector)
    names = embedder._cut("<|im_start|>", "", None)[0].ids
    assert len(names) > 2  # 1 would be the special token itself


@pytest.mark.models
def test_each_request_pays_for_its_own_texts_of_a_shared_call(
    needs: Callable[[str], str], start: Callable[..., LlamaCppEmbedder]
) -> None:
    one, other = RunContext(), RunContext()
    embedder = start(needs(KEY))
    embedder.embed_queries(["water", "the sea", "over the sea"], [one, other, one])
    assert (one.cost.calls, one.cost.rounds) == (2, 1)
    assert (other.cost.calls, other.cost.rounds, other.cost.tokens_in) == (1, 1, 2)
    assert one.cost.flops > other.cost.flops > 1e8


@pytest.mark.models
def test_a_prefix_is_read_as_if_it_stood_in_one_string(
    needs: Callable[[str], str], start: Callable[..., LlamaCppEmbedder]
) -> None:
    named, plain = start(needs(KEY), query_prefix="query: "), start(KEY)
    wanted = passages(plain, ["query: the sea"])
    assert np.array_equal(named.embed_queries(["the sea"], [RunContext()]), wanted)
    assert np.array_equal(passages(named, ["the sea"]), passages(plain, ["the sea"]))
    assert named.fingerprint() != plain.fingerprint()


def test_the_fingerprint_knows_what_vectors_depend_on_but_not_threads(
    encoders: tuple[Path, dict[str, Floats]], start: Callable[..., LlamaCppEmbedder]
) -> None:
    path = encoders[0] / "cls.gguf"
    base = start(path).fingerprint()
    assert start(path, threads=2).fingerprint() == start(path, pooling="cls").fingerprint() == base
    others = [
        start(path, pooling="mean"),
        start(path, normalise=False),
        start(path, max_tokens=16),
        start(path, passage_prefix="sea"),
        start(encoders[0] / "mean.gguf"),
    ]
    assert len({base, *(one.fingerprint() for one in others)}) == 6


def test_a_call_stops_when_one_of_its_requests_is_over(
    encoders: tuple[Path, dict[str, Floats]], start: Callable[..., LlamaCppEmbedder]
) -> None:
    embedder = start(encoders[0] / "cls.gguf")
    with pytest.raises(DeadlineExceeded):
        embedder.embed_passages(
            ["a", "b"], [RunContext(), RunContext(deadline=time.monotonic() - 1)]
        )
    ticks = iter(range(1000))
    with pytest.raises(DeadlineExceeded):
        passages(embedder, [LONG], RunContext(deadline=2, clock=lambda: float(next(ticks))))
    assert next(ticks) < 6


def test_what_cannot_be_loaded_or_read_is_named(
    encoders: tuple[Path, dict[str, Floats]],
    tmp_path: Path,
    start: Callable[..., LlamaCppEmbedder],
) -> None:
    (tmp_path / "junk.gguf").write_bytes(b"junk")
    with pytest.raises(ModelError, match="cannot be loaded"):
        start(tmp_path / "junk.gguf")
    with pytest.raises(UsageError, match="max_tokens is 65, but the model reads 64"):
        start(encoders[0] / "cls.gguf", max_tokens=65)
    with pytest.raises(UsageError, match="leaves no room"):
        start(encoders[0] / "cls.gguf", passage_prefix=LONG)
    closed = start(encoders[0] / "cls.gguf")
    closed.close()
    with pytest.raises(ModelError, match="call start"):
        passages(closed, ["a"])


def test_the_registry_finds_it() -> None:
    assert find("models.llama_cpp_embedder@1") is LlamaCppEmbedder
