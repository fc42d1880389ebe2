from __future__ import annotations

import numpy as np
import pytest

from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.stages.rerank.jointrank import JointRank, JointRankConfig
from assay.stages.windows.cross_encoder import CrossEncoderWindows, CrossEncoderWindowsConfig
from assay.stages.windows.window import Sizes
from tests.conformance.samples import Sample, asked
from tests.stages.rerank.oracles import QUESTION, OracleRanker, ranking_of


def sample() -> Sample:
    ranker = CrossEncoderWindows(CrossEncoderWindowsConfig(), model=OverlapCrossEncoder(Config()))
    return Sample(asked(), config={"block": 2, "repeats": 2}, resources={"ranker": ranker})


def test_twenty_blocks_in_one_round_bring_the_best_to_the_head() -> None:
    relevance = np.random.default_rng(0).permutation(100).tolist()
    node, context = JointRank(JointRankConfig(), ranker=OracleRanker()), RunContext()
    found = node.run(QUESTION, ranking_of(relevance), context)
    best = {str(place) for place in np.argsort(-np.array(relevance))[:10]}
    assert len(best & set(found.ids[:12])) >= 9
    assert (context.cost.calls, context.cost.rounds) == (20, 1)
    assert context.notes["blocks"] == 20
    told = node.estimate(100, Sizes(query=10, passage=10))
    assert (told.calls, told.rounds) == (20, 1)


def test_a_final_window_settles_the_head() -> None:
    relevance = np.random.default_rng(1).permutation(100).tolist()
    node = JointRank(JointRankConfig(final=20), ranker=OracleRanker())
    found = node.run(QUESTION, ranking_of(relevance), RunContext())
    best = [str(place) for place in np.argsort(-np.array(relevance))[:10]]
    assert list(found.ids[:10]) == best


def test_a_design_that_cannot_hold_the_ranking_says_what_to_do() -> None:
    config = JointRankConfig(design="latin_square", block=5)
    with pytest.raises(UsageError, match="raise 'block'"):
        JointRank(config, ranker=OracleRanker()).run(QUESTION, ranking_of(range(100)), RunContext())
