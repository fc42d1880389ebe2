from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.guards.risk.binomial import (
    beta_binomial_cdf,
    binomial_cdf,
    clopper_pearson_lower,
    clopper_pearson_upper,
    max_failures,
    n_min,
    p_value,
    sample_size,
)
from assay.pipeline.errors import UsageError

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
levels = st.floats(0.005, 0.6)


@pytest.mark.parametrize(
    ("k", "n", "alpha", "expected"),
    [
        (4, 100, 0.10, 0.023711),
        (1, 49, 0.10, 0.036904),
        (3, 120, 0.10, 0.001575),
        (2, 120, 0.05, 0.057505),
        (5, 140, 0.10, 0.003984),
    ],
)
def test_p_values_match_the_worked_numbers(k: int, n: int, alpha: float, expected: float) -> None:
    assert p_value(k, n, alpha) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("k", "n", "delta", "expected"),
    [
        (4, 100, 0.05, 0.089196),
        (8, 205, 0.10, 0.062616),
        (6, 150, 0.10, 0.069155),
        (3, 150, 0.10, 0.043994),
        (84, 300, 0.10, 0.315922),
        (25, 210, 0.10, 0.152862),
        (2, 80, 0.025, 0.087407),
        (3, 200, 0.025, 0.043208),
    ],
)
def test_upper_bounds_match_the_worked_numbers(
    k: int, n: int, delta: float, expected: float
) -> None:
    assert clopper_pearson_upper(k, n, delta) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("alpha", "delta", "n"),
    [
        (0.10, 0.05, 29),
        (0.05, 0.05, 59),
        (0.02, 0.05, 149),
        (0.01, 0.05, 299),
        (0.10, 0.10, 22),
        (0.05, 0.10, 45),
        (0.20, 0.10, 11),
        (0.10, 0.05 / 4, 42),
    ],
)
def test_smallest_samples_without_a_failure(alpha: float, delta: float, n: int) -> None:
    assert n_min(alpha, delta) == n
    assert p_value(0, n, alpha) <= delta < p_value(0, n - 1, alpha)


@pytest.mark.parametrize(
    ("alpha", "n", "k"),
    [
        (0.10, 100, 4),
        (0.10, 200, 12),
        (0.10, 300, 21),
        (0.10, 500, 38),
        (0.10, 1000, 84),
        (0.05, 100, 1),
        (0.05, 200, 4),
        (0.05, 500, 16),
        (0.05, 1000, 38),
        (0.10, 28, None),
    ],
)
def test_most_failures_that_still_certify(alpha: float, n: int, k: int | None) -> None:
    assert max_failures(n, alpha, 0.05) == k


def test_sample_size_for_power_matches_the_worked_number() -> None:
    assert sample_size(0.05, 0.10, 0.05) == 239
    assert max_failures(239, 0.10, 0.05) == 16
    assert sample_size(0.0, 0.01, 0.05) == 299
    assert sample_size(0.10, 0.10, 0.05) is None
    assert sample_size(0.0999, 0.10, 0.05) is None


def test_an_empty_condition_tells_nothing() -> None:
    assert p_value(0, 0, 0.1) == 1.0
    assert clopper_pearson_upper(0, 0, 0.1) == 1.0
    assert clopper_pearson_lower(0, 0, 0.1) == 0.0
    assert clopper_pearson_upper(7, 7, 0.1) == 1.0


@pytest.mark.parametrize("k", [2.0, 0.5, True])
def test_means_and_floats_are_refused_as_counts(k: float) -> None:
    with pytest.raises(UsageError, match="integer count"):
        p_value(k, 49, 0.1)  # type: ignore[arg-type]


def test_impossible_counts_and_levels_are_refused() -> None:
    for call in (
        lambda: p_value(3, 2, 0.1),
        lambda: binomial_cdf(1, 2, 1.5),
        lambda: clopper_pearson_upper(0, 2, 0.0),
        lambda: n_min(0.0, 0.1),
    ):
        with pytest.raises(UsageError):
            call()


def test_the_edges_of_the_distribution() -> None:
    assert binomial_cdf(-1, 5, 0.3) == 0.0
    assert binomial_cdf(5, 5, 0.3) == 1.0
    assert binomial_cdf(2, 5, 0.0) == 1.0
    assert binomial_cdf(2, 5, 1.0) == 0.0


@given(counts, levels)
def test_the_distribution_agrees_with_exact_sums(pair: tuple[int, int], p: float) -> None:
    k, n = pair
    exact = math.fsum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))
    assert binomial_cdf(k, n, p) == pytest.approx(exact, abs=1e-11)


@given(counts, levels, st.floats(0.01, 0.3))
def test_a_small_p_value_is_a_low_upper_bound(
    pair: tuple[int, int], alpha: float, delta: float
) -> None:
    k, n = pair
    bound, p = clopper_pearson_upper(k, n, delta), p_value(k, n, alpha)
    if abs(p - delta) > 1e-9:
        assert (p <= delta) == (bound <= alpha)


@given(counts, st.floats(0.01, 0.3))
def test_bounds_hold_the_share_between_them_and_grow_with_failures(
    pair: tuple[int, int], delta: float
) -> None:
    k, n = pair
    assert clopper_pearson_lower(k, n, delta) <= k / n <= clopper_pearson_upper(k, n, delta)
    if k < n:
        assert clopper_pearson_upper(k, n, delta) < clopper_pearson_upper(k + 1, n, delta)


def test_scipy_agrees() -> None:
    stats = pytest.importorskip("scipy.stats")
    for n in (1, 7, 49, 300, 3000):
        for k in {0, n // 20, n // 7, n - 1}:
            for p in (0.01, 0.1, 0.4):
                assert binomial_cdf(k, n, p) == pytest.approx(stats.binom.cdf(k, n, p), abs=1e-10)
            beta = stats.beta.ppf(0.9, k + 1, n - k)
            assert clopper_pearson_upper(k, n, 0.1) == pytest.approx(beta, abs=1e-9)


def test_a_uniform_risk_makes_every_count_equally_likely() -> None:
    for n in (1, 7, 60):
        for k in range(-1, n + 1):
            assert beta_binomial_cdf(k, n, 1.0, 1.0) == pytest.approx((k + 1) / (n + 1), abs=1e-9)


def test_a_risk_known_for_sure_gives_the_binomial() -> None:
    assert beta_binomial_cdf(4, 100, 1e7, 9e7) == pytest.approx(binomial_cdf(4, 100, 0.1), abs=1e-5)


def test_shapes_that_are_no_beta_distribution_are_refused() -> None:
    with pytest.raises(UsageError, match="a > 0"):
        beta_binomial_cdf(1, 2, 0.0, 1.0)
