from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError
from assay.pipeline.words import ScoreKind
from assay.stages.rerank.foreign import rearranged
from tests.stages.rerank.oracles import ranking_of

ROWS = st.lists(
    st.tuples(st.integers(-2, 12), st.one_of(st.none(), st.floats(-1e6, 1e6))), max_size=20
)


@given(rows=ROWS, shown=st.integers(0, 10))
def test_it_is_a_permutation_whatever_is_answered_and_counts_add_up(
    rows: list[tuple[int, float | None]], shown: int
) -> None:
    ranking, context = ranking_of([0.0] * 10), RunContext()
    found = rearranged(
        ranking, rows, shown=shown, kind=ScoreKind.LOGIT, source="test", context=context
    )
    assert sorted(found.ids) == sorted(ranking.ids)
    told = {
        key: int(context.notes.get(f"rows_{key}", 0)) for key in ("repeated", "unknown", "missing")
    }
    used = len(rows) - told["repeated"] - told["unknown"]
    assert used + told["missing"] == shown
    assert found.ids[max(shown, used) :] == ranking.ids[max(shown, used) :]


def test_rows_stand_by_their_scores_and_the_rest_keeps_its_own() -> None:
    ranking, context = ranking_of([0.0] * 4), RunContext()
    found = rearranged(
        ranking,
        [(2, 0.5), (0, 0.9), (2, 0.1), (7, 1.0)],
        shown=3,
        kind=ScoreKind.RATING,
        source="test",
        context=context,
    )
    assert found.ids == ("0", "2", "1", "3")
    assert [hit.score.kind for hit in found.hits] == ["rating", "rating", "bm25", "bm25"]
    assert found.hits[2:] == (ranking.hits[1], ranking.hits[3])
    assert context.notes == {"rows_repeated": 1, "rows_unknown": 1, "rows_missing": 1}


def test_rows_without_scores_stand_as_answered_and_tell_the_order_only() -> None:
    found = rearranged(
        ranking_of([0.0] * 3),
        [(2, None), (0, 0.9)],
        shown=3,
        kind=ScoreKind.LOGIT,
        source="test",
        context=RunContext(),
    )
    assert [(hit.passage.id, hit.score.value) for hit in found.hits] == [
        ("2", 1.0),
        ("0", 1 / 2),
        ("1", 1 / 3),
    ]
    assert {hit.score.kind for hit in found.hits} == {ScoreKind.ORDER}


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_one_clear_error(score: float) -> None:
    with pytest.raises(ModelError, match="for passage 2 of 3, expected a finite number"):
        rearranged(
            ranking_of([0.0] * 3),
            [(1, score)],
            shown=3,
            kind=ScoreKind.LOGIT,
            source="test",
            context=RunContext(),
        )
