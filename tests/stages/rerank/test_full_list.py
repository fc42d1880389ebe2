from __future__ import annotations

from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.stages.rerank.full_list import FullList, FullListConfig
from assay.stages.windows.cross_encoder import CrossEncoderWindows, CrossEncoderWindowsConfig
from tests.conformance.samples import Sample, asked
from tests.stages.rerank.oracles import QUESTION, OracleRanker, ranking_of


def sample() -> Sample:
    ranker = CrossEncoderWindows(CrossEncoderWindowsConfig(), model=OverlapCrossEncoder(Config()))
    return Sample(asked(), config={"depth": 2}, resources={"ranker": ranker})


def test_one_window_orders_what_the_ranker_takes_and_the_rest_follows() -> None:
    ranker, context = OracleRanker(most=4), RunContext()
    found = FullList(FullListConfig(), ranker=ranker).run(
        QUESTION, ranking_of([1, 2, 3, 4, 9, 8]), context
    )
    assert found.ids == ("3", "2", "1", "0", "4", "5")
    assert ranker.windows == [4]
    assert (context.cost.calls, context.cost.rounds) == (1, 1)
