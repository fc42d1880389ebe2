"""Tests and bounds for graded losses, held to worked numbers, to one another, and to truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.guards.risk.betting import betting_p_value, betting_upper, in_given_order
from assay.guards.risk.mean_bounds import (
    bentkus_p_value,
    chernoff_p_value,
    chernoff_upper,
    empirical_bernstein_upper,
    hoeffding_bentkus_p_value,
    hoeffding_bentkus_upper,
    hoeffding_p_value,
    hoeffding_upper,
    relative_entropy,
)
from assay.pipeline.errors import UsageError

FOUR = [1.0] * 4 + [0.0] * 96
SPREAD = [1.0 if place in (20, 40, 60, 80) else 0.0 for place in range(1, 101)]
GRADED = [0.1 * (i % 4 == 0) + 0.05 * (i % 5 == 0) for i in range(50)]
losses = st.lists(st.floats(0, 1), min_size=1, max_size=60)


def test_p_values_of_four_losses_in_a_hundred() -> None:
    assert hoeffding_p_value(4, 100, 0.1) == pytest.approx(0.486752, abs=1e-6)
    assert chernoff_p_value(4, 100, 0.1) == pytest.approx(0.079616, abs=1e-6)
    assert bentkus_p_value(4, 100, 0.1) == pytest.approx(0.064453, abs=1e-6)
    assert hoeffding_bentkus_p_value(4, 100, 0.1) == pytest.approx(0.064453, abs=1e-6)
    assert in_given_order(SPREAD, 0.1, delta=0.05)[0] == pytest.approx(0.187080, abs=1e-6)


def test_bounds_of_four_losses_in_a_hundred() -> None:
    assert hoeffding_upper(4, 100, 0.05) == pytest.approx(0.162387, abs=1e-6)
    assert chernoff_upper(4, 100, 0.05) == pytest.approx(0.106804, abs=1e-6)
    assert hoeffding_bentkus_upper(4, 100, 0.05) == pytest.approx(0.103520, abs=1e-6)
    assert empirical_bernstein_upper(FOUR, 0.05) == pytest.approx(0.180438, abs=1e-6)
    assert in_given_order(SPREAD, 0.1, delta=0.05)[1] == pytest.approx(0.126481, abs=1e-6)


def test_bounds_of_graded_losses() -> None:
    assert np.mean(GRADED) == pytest.approx(0.036)
    assert hoeffding_upper(sum(GRADED), 50, 0.05) == pytest.approx(0.209082, abs=1e-6)
    assert hoeffding_bentkus_upper(sum(GRADED), 50, 0.05) == pytest.approx(0.138558, abs=1e-6)
    assert empirical_bernstein_upper(GRADED, 0.05) == pytest.approx(0.230686, abs=1e-6)
    assert in_given_order(GRADED, 0.1, delta=0.05)[1] == pytest.approx(0.098708, abs=1e-6)
    assert hoeffding_bentkus_p_value(sum(GRADED), 50, 0.1) == pytest.approx(0.229420, abs=1e-6)
    assert in_given_order(GRADED, 0.1, delta=0.05)[0] == pytest.approx(0.047071, abs=1e-6)


def test_the_order_of_a_file_decides_a_bet_in_order_and_not_a_shuffled_one() -> None:
    first, last = FOUR, FOUR[::-1]
    assert in_given_order(first, 0.1, delta=0.05)[1] == pytest.approx(0.086905, abs=1e-6)
    assert in_given_order(last, 0.1, delta=0.05)[1] == pytest.approx(0.032189, abs=1e-6)
    named = {f"q{n}": loss for n, loss in enumerate(first)}
    turned = dict(reversed(named.items()))
    assert betting_upper(named, delta=0.05, seed=3) == betting_upper(turned, delta=0.05, seed=3)


def test_losses_that_are_always_one_are_never_certified() -> None:
    """A bettor who may also bet on a larger mean would own 1e94 here."""
    losses = {str(n): 1.0 for n in range(100)}
    assert betting_p_value(losses, 0.1, delta=0.05, seed=0) == 1.0
    assert betting_upper(losses, delta=0.05, seed=0) == 1.0


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_whatever_the_seed_a_level_that_is_broken_is_rejected_as_rarely_as_promised(
    seed: int,
) -> None:
    """With sorted losses and one shuffle for all, seed 1 rejects in 38 of 100 worlds."""
    rng = np.random.default_rng(3)
    draws = (rng.random((1000, 200)) < 0.10001).astype(float).tolist()
    rejected = sum(
        betting_p_value({str(n): loss for n, loss in enumerate(one)}, 0.1, delta=0.1, seed=seed)
        <= 0.1
        for one in draws
    )
    assert rejected <= 148  # 1e-6 band of 10 % of 1000


@pytest.mark.parametrize(("mean", "n"), [(0.05, 300), (0.2, 200)])
def test_the_bounds_miss_at_most_as_often_as_promised(mean: float, n: int) -> None:
    rng = np.random.default_rng(5)
    draws = (rng.random((400, n)) < mean).astype(float)
    for upper in (hoeffding_upper, chernoff_upper, hoeffding_bentkus_upper):
        assert np.mean([upper(float(one.sum()), n, 0.1) < mean for one in draws]) <= 0.15
    bernstein = [empirical_bernstein_upper(one.tolist(), 0.1) < mean for one in draws]
    assert np.mean(bernstein) <= 0.15
    named = [{str(n): loss for n, loss in enumerate(one.tolist())} for one in draws]
    missed = np.mean([betting_upper(one, delta=0.1, seed=0) < mean for one in named])
    assert 0.02 <= missed <= 0.15


@given(losses, st.floats(0.02, 0.5), st.floats(0.02, 0.4))
def test_a_level_is_rejected_just_where_the_bound_lies_below_it(
    values: list[float], alpha: float, delta: float
) -> None:
    total, n = math.fsum(values), len(values)
    upper = hoeffding_bentkus_upper(total, n, delta)
    rejected = hoeffding_bentkus_p_value(total, n, alpha) <= delta
    if abs(upper - alpha) > 1e-6:
        assert rejected == (upper <= alpha)


@given(losses)
def test_the_order_of_losses_changes_no_bound(values: list[float]) -> None:
    turned = values[::-1]
    assert empirical_bernstein_upper(values, 0.1) == empirical_bernstein_upper(turned, 0.1)


def test_nothing_measured_tells_nothing() -> None:
    assert hoeffding_bentkus_p_value(0, 0, 0.1) == 1.0
    assert betting_p_value({}, 0.1, delta=0.1, seed=0) == 1.0
    assert {hoeffding_upper(0, 0, 0.1), empirical_bernstein_upper([0.0], 0.1)} == {1.0}
    assert betting_upper({}, delta=0.1, seed=0) == 1.0


@pytest.mark.parametrize("bad", [[1.5], [-0.1], [float("nan")]])
def test_a_loss_out_of_range_is_refused(bad: list[float]) -> None:
    with pytest.raises(UsageError, match=r"\[0, 1\]"):
        empirical_bernstein_upper(bad, 0.1)
    with pytest.raises(UsageError, match=r"\[0, 1\]"):
        betting_p_value({"q": bad[0]}, 0.1, delta=0.1, seed=0)


@pytest.mark.parametrize("total", [-0.1, 3.5, float("nan")])
def test_a_sum_that_the_losses_cannot_have_is_refused(total: float) -> None:
    with pytest.raises(UsageError, match="the sum of 3 losses"):
        hoeffding_bentkus_p_value(total, 3, 0.1)


def test_entropy_is_infinite_where_something_impossible_happened() -> None:
    assert relative_entropy(0.5, 0.0) == float("inf")
    assert relative_entropy(0.0, 0.5) == pytest.approx(np.log(2))
