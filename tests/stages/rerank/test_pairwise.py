from __future__ import annotations

import numpy as np
import pytest

from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.stages.rerank.pairwise import PairwiseConfig, PairwiseRerank
from assay.stages.windows.cross_encoder import CrossEncoderWindows, CrossEncoderWindowsConfig
from assay.stages.windows.window import Sizes
from tests.conformance.samples import Sample, asked
from tests.stages.rerank.oracles import QUESTION, OracleRanker, ranking_of


def sample() -> Sample:
    ranker = CrossEncoderWindows(CrossEncoderWindowsConfig(), model=OverlapCrossEncoder(Config()))
    return Sample(asked(), config={"sampler": "all"}, resources={"ranker": ranker})


def shuffled(n: int, seed: int) -> list[int]:
    found: list[int] = np.random.default_rng(seed).permutation(n).tolist()
    return found


def best_of(relevance: list[int], top: int) -> list[str]:
    return [str(place) for place in np.argsort(-np.array(relevance))[:top]]


@pytest.mark.parametrize(
    ("config", "windows"),
    [
        ({"sampler": "all"}, 30 * 29),
        ({"sampler": "all", "both_orders": False}, 30 * 29),
        ({"sampler": "cyclic", "share": 0.2}, 2 * 30 * 6),
        ({"sampler": "cyclic", "share": 0.2, "dilation": 3}, 2 * 30 * 6),
        ({"sampler": "random", "share": 0.2, "both_orders": False}, 30 * 6),
        ({"sampler": "neighbours", "reach": 2}, 2 * (29 + 28)),
        ({"sampler": "all", "most_windows": 100}, 100),
    ],
)
def test_the_cost_told_is_the_cost_paid(config: dict[str, object], windows: int) -> None:
    node = PairwiseRerank(PairwiseConfig.model_validate(config), ranker=OracleRanker())
    context = RunContext()
    node.run(QUESTION, ranking_of(shuffled(30, 0)), context)
    told = node.estimate(30, Sizes(query=10, passage=10))
    assert (context.cost.calls, context.cost.rounds) == (windows, 1)
    assert (told.calls, told.rounds, told.tokens_in) == (windows, 1, context.cost.tokens_in)


def test_all_pairs_sort_and_a_third_of_them_find_most_of_the_best() -> None:
    every = PairwiseRerank(PairwiseConfig(sampler="all"), ranker=OracleRanker())
    third = PairwiseRerank(PairwiseConfig(share=0.3), ranker=OracleRanker())
    kept = []
    for seed in range(10):
        relevance = shuffled(50, seed)
        found = every.run(QUESTION, ranking_of(relevance), RunContext())
        assert list(found.ids) == best_of(relevance, 50)
        some = third.run(QUESTION, ranking_of(relevance), RunContext())
        kept.append(len({*some.ids[:10]} & {*best_of(relevance, 10)}))
    assert np.mean(kept) >= 7.5


def test_contradictions_and_pairs_left_out_are_in_the_run_record() -> None:
    context = RunContext()
    node = PairwiseRerank(
        PairwiseConfig(sampler="all", most_windows=200), ranker=OracleRanker(error=0.3)
    )
    node.run(QUESTION, ranking_of(shuffled(20, 1)), context)
    notes = context.notes
    assert (notes["pairs"], notes["pairs_left_out"], notes["pairs_both_orders"]) == (100, 90, 100)
    assert isinstance(notes["pairs_inconsistent"], int)
    assert 0 < notes["pairs_inconsistent"] < 100


def test_the_same_seed_compares_the_same_pairs() -> None:
    config = PairwiseConfig(sampler="random", share=0.1, nearness=1.0)
    node = PairwiseRerank(config, ranker=OracleRanker())
    ranking = ranking_of(shuffled(40, 2))
    first, again, other = (
        node.run(QUESTION, ranking, RunContext(seed=seed)).ids for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
