"""P-values of many tests at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evaluation.statistics.multiplicity import benjamini_hochberg, holm
from assay.pipeline.errors import UsageError

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=8)


@given(p_values, st.floats(0.001, 0.5))
def test_holm_rejects_what_the_step_down_procedure_rejects(
    found: list[float], alpha: float
) -> None:
    rejected = set()
    for step, place in enumerate(sorted(range(len(found)), key=lambda one: found[one])):
        if found[place] * (len(found) - step) > alpha:
            break
        rejected.add(place)
    adjusted = holm(found)
    assert {place for place, one in enumerate(adjusted) if one is not None and one <= alpha} == (
        rejected
    )


@given(p_values, st.floats(0.001, 0.5))
def test_benjamini_and_hochberg_reject_up_to_the_last_below_the_line(
    found: list[float], alpha: float
) -> None:
    n = len(found)
    order = sorted(range(n), key=lambda one: found[one])
    adjusted = benjamini_hochberg(found)
    below = [rank for rank, place in enumerate(order, 1) if found[place] * n / rank <= alpha]
    rejected = {place for place, one in enumerate(adjusted) if one is not None and one <= alpha}
    assert rejected == set(order[: max(below, default=0)])


@given(p_values)
def test_adjusted_values_are_at_least_the_plain_ones_and_at_most_one(found: list[float]) -> None:
    for adjusted in (holm(found), benjamini_hochberg(found)):
        for before, after in zip(found, adjusted, strict=True):
            assert after is not None
            assert before <= after + 1e-12
            assert after <= 1


def test_a_test_that_was_not_made_takes_no_part() -> None:
    assert holm([None, 0.02, None, 0.5]) == [None, 0.04, None, 0.5]
    assert holm([]) == []
    assert benjamini_hochberg([None]) == [None]


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(value: float) -> None:
    with pytest.raises(UsageError, match="0 to 1"):
        holm([0.5, value])
