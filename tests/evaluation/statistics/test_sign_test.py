"""Wins, draws and losses."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.evaluation.statistics.sign_test import Tally, tally

gains = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.0, 0.5]), max_size=12)


@settings(max_examples=40)
@given(gains)
def test_draws_are_counted_and_the_rest_is_tested_like_a_coin(found: list[float]) -> None:
    counted = tally(found, [str(place) for place in range(len(found))])
    assert counted.wins == sum(one > 0 for one in found)
    assert counted.draws == found.count(0.0)
    assert counted.wins + counted.draws + counted.losses == len(found)
    n, most = counted.decided, max(counted.wins, counted.losses)
    assert n == counted.wins + counted.losses
    tail = sum(math.comb(n, k) for k in range(most, n + 1)) / 2**n
    assert counted.p_value == pytest.approx(min(1.0, 2 * tail))


def test_draws_change_the_count_and_never_the_test() -> None:
    names = [str(place) for place in range(10)]
    without = tally([1.0] * 5, names[:5])
    with_draws = tally([1.0] * 5 + [0.0] * 5, names)
    assert with_draws == Tally(5, 5, 0, 5, without.p_value)


def test_a_cluster_counts_once_in_the_test() -> None:
    found = tally([1.0, 1.0, 1.0, -0.5, 0.0], ["a", "a", "a", "b", "b"])
    assert found == Tally(wins=3, draws=1, losses=1, decided=2, p_value=1.0)


def test_what_rounding_makes_of_equal_values_is_a_draw() -> None:
    assert tally([1e-12, -1e-12], ["a", "b"]).draws == 2
