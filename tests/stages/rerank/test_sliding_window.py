from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.stages.rerank.sliding_window import SlidingWindowConfig, SlidingWindowRerank
from assay.stages.windows.cross_encoder import CrossEncoderWindows, CrossEncoderWindowsConfig
from assay.stages.windows.window import Sizes
from tests.conformance.samples import Sample, asked
from tests.stages.rerank.oracles import QUESTION, OracleRanker, ranking_of


def sample() -> Sample:
    ranker = CrossEncoderWindows(CrossEncoderWindowsConfig(), model=OverlapCrossEncoder(Config()))
    return Sample(asked(), config={"window": 2, "step": 1}, resources={"ranker": ranker})


def test_a_window_climbs_and_the_ledger_says_what_it_cost() -> None:
    relevance = np.random.default_rng(0).permutation(100).tolist()
    node = SlidingWindowRerank(SlidingWindowConfig(), ranker=OracleRanker())
    context = RunContext()
    found = node.run(QUESTION, ranking_of(relevance), context)
    best = [str(place) for place in np.argsort(-np.array(relevance))[:10]]
    assert list(found.ids[:10]) == best
    assert (context.cost.calls, context.cost.rounds) == (9, 9)
    estimated = node.estimate(100, Sizes(query=10, passage=10))
    assert (estimated.calls, estimated.rounds) == (9, 9)


def test_a_ranker_of_small_windows_gets_small_windows_and_small_steps() -> None:
    ranker = OracleRanker(most=4)
    node = SlidingWindowRerank(SlidingWindowConfig(), ranker=ranker)
    node.run(QUESTION, ranking_of(range(20)), RunContext())
    assert max(ranker.windows) == 4
    assert len(ranker.windows) == 9  # ceil((20 - 4) / 2) + 1


def test_a_step_over_the_window_is_refused() -> None:
    with pytest.raises(ValidationError, match="leaves passages out"):
        SlidingWindowConfig(window=5, step=6)
