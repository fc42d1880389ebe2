"""Bets against a rate, held to worked numbers, to Ville's bound and to their promised delays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.guards.risk.monitors.wealth import ChangeDetector, RateTest, bets
from assay.pipeline.errors import UsageError

STREAM = [0, 1, 0, 0, 1, 1, 0, 1, 0, 1]
GRID = (0.15, 0.2, 0.3, 0.5)
FINE = (0.12, 0.15, 0.2, 0.3, 0.5)


def test_worked_wealth() -> None:
    test, found = RateTest(0.1, GRID), []
    for one in STREAM:
        test = test.after(one)
        found.append(test.value)
    assert found == pytest.approx(
        [0.791667, 2.076389, 1.569059, 1.234289, 3.306509, 10.649750, 7.366930, 25.798985,
         17.203534, 64.502535], abs=1e-6,
    )  # fmt: skip
    assert test.seen == 10


def test_worked_change_detector() -> None:
    test, found = ChangeDetector(0.1, GRID), []
    for one in STREAM:
        test = test.after(one)
        found.append(test.value)
    assert found == pytest.approx(
        [0.791667, 4.951389, 4.437114, 4.243934, 14.408940, 50.872841, 35.415589, 129.484628,
         86.099542, 330.656390], abs=1e-6,
    )  # fmt: skip


def test_six_abstentions_in_a_row() -> None:
    test = RateTest(0.3, (0.4, 0.5, 0.7)).after(True)
    assert test.value == pytest.approx(1.777778, abs=1e-6)
    for _ in range(5):
        test = test.after(True)
    assert test.value == pytest.approx(62.812071, abs=1e-6)


def paths(rate: np.ndarray, streams: int, grid: tuple[float, ...]) -> np.ndarray:
    """Bets of many streams at once: shape (alternatives, streams, time)."""
    rng = np.random.default_rng(12)
    outcomes = rng.random((streams, len(rate))) < rate
    gains, losses = np.array(bets(0.1, grid, 1.0)), np.array(bets(0.1, grid, 0.0))
    return np.where(outcomes, gains[:, None, None], losses[:, None, None])


def test_ville_a_kept_level_alarms_as_rarely_as_promised() -> None:
    factors = paths(np.full(2000, 0.1), 2000, FINE)
    wealth = np.exp(np.cumsum(np.log(factors), axis=2)).mean(axis=0)
    assert 20 <= int((wealth >= 20).any(axis=1).sum()) <= 150  # 5 % of 2000: 1e-6 band


def test_a_rate_of_a_fifth_is_seen_soon() -> None:
    factors = paths(np.full(600, 0.2), 500, FINE)
    wealth = np.exp(np.cumsum(np.log(factors), axis=2)).mean(axis=0)
    first = np.where((wealth >= 20).any(axis=1), (wealth >= 20).argmax(axis=1), 600)
    assert np.median(first) <= 120


def test_a_late_change_is_seen_by_the_detector_and_hardly_by_the_plain_test() -> None:
    rate = np.concatenate([np.full(2000, 0.04), np.full(2000, 0.2)])
    factors = paths(rate, 60, FINE)
    sums = np.zeros(factors.shape[:2])
    alarm = np.full(60, len(rate))
    for time in range(len(rate)):
        sums = factors[:, :, time] * (sums + 1)
        loud = (sums.mean(axis=0) >= 5000) & (alarm == len(rate))
        alarm[loud] = time
    assert alarm.min() > 2000
    assert np.median(alarm) - 2000 <= 200
    wealth = np.cumsum(np.log(factors), axis=2).max(axis=0)
    plain = np.where(
        (wealth >= np.log(20)).any(axis=1), (wealth >= np.log(20)).argmax(axis=1), 4000
    )
    assert np.median(plain) - 2000 > 1000


@given(st.floats(0.05, 0.9), st.floats(0.01, 0.99))
def test_bets_are_fair_at_the_level(level: float, other: float) -> None:
    if abs(other - level) > 1e-6:
        gain, loss = bets(level, (other,), 1.0)[0], bets(level, (other,), 0.0)[0]
        assert level * gain + (1 - level) * loss == pytest.approx(1.0)
        assert min(gain, loss) >= 0


@pytest.mark.parametrize("grid", [(), (0.1,), (0.05, 0.5), (1.0,)])
def test_rates_on_both_sides_of_the_level_are_refused(grid: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="all lie above or all below"):
        RateTest(0.1, grid)


def test_an_outcome_that_could_cost_more_than_is_owned_is_refused() -> None:
    with pytest.raises(UsageError, match="outcome"):
        RateTest(0.3, (0.1,)).after(2.0)
    with pytest.raises(UsageError, match="outcome"):
        RateTest(0.3, (0.5,)).after(-1.0)
    assert RateTest(0.3, (0.5,)).after(2.0).value > 1
