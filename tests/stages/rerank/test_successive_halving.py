from __future__ import annotations

import numpy as np

from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.stages.rerank.successive_halving import SuccessiveHalving, SuccessiveHalvingConfig
from assay.stages.schedules import successive_halving as schedule
from assay.stages.windows.cross_encoder import CrossEncoderWindows, CrossEncoderWindowsConfig
from assay.stages.windows.window import Sizes
from tests.conformance.samples import Sample, asked
from tests.stages.rerank.oracles import QUESTION, OracleRanker, ranking_of


def sample() -> Sample:
    ranker = CrossEncoderWindows(CrossEncoderWindowsConfig(), model=OverlapCrossEncoder(Config()))
    return Sample(asked(), config={"window": 2}, resources={"ranker": ranker})


def test_the_cost_is_told_to_the_window_and_the_best_come_first() -> None:
    node = SuccessiveHalving(SuccessiveHalvingConfig(), ranker=OracleRanker())
    told = node.estimate(100, Sizes(query=10, passage=10))
    relevance = np.random.default_rng(3).permutation(100).tolist()
    context = RunContext()
    found = node.run(QUESTION, ranking_of(relevance), context)
    assert (told.calls, told.rounds) == (context.cost.calls, context.cost.rounds) == (9, 3)
    assert told.tokens_in == context.cost.tokens_in
    assert context.notes["stages"] == 3
    assert found.ids[0] == str(relevance.index(99))


def test_its_fingerprint_knows_the_schedule_and_the_aggregator_that_is_picked() -> None:
    parts = [
        SuccessiveHalving(SuccessiveHalvingConfig(aggregator=one), ranker=OracleRanker()).parts()
        for one in ("bradley_terry", "win_rate")
    ]
    assert parts[0] != parts[1]
    assert schedule.COMPUTES


def test_a_ranker_of_three_passages_gets_no_more() -> None:
    ranker = OracleRanker(most=3)
    node = SuccessiveHalving(SuccessiveHalvingConfig(), ranker=ranker)
    found = node.run(QUESTION, ranking_of(range(30)), RunContext())
    assert max(ranker.windows) <= 3
    assert len(found.hits) == 30
