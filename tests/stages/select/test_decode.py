"""From probabilities to a set: exact where it says so."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.stages.select.decode import (
    Numbers,
    by_expected_f1,
    by_threshold,
    decoded,
    expected_f1,
    greedy,
)

chances = st.lists(st.floats(0, 1), min_size=1, max_size=10)


def by_hand(probabilities: Numbers, chosen: set[int], empty: float) -> float:
    """Expected F1 over all worlds."""
    total = 0.0
    for world in product((0, 1), repeat=len(probabilities)):
        chance = np.prod([p if one else 1 - p for p, one in zip(probabilities, world, strict=True)])
        needed = {place for place, one in enumerate(world) if one}
        if chosen or needed:
            total += chance * 2 * len(chosen & needed) / (len(chosen) + len(needed))
        else:
            total += chance * empty
    return float(total)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7), st.sampled_from((0.0, 0.5, 1.0)))
@settings(max_examples=40, deadline=None)
def test_expected_f1_is_that_over_all_worlds(values: list[float], empty: float) -> None:
    probabilities = np.array(values)
    order = np.argsort(-probabilities, kind="stable")
    found = expected_f1(probabilities, empty=empty)
    for size in range(len(values) + 1):
        expected = by_hand(probabilities, set(order[:size].tolist()), empty)
        assert found[size] == pytest.approx(expected, abs=1e-9)


def test_no_other_set_has_a_better_expected_f1() -> None:
    generator = np.random.default_rng(3)
    for _ in range(6):
        probabilities = generator.uniform(size=6) ** 2
        best = by_hand(probabilities, set(by_expected_f1(probabilities)), 1.0)
        for world in product((0, 1), repeat=6):
            some = {place for place, one in enumerate(world) if one}
            assert by_hand(probabilities, some, 1.0) <= best + 1e-9


def test_ten_passages_agree_with_all_thousand_worlds() -> None:
    probabilities = np.random.default_rng(1).uniform(size=10)
    size = int(np.argmax(expected_f1(probabilities)))
    assert expected_f1(probabilities)[size] == pytest.approx(
        by_hand(probabilities, set(by_expected_f1(probabilities)), 1.0), abs=1e-9
    )


def test_where_nothing_is_probable_nothing_is_kept_unless_it_counts_nothing() -> None:
    probabilities = np.full(5, 0.01)
    assert by_expected_f1(probabilities) == []
    assert len(by_expected_f1(probabilities, empty=0.0)) >= 1
    assert by_expected_f1(np.zeros(3), empty=0.0) == []
    assert by_expected_f1(np.zeros(0)) == []
    assert by_expected_f1(np.ones(3)) == [0, 1, 2]


@given(chances, st.integers(0, 5), st.integers(1, 5))
def test_bounds_are_kept_by_every_method(values: list[float], low: int, more: int) -> None:
    probabilities = np.array(values)
    n, high = len(values), low + more
    for method in ("expected_f1", "threshold", "greedy"):
        found = decoded(
            probabilities,
            np.eye(n),
            method=method,
            min_k=low,
            max_k=high,
        )
        assert min(low, n) <= len(found.places) <= min(high, n)
        assert len(set(found.places)) == len(found.places)


@given(chances)
def test_a_lower_threshold_keeps_all_that_a_higher_one_keeps(values: list[float]) -> None:
    probabilities = np.array(values)
    few, many = by_threshold(probabilities, 0.7), by_threshold(probabilities, 0.2)
    assert many[: len(few)] == few


@given(chances, st.floats(0.01, 1))
def test_without_redundancy_greedy_is_the_threshold(values: list[float], threshold: float) -> None:
    probabilities = np.array(values)
    alike = np.ones((len(values), len(values)))
    assert greedy(probabilities, alike, threshold=threshold, redundancy=0) == by_threshold(
        probabilities, threshold
    )


def test_a_twin_adds_less_and_something_unlike_adds_all() -> None:
    alike = np.array([[1.0, 0.9, -0.5], [0.9, 1.0, 0.0], [-0.5, 0.0, 1.0]])
    probabilities = np.array([0.9, 0.8, 0.6])
    assert greedy(probabilities, alike, redundancy=1.0) == [0, 2]
    assert greedy(probabilities, alike, redundancy=0.1) == [0, 1, 2]
    told = decoded(probabilities, alike, method="greedy", redundancy=1.0)
    assert told.gains == pytest.approx((0.9, 0.08, 0.6))


def test_the_bound_that_decided_is_told() -> None:
    probabilities = np.array([0.9, 0.8, 0.1])
    alike = np.eye(3)
    for method in ("threshold", "greedy"):
        assert decoded(probabilities, alike, method=method).bound == ""
        assert "at least 3" in decoded(probabilities, alike, method=method, min_k=3).bound
        assert "at most 1" in decoded(probabilities, alike, method=method, max_k=1).bound
