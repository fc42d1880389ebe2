from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from assay.stages.rerank.gate import Gate, GateConfig
from assay.stages.rerank.lead import lead_of
from assay.stages.windows.window import Sizes
from tests.conformance.samples import A, B, Sample, ranked

QUERY = Query("q", Scope("local"))
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def sample() -> Sample:
    alone = Ranking(B, ranked(B).hits[:1], "sample")
    return Sample(
        ({"query": A, "ranking": ranked(A)}, {"query": B, "ranking": alone}),
        config={"sure": 0.5},
    )


def ranking(*scores: float, kind: ScoreKind = ScoreKind.FUSED) -> Ranking:
    return Ranking(
        QUERY,
        tuple(
            Hit(Passage(str(place), "d", "text", QUERY.scope), Score(score, kind, "first"))
            for place, score in enumerate(scores)
        ),
        "first",
    )


@pytest.mark.parametrize(
    ("scores", "worth", "lead"),
    [
        ((1.0, 0.9, 0.0), True, 0.1),
        ((1.0, 0.8, 0.0), False, 0.2),
        ((11.0, 10.0, 1.0), True, 0.1),  # another unit, the same lead
        ((0.5, 0.5, 0.5), True, 0.0),
        ((3.0, 1.0), False, 1.0),
    ],
)
def test_it_is_worth_it_where_no_hit_stands_out(
    scores: tuple[float, ...], worth: bool, lead: float
) -> None:
    context = RunContext()
    assert Gate(GateConfig(sure=0.15)).run(QUERY, ranking(*scores), context) is worth
    assert context.notes["worth"] is worth
    assert context.notes["lead"] == pytest.approx(lead)


@pytest.mark.parametrize("scores", [(), (0.5,)])
def test_nothing_and_a_single_hit_are_not_worth_it(scores: tuple[float, ...]) -> None:
    assert Gate(GateConfig(sure=1.0)).run(QUERY, ranking(*scores), RunContext()) is False


def test_scores_that_tell_only_the_order_make_everything_worth_it() -> None:
    context = RunContext()
    order = ranking(1.0, 0.5, 1 / 3, kind=ScoreKind.ORDER)
    assert Gate(GateConfig(sure=0.1)).run(QUERY, order, context) is True
    assert context.notes == {"worth": True}


def test_hits_with_scores_of_another_kind_do_not_count() -> None:
    mixed = Ranking(QUERY, (*ranking(1.0, 0.9).hits, *ranking(-50, kind=ScoreKind.BM25).hits), "f")
    context = RunContext()
    Gate(GateConfig()).run(QUERY, mixed, context)
    assert context.notes["lead"] == 1.0  # of the two alone


@given(st.lists(FINITE, max_size=20))
def test_a_lead_is_a_share_and_is_not_moved_by_the_unit(scores: list[float]) -> None:
    falling = sorted(scores, reverse=True)
    lead = lead_of(falling)
    assert 0.0 <= lead <= 1.0
    if all(abs(one) < sys.float_info.max / 4 for one in falling):
        doubled = lead_of([2 * one for one in falling])
        assert doubled == pytest.approx(lead, abs=1e-9)


def test_sure_at_0_asks_never() -> None:
    assert Gate(GateConfig(sure=0.0)).run(QUERY, ranking(1.0, 1.0, 0.0), RunContext()) is False


def test_it_costs_nothing() -> None:
    assert Gate(GateConfig()).estimate(100, Sizes(10, 100)).calls == 0
