from __future__ import annotations

import numpy as np

from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.stages.rerank.realm import Realm, RealmConfig
from assay.stages.windows.cross_encoder import CrossEncoderWindows, CrossEncoderWindowsConfig
from assay.stages.windows.window import Sizes
from tests.conformance.samples import Sample, asked
from tests.stages.rerank.oracles import QUESTION, OracleRanker, ranking_of


def sample() -> Sample:
    ranker = CrossEncoderWindows(CrossEncoderWindowsConfig(), model=OverlapCrossEncoder(Config()))
    return Sample(asked(), config={"others": 1}, resources={"ranker": ranker})


def test_a_perfect_ranker_brings_the_best_to_the_head_at_about_the_cost_told() -> None:
    node = Realm(RealmConfig(temperature=10.0), ranker=OracleRanker())
    told = node.estimate(100, Sizes(query=10, passage=10))
    calls, rounds, hits = [], [], []
    for seed in range(20):
        relevance = np.random.default_rng(seed).permutation(100).tolist()
        context = RunContext()
        found = node.run(QUESTION, ranking_of(relevance), context)
        best = [str(place) for place in np.argsort(-np.array(relevance))[:10]]
        hits.append(len(set(best) & set(found.ids[:10])))
        calls.append(context.cost.calls)
        rounds.append(context.cost.rounds)
    assert np.mean(hits) >= 8
    assert abs(told.calls / np.mean(calls) - 1) < 0.1
    assert abs(told.rounds / np.mean(rounds) - 1) < 0.1


def test_a_ranker_of_three_passages_gets_no_more() -> None:
    ranker = OracleRanker(most=3)
    node = Realm(RealmConfig(temperature=10.0), ranker=ranker)
    found = node.run(QUESTION, ranking_of(range(30)), RunContext())
    assert max(ranker.windows) <= 3
    assert len(found.hits) == 30
