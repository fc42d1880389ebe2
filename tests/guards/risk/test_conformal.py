"""Conformal quantiles and bounds give the numbers that were worked by hand, and keep their word."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.guards.risk.binomial import binomial_cdf, clopper_pearson_upper
from assay.guards.risk.conformal import (
    allowed_in_expectation,
    allowed_with_confidence,
    conformal_quantile,
    crc,
    lower_conformal_quantile,
    non_increasing,
    rcps,
)
from assay.guards.risk.mean_bounds import hoeffding_bentkus_p_value, hoeffding_bentkus_upper
from assay.pipeline.errors import UsageError

TEN = [0.12, 0.25, 0.31, 0.33, 0.47, 0.52, 0.58, 0.66, 0.71, 0.93]
GOLD = [0.41, *(round(0.55 + 0.02 * i, 2) for i in range(17)), 0.95]
FALSE_CLAIMS = [0.4, 0.6, -math.inf, 0.5, 0.75, 0.2, 0.3, -math.inf, 0.35]
GRID = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
NINE = [
    [1.0 if column < first else 0.0 for column in range(6)] for first in (0, 1, 1, 2, 2, 3, 3, 4, 5)
]
GRADED = [0.1 * (i % 4 == 0) + 0.05 * (i % 5 == 0) for i in range(50)]

samples = st.lists(st.floats(-5, 5), min_size=1, max_size=40)
levels = st.floats(0.01, 0.9)


@pytest.mark.parametrize(
    ("scores", "alpha", "expected"),
    [
        (TEN, 0.2, 0.71),
        (TEN, 0.1, 0.93),
        (TEN, 0.05, math.inf),
        (list(range(1, 10)), 0.7, 3),  # 10 * (1 - 0.7) is 3.0000000000000004: not the fourth
        ([], 0.5, math.inf),
        (FALSE_CLAIMS, 0.2, 0.6),
        (FALSE_CLAIMS, 0.05, math.inf),
    ],
)
def test_the_quantile_has_its_finite_sample_correction(
    scores: list[float], alpha: float, expected: float
) -> None:
    assert conformal_quantile(scores, alpha) == expected


@pytest.mark.parametrize(
    ("scores", "alpha", "expected"),
    [
        (GOLD, 0.1, 0.55),
        (GOLD, 0.04, -math.inf),
        (list(range(25)), 0.1, 1),  # the second smallest; the third would miss 3 of 26
        ([], 0.5, -math.inf),
        ([-math.inf, 0.3, 0.4], 0.25, -math.inf),
    ],
)
def test_the_lower_quantile_keeps_all_where_the_sample_is_too_small(
    scores: list[float], alpha: float, expected: float
) -> None:
    assert lower_conformal_quantile(scores, alpha) == expected


@given(samples, levels)
def test_the_lower_quantile_is_the_upper_one_turned_round(
    scores: list[float], alpha: float
) -> None:
    turned = conformal_quantile([-one for one in scores], alpha)
    assert lower_conformal_quantile(scores, alpha) == -turned


@given(st.integers(1, 60), levels)
def test_a_new_score_among_distinct_ones_is_missed_with_at_most_the_level(
    n: int, alpha: float
) -> None:
    # Leave one of n + 1 exchangeable scores out in turn: the share missed is the probability.
    scores = list(range(n + 1))
    missed = sum(
        one < lower_conformal_quantile(scores[:one] + scores[one + 1 :], alpha) for one in scores
    )
    assert missed / (n + 1) <= alpha + 1e-9


@pytest.mark.parametrize("alpha", [0.0, 1.0, math.nan])
def test_a_level_outside_zero_and_one_is_refused(alpha: float) -> None:
    with pytest.raises(UsageError, match="alpha must lie in"):
        conformal_quantile(TEN, alpha)


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(UsageError, match="minus infinity"):
        lower_conformal_quantile([0.1, math.nan], 0.1)


def test_risk_control_matches_the_worked_table() -> None:
    means = np.array(NINE).mean(axis=0)
    assert means == pytest.approx([0.888889, 0.666667, 0.444444, 0.222222, 0.111111, 0], abs=1e-6)
    adjusted = [9 / 10 * mean + 1 / 10 for mean in means]
    assert adjusted == pytest.approx([0.9, 0.7, 0.5, 0.3, 0.2, 0.1])
    found = crc(NINE, 0.3)
    assert found is not None and GRID[found] == 0.6
    assert crc(NINE, 0.05) is None
    assert crc(NINE, 0.1) == 5  # the lowest level that nine questions can show


def test_bounds_match_the_worked_table() -> None:
    expected = [0.988362, 0.870503, 0.699031, 0.490081, 0.368362, 0.225736]
    counts = np.array(NINE).sum(axis=0)
    bounds = [clopper_pearson_upper(int(k), 9, 0.1) for k in counts]
    assert bounds == pytest.approx(expected, abs=1e-6)
    found = rcps(NINE, 0.5, 0.1)
    assert found is not None and GRID[found] == 0.6
    assert rcps(NINE, 0.2, 0.1) is None


def test_hoeffding_and_bentkus_match_the_worked_numbers() -> None:
    total = math.fsum(GRADED)
    assert total / 50 == pytest.approx(0.036)
    assert hoeffding_bentkus_p_value(4, 100, 0.1) == pytest.approx(0.064453, abs=1e-6)
    assert hoeffding_bentkus_upper(4, 100, 0.05) == pytest.approx(0.103520, abs=1e-6)
    assert hoeffding_bentkus_p_value(total, 50, 0.1) == pytest.approx(0.229420, abs=1e-6)
    assert hoeffding_bentkus_upper(total, 50, 0.05) == pytest.approx(0.138558, abs=1e-6)
    column = [[one] for one in GRADED]
    assert rcps(column, 0.1386, 0.05) == 0
    assert rcps(column, 0.1385, 0.05) is None


def test_no_questions_show_nothing() -> None:
    nothing = np.zeros((0, 3))
    assert hoeffding_bentkus_p_value(0, 0, 0.1) == 1.0
    assert hoeffding_bentkus_upper(0, 0, 0.1) == 1.0
    assert rcps(nothing, 0.5, 0.1) is None
    assert crc(nothing, 0.5) is None


@given(st.integers(0, 300), levels, st.floats(0.01, 0.5))
def test_the_largest_allowed_count_is_the_last_that_passes_the_exact_test(
    n: int, alpha: float, delta: float
) -> None:
    most = allowed_with_confidence(n, alpha, delta, binary=True)
    if most >= 0:
        assert binomial_cdf(int(most), n, alpha) <= delta
    assert int(most) + 1 >= n or binomial_cdf(int(most) + 1, n, alpha) > delta


@given(st.integers(1, 200), levels, st.floats(0.01, 0.5))
def test_graded_losses_are_never_allowed_more_than_those_of_zero_and_one(
    n: int, alpha: float, delta: float
) -> None:
    graded = allowed_with_confidence(n, alpha, delta, binary=False)
    assert graded <= allowed_with_confidence(n, alpha, delta, binary=True) + 1
    if graded >= 0:
        assert hoeffding_bentkus_p_value(graded, n, alpha) <= delta


def test_what_is_allowed_in_expectation_is_the_rank_of_the_quantile_less_one() -> None:
    assert math.floor(allowed_in_expectation(19, 0.1)) == 1
    assert allowed_in_expectation(9, 0.05) < 0


def test_losses_that_rise_become_the_largest_from_there_on() -> None:
    assert non_increasing([[0.2, 0.5, 0.1]]).tolist() == [[0.5, 0.5, 0.1]]


@pytest.mark.parametrize("losses", [[[0.1, math.nan]], [[1.5]], [[-0.1]], [0.1], [[]]])
def test_losses_that_are_none_are_refused(losses: list[object]) -> None:
    with pytest.raises(UsageError, match="losses"):
        crc(losses, 0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize(("alpha", "delta"), [(0.1, 0.1), (0.2, 0.05)])
def test_the_guarantee_holds_over_many_calibration_sets(alpha: float, delta: float) -> None:
    """Graded losses of a known population: the share of sets that end above the level."""
    draw = np.random.default_rng(5)
    settings = np.linspace(0, 1, 41)
    hardness = draw.beta(2, 4, size=4000)
    population = np.clip(hardness[:, None] * 2 - settings[None] * 2, 0, 1)
    truth = population.mean(axis=0)
    above = 0
    for _ in range(200):
        found = rcps(population[draw.integers(0, 4000, 150)], alpha, delta)
        above += found is not None and truth[found] > alpha
    assert above / 200 <= delta + 3 * math.sqrt(delta * (1 - delta) / 200)
