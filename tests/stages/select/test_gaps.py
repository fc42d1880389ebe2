"""The elbow of any scores: the worked numbers, what does not move it, hostile scores."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.stages.select.gaps import Fallback, deviations, elbow

ONE = [0.90, 0.88, 0.86, 0.50, 0.48, 0.47]
TWO = [0.90, 0.89, 0.85, 0.84, 0.83, 0.60, 0.59]
EVEN = [0.9, 0.8, 0.7, 0.6, 0.5]  # equal gaps but for rounding noise

FALLBACKS: tuple[Fallback, ...] = ("largest_gap", "second_difference", "all")


def gaps(scores: list[float]) -> list[float]:
    return [left - right for left, right in pairwise(scores)]


@pytest.mark.parametrize("fallback", FALLBACKS)
@pytest.mark.parametrize(
    ("scores", "size", "rule"),
    [
        (ONE, 3, "z"),
        (TWO, 5, "z"),
        ([0.9, 0.5, 0.45, 0.4, 0.38], 1, "z"),
        (EVEN, 5, "flat"),
        ([0.9, 0.7, 0.5], 3, "flat"),
        ([0.9, 0.1], 2, "flat"),  # one gap is like all others
        ([0.9], 1, "short"),
        ([], 0, "short"),
    ],
)
def test_worked_examples(scores: list[float], size: int, rule: str, fallback: Fallback) -> None:
    found = elbow(scores, fallback=fallback)
    assert (found.size, found.rule) == (size, rule)


def test_deviations_over_the_mean_are_as_worked_out() -> None:
    found = deviations(gaps(ONE))
    assert found is not None
    assert found == pytest.approx([-0.482, -0.482, 1.999, -0.482, -0.555], abs=5e-4)
    cut = elbow(ONE)
    assert cut.z == pytest.approx(1.999, abs=5e-4)
    assert cut.gap == pytest.approx(0.36)


def test_rounding_noise_is_no_elbow_unless_the_tolerance_is_taken_away() -> None:
    assert deviations(gaps(EVEN)) is None
    noise = elbow(EVEN, tolerance=0)  # what the original does: z of 1.732 out of nothing
    assert (noise.size, noise.rule) == (2, "z")
    assert noise.z == pytest.approx(1.732, abs=5e-4)


def test_with_three_scores_no_gap_can_stand_out_and_the_fallback_cuts() -> None:
    scores = [0.9, 0.8, 0.1]
    assert elbow(scores).rule == "largest_gap"
    assert elbow(scores).size == 2
    assert elbow(scores, fallback="all").size == 3
    assert elbow([0.9, 0.8, 0.1], fallback="second_difference").size == 2


def test_the_second_difference_cuts_at_the_gap_and_not_one_before_it() -> None:
    # Gaps .1 .1 .5 .5: no z above 1. The jump is from the 2nd to the 3rd gap, the drop behind the
    # 3rd score; the original keeps index 1 and what is before it, so 2.
    scores = [1.2, 1.1, 1.0, 0.5, 0.0]
    found = elbow(scores, fallback="second_difference")
    assert (found.size, found.rule) == (3, "second_difference")
    assert found.gap == pytest.approx(0.5)


def test_the_second_difference_looks_past_a_first_gap_that_is_the_largest() -> None:
    scores = [1.0, 0.5, 0.4, 0.0]
    assert elbow(scores, z=2).size == 1
    assert elbow(scores, z=2, fallback="second_difference").size == 3


@given(st.lists(st.integers(0, 1000), max_size=30), st.integers(1, 8), st.integers(-1000, 1000))
def test_the_elbow_does_not_move_under_scaling_and_shifting(
    raw: list[int], scale: int, shift: int
) -> None:
    scores = [float(value) for value in sorted(raw, reverse=True)]
    for fallback in FALLBACKS:
        moved = elbow([scale * value + shift for value in scores], fallback=fallback)
        assert elbow(scores, fallback=fallback).size == moved.size


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=30))
def test_the_elbow_lies_inside_the_list_whatever_the_scores(raw: list[float]) -> None:
    scores = sorted(raw, reverse=True)
    for fallback in FALLBACKS:
        found = elbow(scores, fallback=fallback)
        assert min(1, len(scores)) <= found.size <= len(scores)
        assert math.isfinite(found.z)
        assert abs(found.z) <= math.sqrt(len(scores)) + 1e-6


@given(st.integers(1, 40), st.integers(0, 39))
def test_no_gap_is_further_over_the_mean_than_the_root_of_the_others(n: int, at: int) -> None:
    found = deviations([1.0 if one == at % n else 0.0 for one in range(n)])
    if found is not None:
        assert max(found) == pytest.approx(math.sqrt(n - 1))


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_scores_that_are_not_finite_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        elbow([1.0, wrong])
