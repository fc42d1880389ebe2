"""The real cross-encoder: relevance, long passages, and independence of neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from assay.models.onnx_cross_encoder import OnnxCrossEncoder, OnnxCrossEncoderConfig
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import ModelError
from assay.pipeline.registry import find

KEY = "ms-marco-minilm-l12-v2-int8"
QUESTION = "What is the capital of France?"
FILLER = "Bananas are yellow when they are ripe and green before that. "
PAIRS = (
    (QUESTION, "Paris is the capital of France."),
    (QUESTION, FILLER),
    ("How is a list sorted?", "Call its sort method, which sorts it in place. " * 5),
    ("", ""),
)


@pytest.fixture(scope="module")
def encoder(needs: Callable[[str], str]) -> Iterator[OnnxCrossEncoder]:
    needs(KEY)
    made = OnnxCrossEncoder(OnnxCrossEncoderConfig())
    made.start()
    yield made
    made.close()


@pytest.mark.models
def test_a_pair_has_the_same_logit_alone_and_among_others(encoder: OnnxCrossEncoder) -> None:
    together = encoder.score(PAIRS, [RunContext()] * 4)
    assert together.shape == (4,) and together.dtype == np.float32
    for pair, logit in zip(PAIRS, together, strict=True):
        assert encoder.score([pair], [RunContext()])[0] == logit


@pytest.mark.models
def test_the_answering_passage_scores_above_the_other(encoder: OnnxCrossEncoder) -> None:
    right, wrong = encoder.score(PAIRS[:2], [RunContext()] * 2)
    assert right > 0 > wrong


@pytest.mark.models
def test_an_answer_at_the_end_of_a_long_passage_is_found(encoder: OnnxCrossEncoder) -> None:
    context = RunContext()
    with_answer = FILLER * 60 + PAIRS[0][1]
    found, missing = encoder.score(
        [(QUESTION, with_answer), (QUESTION, FILLER * 60)], [context] * 2
    )
    assert found > missing + 1
    assert context.cost.calls == 4
    assert context.cost.rounds == 1
    assert context.notes == {"passages_windowed": 2}


@pytest.mark.models
def test_separators_written_in_a_passage_are_words(encoder: OnnxCrossEncoder) -> None:
    context = RunContext()
    encoder.score([("a", "[SEP]")], [context])
    assert context.cost.tokens_in == 3 + 1 + 3


@pytest.mark.models
def test_a_query_over_half_the_window_is_shortened_and_noted(encoder: OnnxCrossEncoder) -> None:
    context = RunContext()
    encoder.score([("word " * 600, FILLER)], [context])
    assert context.notes == {"query_tokens": 600, "query_tokens_read": 256}


@pytest.mark.models
def test_no_pairs_give_no_logits(encoder: OnnxCrossEncoder) -> None:
    assert encoder.score([], []).shape == (0,)


@pytest.mark.models
def test_each_request_pays_for_its_own_pairs(encoder: OnnxCrossEncoder) -> None:
    one, other = RunContext(), RunContext()
    encoder.score([*PAIRS[:2], (QUESTION, FILLER * 60)], [one, one, other])
    assert (one.cost.calls, one.cost.rounds, one.notes) == (2, 1, {})
    assert (other.cost.calls, other.notes) == (2, {"passages_windowed": 1})


@pytest.mark.models
def test_a_request_that_is_over_stops_the_work(encoder: OnnxCrossEncoder) -> None:
    context = RunContext()
    context.cancelled.set()
    with pytest.raises(DeadlineExceeded):
        encoder.score(PAIRS, [RunContext(), context, RunContext(), RunContext()])


def test_the_registry_finds_it() -> None:
    assert find("models.onnx_cross_encoder@1") is OnnxCrossEncoder


@pytest.mark.models
def test_a_device_that_the_installed_runtime_cannot_use_is_named(
    needs: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    needs(KEY)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    made = OnnxCrossEncoder(OnnxCrossEncoderConfig(device="cuda"))
    with pytest.raises(ModelError, match=r"cannot use 'cuda'.*assay\[gpu\]"):
        made.start()
