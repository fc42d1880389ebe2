from __future__ import annotations

import numpy as np
import pytest

from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.stages.rerank.kwik_sort import KwikSort, KwikSortConfig
from assay.stages.windows.cross_encoder import CrossEncoderWindows, CrossEncoderWindowsConfig
from assay.stages.windows.window import Sizes
from tests.conformance.samples import Sample, asked
from tests.stages.rerank.oracles import QUESTION, OracleRanker, ranking_of


def sample() -> Sample:
    ranker = CrossEncoderWindows(CrossEncoderWindowsConfig(), model=OverlapCrossEncoder(Config()))
    return Sample(asked(), config={"top": 2}, resources={"ranker": ranker})


def shuffled(n: int, seed: int) -> list[int]:
    found: list[int] = np.random.default_rng(seed).permutation(n).tolist()
    return found


def best_of(relevance: list[int], top: int) -> list[str]:
    return [str(place) for place in np.argsort(-np.array(relevance))[:top]]


@pytest.mark.parametrize("both_orders", [True, False])
def test_a_perfect_ranker_sorts_the_head_at_about_the_cost_told(both_orders: bool) -> None:
    node = KwikSort(KwikSortConfig(both_orders=both_orders), ranker=OracleRanker())
    told = node.estimate(100, Sizes(query=10, passage=10))
    calls, rounds = [], []
    for seed in range(40):
        relevance = shuffled(100, seed)
        context = RunContext(seed=seed)
        found = node.run(QUESTION, ranking_of(relevance), context)
        assert list(found.ids[:10]) == best_of(relevance, 10)
        calls.append(context.cost.calls)
        rounds.append(context.cost.rounds)
    assert abs(told.calls / np.mean(calls) - 1) < 0.1
    assert abs(told.rounds / np.mean(rounds) - 1) < 0.1
