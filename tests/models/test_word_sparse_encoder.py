from __future__ import annotations

import math

import pytest

from assay.models.word_sparse_encoder import WordSparseEncoder
from assay.pipeline.component import Config
from assay.pipeline.context import DeadlineExceeded, RunContext


def test_each_content_word_weighs_by_its_count() -> None:
    (found,) = WordSparseEncoder(Config()).encode_passages(
        ["The cat saw a cat run"], [RunContext()]
    )
    assert found == {"cat": pytest.approx(math.log(3)), "saw": math.log(2), "run": math.log(2)}


def test_queries_and_passages_are_read_alike_and_a_call_is_booked_for_each() -> None:
    encoder, one, other = WordSparseEncoder(Config()), RunContext(), RunContext()
    queries = encoder.encode_queries(["cat", "mat", ""], [one, other, other])
    assert queries == encoder.encode_passages(["cat", "mat", ""], [RunContext()] * 3)
    assert queries[2] == {}
    assert (one.cost.calls, other.cost.calls) == (1, 2)


def test_a_request_that_is_over_stops_it() -> None:
    context = RunContext()
    context.cancelled.set()
    with pytest.raises(DeadlineExceeded):
        WordSparseEncoder(Config()).encode_queries(["cat"], [context])
