"""Rationales choose passages one by one and together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.models.protocols import Floats
from assay.pipeline.errors import ModelError
from assay.stages.select.pairing import Pair, pairing, select_by_rationales

TABLE = [[0.9, 0.8, 0.1], [0.95, 0.7, 0.2], [0.1, 0.2, 0.15]]
COSINE = st.floats(-1, 1, allow_nan=False)


def with_cosines(*values: float) -> Floats:
    """Vectors of length 1 whose cosines to (1, 0) are the values."""
    return np.array([[v, np.sqrt(1 - v * v)] for v in values], dtype=np.float32)


AXIS: Floats = np.array([[1.0, 0.0]], dtype=np.float32)


def test_the_worked_table_is_paired_as_in_the_paper_and_without_distinctness() -> None:
    distinct = pairing(TABLE, distinct=True)
    assert distinct == [Pair(0, 0, 0.9), Pair(1, 1, 0.7), Pair(2, 2, 0.15)]
    shared = pairing(TABLE, distinct=False)
    assert shared == [Pair(0, 0, 0.9), Pair(1, 0, 0.95), Pair(2, 1, 0.2)]


def test_with_more_rationales_than_passages_the_later_ones_take_nothing() -> None:
    found = pairing([[0.1, 0.2]] * 4, distinct=True)
    assert [(pair.rationale, pair.passage) for pair in found] == [(0, 1), (1, 0)]
    assert pairing([[], []], distinct=True) == []


def test_of_equally_similar_passages_the_first_is_taken() -> None:
    assert pairing([[0.5, 0.5, 0.5]], distinct=False) == [Pair(0, 0, 0.5)]
    assert [one.passage for one in pairing([[0.5, 0.5]] * 2, distinct=True)] == [0, 1]


@given(
    st.integers(1, 6).flatmap(
        lambda n: st.lists(st.lists(COSINE, min_size=n, max_size=n), min_size=1, max_size=6)
    ),
    st.booleans(),
    st.data(),
)
def test_leaving_out_a_passage_that_none_took_changes_nothing(
    table: list[list[float]], distinct: bool, data: st.DataObject
) -> None:
    found = pairing(table, distinct=distinct)
    places = [pair.passage for pair in found]
    if distinct:
        assert len(set(places)) == len(places) == min(len(table), len(table[0]))
    untaken = sorted(set(range(len(table[0]))) - set(places))
    if untaken:
        gone = data.draw(st.sampled_from(untaken))
        left = [[v for place, v in enumerate(row) if place != gone] for row in table]
        assert [place - (place > gone) for place in places] == [
            pair.passage for pair in pairing(left, distinct=distinct)
        ]


@pytest.mark.parametrize(
    ("cosines", "size"),
    [
        ([0.90, 0.88, 0.86, 0.50, 0.48, 0.47], 3),
        ([0.90, 0.89, 0.85, 0.84, 0.83, 0.60, 0.59], 5),
        ([0.9, 0.5, 0.45, 0.4, 0.38], 1),
        ([0.9, 0.8], 2),
    ],
)
def test_the_pooled_selection_ends_at_the_elbow(cosines: list[float], size: int) -> None:
    found = select_by_rationales(AXIS, with_cosines(*reversed(cosines)))
    assert found.cut.size == size
    last = len(cosines) - 1
    assert found.pooled == tuple(last - place for place in range(len(cosines)))
    assert found.means == pytest.approx(cosines, abs=1e-5)
    assert found.places == {last - place for place in range(size)}


def test_the_mean_is_that_of_directions_so_long_vectors_count_no_more() -> None:
    rationales = np.array([[100.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    passages = np.array([[1.0, 0.0], [1.0, 1.0], [-1.0, 0.0]], dtype=np.float32)
    found = select_by_rationales(rationales, passages, pooled=True)
    assert found.pooled[0] == 1
    assert [pair.passage for pair in found.pairs] == [0, 1]
    assert found.best[2] == (0.0, 1)


def test_without_the_pooled_selection_only_pairs_are_chosen() -> None:
    found = select_by_rationales(AXIS, with_cosines(0.9, 0.89, 0.2, 0.1), pooled=False)
    assert found.places == {0}
    assert select_by_rationales(AXIS, with_cosines(0.9, 0.89, 0.2, 0.1)).places == {0, 1}


def test_no_rationales_or_no_passages_choose_nothing() -> None:
    nothing = np.zeros((0, 2), dtype=np.float32)
    assert select_by_rationales(nothing, AXIS).places == frozenset()
    assert select_by_rationales(AXIS, nothing).places == frozenset()


def test_a_number_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ModelError, match="not finite"):
        select_by_rationales(AXIS, np.array([[np.nan, 1.0]], dtype=np.float32))
