from __future__ import annotations

import numpy as np
import pytest

from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.stages.rerank.active_pairs import ActivePairs, ActivePairsConfig
from assay.stages.windows.cross_encoder import CrossEncoderWindows, CrossEncoderWindowsConfig
from assay.stages.windows.window import Sizes
from tests.conformance.samples import Sample, asked
from tests.stages.rerank.oracles import QUESTION, OracleRanker, ranking_of


def sample() -> Sample:
    ranker = CrossEncoderWindows(CrossEncoderWindowsConfig(), model=OverlapCrossEncoder(Config()))
    return Sample(asked(), config={"top": 1}, resources={"ranker": ranker})


def shuffled(n: int, seed: int) -> list[int]:
    found: list[int] = np.random.default_rng(seed).permutation(n).tolist()
    return found


def best_of(relevance: list[int], top: int) -> list[str]:
    return [str(place) for place in np.argsort(-np.array(relevance))[:top]]


def test_a_perfect_ranker_gives_the_best_for_certain_at_the_cost_told() -> None:
    node = ActivePairs(ActivePairsConfig(), ranker=OracleRanker())
    told = node.estimate(30, Sizes(query=10, passage=10))
    calls = []
    for seed in range(20):
        relevance = shuffled(30, seed)
        context = RunContext(seed=seed)
        found = node.run(QUESTION, ranking_of(relevance), context)
        assert set(found.ids[:5]) == set(best_of(relevance, 5))
        assert context.notes["top_is_certain"] is True
        calls.append(context.cost.calls)
    assert np.mean(calls) < 30 * 29
    assert abs(told.calls / np.mean(calls) - 1) < 0.1


def test_a_budget_that_ends_too_early_is_told() -> None:
    context = RunContext()
    node = ActivePairs(ActivePairsConfig(most_windows=300), ranker=OracleRanker())
    node.run(QUESTION, ranking_of(shuffled(30, 0)), context)
    assert context.cost.calls <= 300
    assert context.notes["top_is_certain"] is False
    assert context.notes["undecided"] != 0


@pytest.mark.parametrize("beam", [1, 5])
def test_a_wider_beam_takes_fewer_rounds(beam: int) -> None:
    context = RunContext()
    node = ActivePairs(ActivePairsConfig(beam=beam), ranker=OracleRanker())
    node.run(QUESTION, ranking_of(shuffled(30, 0)), context)
    assert context.cost.rounds <= -(-15 // beam)
