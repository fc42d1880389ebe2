"""The torch cross-encoder, on tiny classifiers with seeded random weights, made here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.models.torch_cross_encoder import TorchCrossEncoder, TorchCrossEncoderConfig
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import ModelError, UsageError
from assay.pipeline.registry import find

torch = pytest.importorskip("torch", reason="needs the extra torch")
transformers = pytest.importorskip("transformers", reason="needs the extra torch")
pytest.importorskip("sentence_transformers", reason="needs the extra torch")

WORDS = "a bird can fly over the sea and back again how far does it go in one day".split()
SHORT = "how far can a bird fly"
LONG = "the bird can fly over the sea and back again . " * 12
PAIRS = [(SHORT, "over the sea"), ("the sea", LONG), ("", ""), (SHORT, "again and again")]


def save(folder: Path, *, labels: int | None) -> None:
    """A BERT of two layers with its tokenizer."""
    folder.mkdir()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "[", "]", "sep"]
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
        **({"num_labels": labels} if labels else {}),
    )
    kind = transformers.BertForSequenceClassification if labels else transformers.BertModel
    made = kind(config)
    if labels:
        made.classifier.weight.data.normal_(std=1.0)  # so that pairs differ
    made.save_pretrained(folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("models")
    save(base / "judge", labels=1)
    save(base / "classes", labels=3)
    save(base / "backbone", labels=None)
    return base


def started(folder: Path, **settings: Any) -> TorchCrossEncoder:
    config = {"model": str(folder), "max_tokens": 32, "device": "cpu"} | settings
    made = TorchCrossEncoder(TorchCrossEncoderConfig.model_validate(config))
    made.start()
    return made


@pytest.fixture
def judge(folders: Path) -> Iterator[TorchCrossEncoder]:
    made = started(folders / "judge")
    yield made
    made.close()


def alone(made: TorchCrossEncoder, query: str, passage: str) -> np.float32:
    found: np.float32 = made.score([(query, passage)], [RunContext()])[0]
    return found


def bare(folders: Path, query: str, passage: str) -> float:
    """What transformers itself gives."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders / "judge")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folders / "judge")
    with torch.no_grad():
        found: float = model(**tokenizer(query, passage, return_tensors="pt")).logits.item()
    return found


def test_a_logit_is_that_of_the_bare_classifier(folders: Path, judge: TorchCrossEncoder) -> None:
    for passage in ("over the sea", "again"):
        assert alone(judge, SHORT, passage) == pytest.approx(
            bare(folders, SHORT, passage), abs=1e-6
        )
    assert alone(judge, SHORT, "over the sea") != alone(judge, SHORT, "again")


def test_a_pair_has_the_same_logit_alone_and_among_others(judge: TorchCrossEncoder) -> None:
    together = judge.score(PAIRS, [RunContext()] * 4)
    assert together.shape == (4,) and together.dtype == np.float32
    for pair, logit in zip(PAIRS, together, strict=True):
        assert alone(judge, *pair) == logit
    assert judge.score([], []).shape == (0,)


@pytest.mark.parametrize(
    ("dtype", "budget", "tolerance"),
    [("float32", 1, 1e-6), ("float32", 96, 1e-5), ("bfloat16", 0, 0.05), ("bfloat16", 96, 0.05)],
)
def test_batches_and_half_precision_agree_within_their_tolerance(
    folders: Path, judge: TorchCrossEncoder, dtype: str, budget: int, tolerance: float
) -> None:
    made = started(folders / "judge", dtype=dtype, batch_tokens=budget)
    scores = made.score(PAIRS, [RunContext()] * 4)
    assert scores == pytest.approx(judge.score(PAIRS, [RunContext()] * 4), abs=tolerance)
    assert made.fingerprint() == judge.fingerprint() or dtype != "float32"
    made.close()


def test_the_best_window_of_a_long_passage_counts_and_each_is_a_call(
    judge: TorchCrossEncoder,
) -> None:
    context = RunContext()
    whole = judge.score([(SHORT, LONG)], [context])[0]
    room, tokens = 32 - 6 - 3, 12 * 11
    calls = -(-tokens // room)
    assert (context.cost.calls, context.cost.rounds) == (calls, 1)
    assert context.cost.tokens_in == tokens + calls * 9
    assert context.cost.flops > 0
    assert context.notes == {"passages_windowed": 1}
    words = LONG.split()
    pieces = [
        " ".join(words[at : at + tokens // calls]) for at in range(0, tokens, tokens // calls)
    ]
    assert whole == max(alone(judge, SHORT, piece) for piece in pieces)


def test_each_request_pays_for_its_own_pairs(judge: TorchCrossEncoder) -> None:
    one, other = RunContext(), RunContext()
    judge.score(PAIRS, [one, other, one, one])
    assert (one.cost.calls, one.cost.rounds, one.notes) == (3, 1, {})
    assert other.notes == {"passages_windowed": 1} and other.cost.calls > 1


def test_names_of_special_tokens_in_a_text_are_words(judge: TorchCrossEncoder) -> None:
    context = RunContext()
    judge.score([("a", "[SEP]")], [context])
    assert context.cost.tokens_in == 3 + 1 + 3
    assert alone(judge, "a", "[SEP]") != alone(judge, "a", "")


def test_a_long_query_is_cut_and_the_cut_is_noted(judge: TorchCrossEncoder) -> None:
    context = RunContext()
    judge.score([(LONG, "the sea")], [context])
    assert context.notes == {"query_tokens": 132, "query_tokens_read": 16}
    assert alone(judge, LONG, "the sea") == alone(judge, " ".join(LONG.split()[:16]), "the sea")


def test_the_fingerprint_follows_weights_and_settings_and_not_the_device(folders: Path) -> None:
    def of(**settings: Any) -> str:
        made = started(folders / "judge", **settings)
        found = made.fingerprint()
        made.close()
        return found

    assert of() == of(batch_tokens=64)
    assert len({of(), of(max_tokens=64), of(dtype="bfloat16")}) == 3


def test_what_cannot_be_loaded_is_named(folders: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no model"):
        started(tmp_path)
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickled")
    with pytest.raises(ModelError, match=r"no \.safetensors file"):
        started(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="cannot be loaded"):
        started(tmp_path)
    with pytest.raises(ModelError, match="gives 3 numbers for a pair, expected one"):
        started(folders / "classes")


def test_a_model_without_a_trained_head_is_refused(folders: Path) -> None:
    """transformers would give it random weights and a warning."""
    path = folders / "backbone" / "config.json"
    said = path.read_text(encoding="utf-8")
    path.write_text(said.replace("{", '{"id2label": {"0": "x"},', 1), encoding="utf-8")
    with pytest.raises(ModelError, match=r"has no weights for classifier"):
        started(folders / "backbone")


def test_windows_longer_than_the_model_reads_are_refused(folders: Path) -> None:
    with pytest.raises(UsageError, match="max_tokens is 256, but the model reads 128"):
        started(folders / "judge", max_tokens=256)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has an NVIDIA card")
def test_a_card_that_is_not_there_is_named(folders: Path) -> None:
    with pytest.raises(ModelError, match="sees no NVIDIA card"):
        started(folders / "judge", device="cuda")


def test_a_request_that_is_over_stops_the_work(judge: TorchCrossEncoder) -> None:
    context = RunContext()
    context.cancelled.set()
    with pytest.raises(DeadlineExceeded):
        judge.score([(SHORT, LONG)] * 2, [RunContext(), context])


def test_once_closed_it_says_so_and_the_registry_finds_it(folders: Path) -> None:
    made = started(folders / "judge")
    made.close()
    with pytest.raises(ModelError, match="call start"):
        made.score([(SHORT, "a")], [RunContext()])
    assert find("models.torch_cross_encoder@1") is TorchCrossEncoder
