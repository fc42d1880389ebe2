"""The torch resources, on tiny models with seeded random weights, made here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from assay.models.text_windows import text_windows
from assay.models.torch_cross_encoder import TorchCrossEncoder, TorchCrossEncoderConfig
from assay.models.torch_embedder import TorchEmbedder, TorchEmbedderConfig
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import ModelError, UsageError

torch = pytest.importorskip("torch", reason="needs the extra torch")
transformers = pytest.importorskip("transformers", reason="needs the extra torch")
sentence_transformers = pytest.importorskip("sentence_transformers", reason="needs the extra torch")

WORDS = "a bird can fly over the sea and back again how far does it go in one day".split()
SHORT = "how far can a bird fly"
LONG = "the bird can fly over the sea and back again . " * 12


def save_backbone(folder: Path, *, labels: int | None) -> None:
    """A BERT of two layers with its tokenizer."""
    folder.mkdir()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "."]
    (folder / "vocab.txt").write_text("\n".join([*special, *WORDS]) + "\n", encoding="utf-8")
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(3)
    config = transformers.BertConfig(
        vocab_size=len(special) + len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        **({} if labels is None else {"num_labels": labels}),
    )
    kind = transformers.BertModel if labels is None else transformers.BertForSequenceClassification
    kind(config).save_pretrained(folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("models")
    save_backbone(base / "judge", labels=1)
    save_backbone(base / "classes", labels=3)
    save_backbone(base / "backbone", labels=None)
    parts = sentence_transformers.sentence_transformer.modules
    transformer = parts.Transformer(str(base / "backbone"))
    pooling = parts.Pooling(transformer.get_embedding_dimension(), pooling_mode="mean")
    made = sentence_transformers.SentenceTransformer(modules=[transformer, pooling], device="cpu")
    made.save(str(base / "embedder"), create_model_card=False)
    return base


@pytest.fixture
def judge(folders: Path) -> Iterator[TorchCrossEncoder]:
    config = TorchCrossEncoderConfig(model=str(folders / "judge"), max_tokens=32, device="cpu")
    made = TorchCrossEncoder(config)
    made.start()
    yield made
    made.close()


@pytest.fixture
def embedder(folders: Path) -> Iterator[TorchEmbedder]:
    config = TorchEmbedderConfig(model=str(folders / "embedder"), max_tokens=32, device="cpu")
    made = TorchEmbedder(config)
    made.start()
    yield made
    made.close()


def test_a_logit_is_that_of_the_bare_classifier(folders: Path, judge: TorchCrossEncoder) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders / "judge")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folders / "judge")
    with torch.no_grad():
        wanted = model(**tokenizer(SHORT, "over the sea", return_tensors="pt")).logits.item()
    assert judge.score([(SHORT, "over the sea")], RunContext())[0] == pytest.approx(
        wanted, abs=1e-6
    )


def test_a_pair_has_the_same_logit_alone_and_among_others(judge: TorchCrossEncoder) -> None:
    pairs = [(SHORT, "over the sea"), ("the sea", LONG), ("", "")]
    together = judge.score(pairs, RunContext())
    assert together.shape == (3,) and together.dtype == np.float32
    for pair, logit in zip(pairs, together, strict=True):
        assert judge.score([pair], RunContext())[0] == logit
    assert judge.score([], RunContext()).shape == (0,)


def test_the_best_window_of_a_long_passage_counts_and_each_is_a_call(
    judge: TorchCrossEncoder,
) -> None:
    context = RunContext()
    whole = judge.score([(SHORT, LONG)], context)[0]
    room = 32 - 6 - 3
    pieces = text_windows(judge._model.tokenizer, LONG, room)
    assert "".join(piece.text for piece in pieces) == LONG
    alone = judge.score([(SHORT, piece.text) for piece in pieces], RunContext())
    assert whole == max(alone)
    assert (context.cost.calls, context.cost.rounds) == (len(pieces), 1)
    assert context.cost.tokens_in > 12 * 11
    assert context.cost.flops > 0


def test_a_long_query_is_cut_and_the_cut_is_noted(judge: TorchCrossEncoder) -> None:
    context = RunContext()
    judge.score([(LONG, "the sea")], context)
    assert context.notes["query_tokens_read"] == 16
    assert context.notes["query_tokens"] == 132


def test_vectors_have_length_one_and_do_not_depend_on_their_neighbours(
    embedder: TorchEmbedder,
) -> None:
    texts = [SHORT, LONG, "the sea", ""]
    together = embedder.embed_passages(texts, RunContext())
    assert together.shape == (4, embedder.dimension) == (4, 32)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(4), abs=1e-6)
    for text, vector in zip(texts, together, strict=True):
        assert (embedder.embed_passages([text], RunContext())[0] == vector).all()
    assert embedder.embed_queries([], RunContext()).shape == (0, 32)


def test_a_long_text_is_the_weighted_mean_of_its_windows(embedder: TorchEmbedder) -> None:
    context = RunContext()
    whole = embedder.embed_passages([LONG], context)[0]
    pieces = text_windows(embedder._model.tokenizer, LONG, 30)
    alone = embedder.embed_passages([piece.text for piece in pieces], RunContext())
    weights = [piece.tokens for piece in pieces]
    mean = np.asarray(weights) @ alone
    assert whole == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
    assert context.cost.calls == len(pieces) == 5


def test_a_prefix_changes_the_vector_and_one_that_fills_the_window_is_refused(
    folders: Path,
) -> None:
    config = TorchEmbedderConfig(
        model=str(folders / "embedder"), max_tokens=32, device="cpu", query_prefix="over the sea "
    )
    made = TorchEmbedder(config)
    made.start()
    query, passage = (
        made.embed_queries([SHORT], RunContext()),
        made.embed_passages([SHORT], RunContext()),
    )
    assert not np.allclose(query, passage)
    full = TorchEmbedder(config.model_copy(update={"query_prefix": LONG}))
    full.start()
    with pytest.raises(UsageError, match="leaves no room"):
        full.embed_queries([SHORT], RunContext())


def test_the_fingerprint_follows_weights_and_settings_and_not_the_device(folders: Path) -> None:
    def of(name: str, **settings: object) -> str:
        config = {"model": str(folders / name), "device": "cpu", "max_tokens": 32} | settings
        made = TorchCrossEncoder(TorchCrossEncoderConfig.model_validate(config))
        made.start()
        return made.fingerprint()

    assert of("judge") == of("judge", device="auto" if not torch.cuda.is_available() else "cpu")
    assert of("judge") != of("judge", max_tokens=64)


def test_what_cannot_be_loaded_is_named(folders: Path, tmp_path: Path) -> None:
    def start(folder: Path) -> None:
        TorchCrossEncoder(TorchCrossEncoderConfig(model=str(folder), device="cpu")).start()

    with pytest.raises(ModelError, match="holds no model"):
        start(tmp_path)
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickled")
    with pytest.raises(ModelError, match=r"no \.safetensors file"):
        start(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="cannot be loaded"):
        start(tmp_path)
    with pytest.raises(ModelError, match="gives 3 numbers for a pair, expected one"):
        start(folders / "classes")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has an NVIDIA card")
def test_a_card_that_is_not_there_is_named(folders: Path) -> None:
    made = TorchEmbedder(TorchEmbedderConfig(model=str(folders / "embedder"), device="cuda"))
    with pytest.raises(ModelError, match="sees no NVIDIA card"):
        made.start()


def test_windows_that_begin_inside_a_word_still_fit(embedder: TorchEmbedder) -> None:
    """By itself the rest of a word may be read as more tokens than within it."""

    def tokenizer(text: str, **_: object) -> dict[str, list[tuple[int, int]]]:
        words = [(i, min(i + 2, len(text))) for i in range(0, len(text), 2)]
        if text.startswith("b"):  # the rest of a word: a token a letter
            words = [(i, i + 1) for i in range(len(text))]
        return {"offset_mapping": words}

    windows = text_windows(tokenizer, "ab" * 10 + "bb" * 10, 6)
    assert "".join(one.text for one in windows) == "ab" * 10 + "bb" * 10
    assert all(one.tokens <= 6 for one in windows)


def test_windows_longer_than_the_model_reads_are_refused(folders: Path) -> None:
    config = TorchEmbedderConfig(model=str(folders / "embedder"), max_tokens=256, device="cpu")
    with pytest.raises(UsageError, match="max_tokens is 256, but the model reads 128"):
        TorchEmbedder(config).start()


def test_a_request_that_is_over_stops_between_slices(judge: TorchCrossEncoder) -> None:
    context = RunContext()
    context.cancelled.set()
    with pytest.raises(DeadlineExceeded):
        judge.score([(SHORT, LONG)] * 50, context)
