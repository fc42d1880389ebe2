"""The torch sparse encoder, on a tiny masked language model with seeded random weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.models.torch_sparse_encoder import TorchSparseEncoder, TorchSparseEncoderConfig
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import ModelError, UsageError

torch = pytest.importorskip("torch", reason="needs the extra torch")
transformers = pytest.importorskip("transformers", reason="needs the extra torch")

WORDS = "a bird can fly over the sea and back again how far does it go in one day".split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "."]
LONG = "the bird can fly over the sea and back again . " * 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers with its language head and tokenizer."""
    base = tmp_path_factory.mktemp("splade")
    (base / "vocab.txt").write_text("\n".join([*SPECIAL, *WORDS]) + "\n", encoding="utf-8")
    transformers.BertTokenizerFast(str(base / "vocab.txt")).save_pretrained(base)
    torch.manual_seed(3)
    config = transformers.BertConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        initializer_range=0.6,  # so that logits differ
    )
    transformers.BertForMaskedLM(config).save_pretrained(base)
    return base


def started(folder: Path, **settings: Any) -> TorchSparseEncoder:
    config = {"model": str(folder), "max_tokens": 32, "device": "cpu"} | settings
    made = TorchSparseEncoder(TorchSparseEncoderConfig.model_validate(config))
    made.start()
    return made


@pytest.fixture
def encoder(folder: Path) -> Iterator[TorchSparseEncoder]:
    made = started(folder)
    yield made
    made.close()


def bare(folder: Path, text: str) -> Mapping[str, float]:
    """Equation 6 over what transformers itself gives."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForMaskedLM.from_pretrained(folder).eval()
    with torch.inference_mode():
        logits = model(**tokenizer(text, return_tensors="pt")).logits[0].numpy()
    weights = np.log1p(np.maximum(logits, 0)).max(axis=0)
    names = tokenizer.convert_ids_to_tokens(range(len(weights)))
    special = set(SPECIAL[:5])
    return {
        name: float(weight)
        for name, weight in zip(names, weights, strict=True)
        if weight > 0 and name not in special
    }


def test_weights_are_those_of_the_paper_over_the_bare_model(
    folder: Path, encoder: TorchSparseEncoder
) -> None:
    (found,) = encoder.encode_passages(["how far can a bird fly"], [RunContext()])
    expected = bare(folder, "how far can a bird fly")
    assert found == pytest.approx(expected, rel=1e-4)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert len(found) > 3


def test_the_heaviest_terms_are_kept(folder: Path, encoder: TorchSparseEncoder) -> None:
    (whole,) = encoder.encode_queries(["the sea"], [RunContext()])
    few = started(folder, query_terms=2)
    (kept,) = few.encode_queries(["the sea"], [RunContext()])
    few.close()
    assert list(kept.items()) == list(whole.items())[:2]


def test_a_text_has_the_same_weights_alone_and_among_others(
    folder: Path, encoder: TorchSparseEncoder
) -> None:
    texts = ["the sea", LONG, "", "again and again"]
    together = encoder.encode_passages(texts, [RunContext()] * 4)
    alone = [encoder.encode_passages([text], [RunContext()])[0] for text in texts]
    assert together == alone
    batched = started(folder, batch_tokens=96)
    for one, other in zip(
        batched.encode_passages(texts, [RunContext()] * 4), together, strict=True
    ):
        assert one == pytest.approx(other, rel=1e-4)
    batched.close()


def test_a_long_text_keeps_each_terms_largest_weight_and_says_so(
    encoder: TorchSparseEncoder,
) -> None:
    context = RunContext()
    (whole,) = encoder.encode_passages([LONG], [context])
    (part,) = encoder.encode_passages([LONG[: len(LONG) // 12]], [RunContext()])
    assert context.notes["texts_windowed"] == 1
    assert context.cost.calls > 1
    assert set(part) - set(whole) == set() or len(whole) > len(part) // 2


def test_each_request_pays_for_its_own_texts(encoder: TorchSparseEncoder) -> None:
    one, other = RunContext(), RunContext()
    encoder.encode_queries(["the sea", "a bird", "a day"], [one, other, other])
    assert (one.cost.calls, other.cost.calls, other.cost.rounds) == (1, 2, 1)
    assert one.cost.flops > 0


def test_the_fingerprint_follows_weights_and_settings_and_not_the_batch(folder: Path) -> None:
    prints = []
    for settings in ({}, {"batch_tokens": 64}, {"max_tokens": 40}, {"passage_terms": 9}):
        made = started(folder, **settings)
        prints.append(made.fingerprint())
        made.close()
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def test_what_cannot_be_loaded_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        started(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="max_tokens"):
        started(folder, max_tokens=4096)
    backbone = tmp_path / "backbone"
    backbone.mkdir()
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(backbone)
    transformers.BertModel(transformers.BertConfig.from_pretrained(folder)).save_pretrained(
        backbone
    )
    with pytest.raises(ModelError, match="random numbers"):
        started(backbone)


def test_a_request_that_is_over_stops_the_work(encoder: TorchSparseEncoder) -> None:
    context = RunContext()
    context.cancelled.set()
    with pytest.raises(DeadlineExceeded):
        encoder.encode_queries(["the sea"], [context])


def test_once_closed_it_says_so(folder: Path) -> None:
    made = started(folder)
    made.close()
    with pytest.raises(ModelError, match="not loaded"):
        made.encode_queries(["x"], [RunContext()])
