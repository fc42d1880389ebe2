"""The embedder on torch, on tiny models with seeded random weights, made here."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from assay.models.pooling import unit
from assay.models.protocols import Embedder, Floats
from assay.models.torch_embedder import TorchEmbedder, TorchEmbedderConfig
from assay.models.torch_models import batches, folder_digest, worker_threads
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import ModelError, UsageError
from assay.pipeline.registry import find

torch = pytest.importorskip("torch", reason="needs the extra torch")
transformers = pytest.importorskip("transformers", reason="needs the extra torch")
sentence_transformers = pytest.importorskip("sentence_transformers", reason="needs the extra torch")

WORDS = "a bird can fly over the sea and back again how far does it go in one day".split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SHORT = "how far can a bird fly"
LONG = "the bird can fly over the sea and back again . " * 12
TEXTS = (SHORT, LONG, "the sea", "", "a", "\ud800", "again and again over the sea")


def save(
    folder: Path, *, pooling: str = "mean", side: str = "right", normalise: bool = False
) -> None:
    """A BERT of two layers with its tokenizer, as sentence-transformers keeps it."""
    backbone = folder.parent / f"{folder.name}-backbone"
    backbone.mkdir()
    letters = [".", "[", "]", "cls", "sep", "pad", "unk", "mask", "?"]
    (backbone / "vocab.txt").write_text("\n".join([*SPECIAL, *letters, *WORDS]) + "\n")
    transformers.BertTokenizerFast(str(backbone / "vocab.txt"), padding_side=side).save_pretrained(
        backbone
    )
    torch.manual_seed(3)
    config = transformers.BertConfig(
        vocab_size=len(SPECIAL) + len(letters) + len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        initializer_range=0.5,  # so that texts differ clearly
    )
    transformers.BertModel(config).save_pretrained(backbone)
    parts = sentence_transformers.sentence_transformer.modules
    transformer = parts.Transformer(str(backbone), max_seq_length=32)
    modules = [transformer, parts.Pooling(32, pooling_mode=pooling)]
    if normalise:
        modules.append(parts.Normalize())
    made = sentence_transformers.SentenceTransformer(modules=modules, device="cpu")
    made.save(str(folder), create_model_card=False)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("models")
    save(base / "mean", normalise=True)
    save(base / "left", side="left")
    save(base / "last", pooling="lasttoken", side="left")
    return base


@pytest.fixture
def start(folders: Path) -> Iterator[Callable[..., TorchEmbedder]]:
    made: list[TorchEmbedder] = []

    def one(name: str = "mean", **settings: object) -> TorchEmbedder:
        config = {"model": str(folders / name), "device": "cpu"} | settings
        made.append(TorchEmbedder(TorchEmbedderConfig.model_validate(config)))
        made[-1].start()
        return made[-1]

    yield one
    for embedder in made:
        embedder.close()


def passages(embedder: Embedder, texts: Sequence[str], context: RunContext | None = None) -> Floats:
    return embedder.embed_passages(texts, [context or RunContext()] * len(texts))


def queries(embedder: Embedder, texts: Sequence[str], context: RunContext | None = None) -> Floats:
    return embedder.embed_queries(texts, [context or RunContext()] * len(texts))


def test_a_vector_is_that_of_the_bare_library(
    folders: Path, start: Callable[..., TorchEmbedder]
) -> None:
    bare = sentence_transformers.SentenceTransformer(str(folders / "mean"), device="cpu")
    wanted = bare.encode([SHORT, "the sea"], show_progress_bar=False)
    assert passages(start(), [SHORT, "the sea"]) == pytest.approx(wanted, abs=1e-6)


def test_vectors_have_length_one_and_do_not_depend_on_their_neighbours(
    start: Callable[..., TorchEmbedder],
) -> None:
    embedder = start()
    together = passages(embedder, TEXTS)
    assert together.shape == (len(TEXTS), embedder.dimension) == (7, 32)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(7), abs=1e-6)
    for text, vector in zip(TEXTS, together, strict=True):
        assert (passages(embedder, [text])[0] == vector).all()
    assert queries(embedder, []).shape == (0, 32)
    assert abs(float(together[0] @ together[2])) < 0.99


@pytest.mark.parametrize("name", ["mean", "left", "last"])
def test_a_padded_batch_gives_what_single_texts_give_whatever_the_tokenizers_side(
    start: Callable[..., TorchEmbedder], name: str
) -> None:
    batched, single = start(name, batch_tokens=4096), start(name)
    assert batched.fingerprint() == single.fingerprint()
    assert passages(batched, TEXTS) == pytest.approx(passages(single, TEXTS), abs=1e-5)


def test_the_tokenizers_side_does_not_matter(start: Callable[..., TorchEmbedder]) -> None:
    right, left = start("mean", batch_tokens=4096), start("left", batch_tokens=4096)
    assert passages(left, TEXTS) == pytest.approx(passages(right, TEXTS), abs=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_points_about_the_same_way(
    start: Callable[..., TorchEmbedder], dtype: str
) -> None:
    half, full = start(dtype=dtype), start()
    assert half.fingerprint() != full.fingerprint()
    cosines = (passages(half, TEXTS) * passages(full, TEXTS)).sum(axis=1)
    assert (cosines > 0.99).all() and (cosines < 1.0 - 1e-9).any()


def test_a_long_text_is_the_weighted_mean_of_its_windows(
    start: Callable[..., TorchEmbedder],
) -> None:
    embedder, context = start(), RunContext()
    whole = passages(embedder, [LONG, "the sea"], context)[0]
    words = LONG.split()
    size = -(-len(words) // 5)  # 132 tokens in windows of at most 30
    pieces = [words[at : at + size] for at in range(0, len(words), size)]
    alone = passages(embedder, [" ".join(piece) for piece in pieces])
    mean = np.asarray([len(piece) for piece in pieces]) @ alone
    assert whole == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
    assert (context.cost.calls, context.cost.rounds) == (6, 1)
    assert context.notes == {"texts_windowed": 1}


def test_each_request_pays_for_its_own_texts_of_a_shared_batch(
    start: Callable[..., TorchEmbedder],
) -> None:
    one, other = RunContext(), RunContext()
    start(batch_tokens=4096).embed_passages([LONG, "the sea", "a bird"], [one, other, one])
    assert (one.cost.calls, one.cost.rounds, one.cost.tokens_in) == (6, 1, 142 + 4)
    assert (other.cost.calls, other.cost.rounds, other.cost.tokens_in) == (1, 1, 4)
    weights = 2 * 32 * 2 * (2 * 32 + 64)
    assert other.cost.flops == 2 * weights * 4 + 4 * 2 * 32 * 16


def test_vectors_that_keep_their_length_do_so_even_behind_a_normalising_module(
    start: Callable[..., TorchEmbedder],
) -> None:
    raw, united = start(normalise=False), start()
    assert (raw.similarity, united.similarity) == ("dot", "cosine")
    vectors = passages(raw, [SHORT, "the sea"])
    assert (np.linalg.norm(vectors, axis=1) > 1.1).all()
    assert np.stack([unit(one) for one in vectors]) == pytest.approx(
        passages(united, [SHORT, "the sea"]), abs=1e-6
    )
    assert raw.fingerprint() != united.fingerprint()


@pytest.mark.parametrize("name", SPECIAL)
def test_names_of_special_tokens_in_a_text_are_words(
    start: Callable[..., TorchEmbedder], name: str
) -> None:
    embedder = start()
    window = embedder._cut(f"the {name} sea", "", None)[0]
    inside = window.ids[1:-1]
    assert window.own == len(inside) == 5
    assert not set(inside) & set(range(len(SPECIAL)))


def test_prefixes_come_from_the_models_files_and_an_explicit_one_wins(
    folders: Path, tmp_path: Path, start: Callable[..., TorchEmbedder]
) -> None:
    shutil.copytree(folders / "mean", tmp_path / "prompted")
    file = tmp_path / "prompted" / "config_sentence_transformers.json"
    said = json.loads(file.read_text())
    file.write_text(json.dumps(said | {"prompts": {"query": "over the sea ", "document": "go "}}))
    named, plain = start(model=str(tmp_path / "prompted")), start()
    by_hand = passages(plain, ["over the sea " + SHORT, "go " + SHORT])
    assert np.array_equal(queries(named, [SHORT])[0], by_hand[0])
    assert np.array_equal(passages(named, [SHORT])[0], by_hand[1])
    silent = start(model=str(tmp_path / "prompted"), query_prefix="", passage_prefix="")
    assert np.array_equal(queries(silent, [SHORT]), passages(plain, [SHORT]))
    assert len({one.fingerprint() for one in (named, plain, silent)}) == 3


def test_a_prefix_that_fills_the_window_is_refused_at_the_start(
    start: Callable[..., TorchEmbedder],
) -> None:
    with pytest.raises(UsageError, match="leaves no room"):
        start(query_prefix=LONG)


@pytest.mark.models
def test_the_catalogues_model_reads_what_it_was_trained_for(
    needs: Callable[[str], str], start: Callable[..., TorchEmbedder]
) -> None:
    embedder = start(model=needs("all-minilm-l6-v2"))
    query, near, far = passages(
        embedder,
        ["How do I put a list in order?", "A list is sorted by its method.", "Kettles boil water."],
    )
    assert near @ query > far @ query + 0.3
    context = RunContext()
    passages(embedder, ["water " * 300], context)
    assert (context.cost.calls, context.cost.tokens_in) == (2, 304)
    with pytest.raises(ValidationError, match=r"expected is one that ends \.safetensors"):
        TorchEmbedderConfig(model="bge-small-en-v1.5-int8")


def test_windows_longer_than_the_model_reads_are_refused(
    start: Callable[..., TorchEmbedder],
) -> None:
    with pytest.raises(UsageError, match="max_tokens is 64, but the model reads 32"):
        start(max_tokens=64)


def test_what_cannot_be_loaded_is_named(
    tmp_path: Path, start: Callable[..., TorchEmbedder]
) -> None:
    with pytest.raises(ModelError, match="holds no model"):
        start(model=str(tmp_path))
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickled")
    with pytest.raises(ModelError, match=r"no \.safetensors file"):
        start(model=str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="cannot be loaded"):
        start(model=str(tmp_path))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has an NVIDIA card")
def test_a_card_that_is_not_there_is_named(start: Callable[..., TorchEmbedder]) -> None:
    with pytest.raises(ModelError, match="sees no NVIDIA card"):
        start(device="cuda")


def test_a_call_stops_when_one_of_its_requests_is_over(
    start: Callable[..., TorchEmbedder],
) -> None:
    over = RunContext()
    over.cancelled.set()
    for embedder in (start(), start(batch_tokens=64)):
        with pytest.raises(DeadlineExceeded):
            embedder.embed_passages(["the sea"] * 9, [*[RunContext()] * 8, over])


def test_a_request_that_ends_between_batches_stops_there(
    start: Callable[..., TorchEmbedder],
) -> None:
    ticks = iter(range(1000))
    context = RunContext(deadline=5, clock=lambda: float(next(ticks)))
    with pytest.raises(DeadlineExceeded):
        passages(start(batch_tokens=8), ["the sea"] * 50, context)
    assert next(ticks) < 12


def test_worker_threads_leave_torchs_other_threads_their_cores() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        pool = worker_threads(2)
        later: list[int] = []
        other = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        other.start()
        other.join()
        assert {pool.submit(torch.get_num_threads).result() for _ in range(8)} == {1}
        assert (torch.get_num_threads(), later) == (2, [2])
        pool.shutdown()
    finally:
        torch.set_num_threads(before)


def test_the_record_beside_a_pulled_model_is_no_part_of_its_digest(folders: Path) -> None:
    before = folder_digest(folders / "left")
    (folders / "left" / "manifest.json").write_text('{"checked": 1}')
    assert folder_digest(folders / "left") == before
    (folders / "left" / "manifest.json").unlink()


def test_batches_hold_every_item_once_and_keep_to_their_tokens() -> None:
    lengths = [5, 1, 30, 7, 7, 2, 9]
    made = batches(lengths, 16)
    assert sorted(place for batch in made for place in batch) == list(range(7))
    assert [len(one) for one in batches(lengths, 0)] == [1] * 7
    for batch in made:
        padded = len(batch) * max(lengths[place] for place in batch)
        assert padded <= 16 or len(batch) == 1


def test_the_registry_finds_it() -> None:
    assert find("models.torch_embedder@1") is TorchEmbedder
