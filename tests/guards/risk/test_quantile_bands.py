"""Bands around the distribution of losses, and what is read off them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from assay.guards.risk.quantile_bands import (
    Band,
    berk_jones,
    dvoretzky_kiefer_wolfowitz,
    gini_upper,
    kolmogorov_smirnov,
    mean_between,
    mean_upper,
    one_quantile_upper,
    quantile_upper,
    stays_above,
    tail_mean,
    tail_mean_upper,
)
from assay.pipeline.errors import UsageError

TEN = [0, 0, 0, 0.1, 0.1, 0.2, 0.2, 0.3, 0.5, 0.9]
HUNDRED = [((37 * i % 100) / 100) ** 4 for i in range(100)]


def test_bands_of_ten() -> None:
    b = [0.001774, 0.020914, 0.058503, 0.109651, 0.171898, 0.244311, 0.327044, 0.421478]
    band = berk_jones(10, 0.1)
    assert band.tolist() == pytest.approx([*b, 0.531303, 0.667668], abs=1e-5)
    level = stats.beta.cdf(band[0], 1, 10)
    assert level == pytest.approx(0.017604, abs=1e-5)
    assert kolmogorov_smirnov(10, 0.1)[-1] == pytest.approx(1 - 0.322602, abs=1e-6)
    assert dvoretzky_kiefer_wolfowitz(10, 0.1)[-1] == pytest.approx(1 - 0.339307, abs=1e-6)


def test_what_ten_losses_bound() -> None:
    ks, dkw, bj = (
        one(10, 0.1) for one in (kolmogorov_smirnov, dvoretzky_kiefer_wolfowitz, berk_jones)
    )
    assert mean_upper(TEN, ks) == pytest.approx(0.550341, abs=1e-6)
    assert mean_upper(TEN, dkw) == pytest.approx(0.565376, abs=1e-6)
    assert mean_upper(TEN, bj) == pytest.approx(0.580672, abs=1e-5)
    assert [quantile_upper(TEN, band, beta=0.5) for band in (ks, dkw, bj)] == [0.5, 0.5, 0.5]
    assert tail_mean_upper(TEN, bj, beta=0.8) == 1.0
    assert tail_mean(TEN, 0.8) == pytest.approx(0.7)
    assert tail_mean(TEN, 0.75) == pytest.approx(0.62)
    assert gini_upper(TEN, np.arange(1, 11) / 10) == pytest.approx(0.586957, abs=1e-6)
    assert gini_upper(TEN, ks) == gini_upper(TEN, bj) == 1.0


def test_what_a_hundred_losses_bound() -> None:
    ks, bj = kolmogorov_smirnov(100, 0.05), berk_jones(100, 0.05)
    assert np.mean(HUNDRED) == pytest.approx(0.195033, abs=1e-6)
    assert mean_upper(HUNDRED, ks) == pytest.approx(0.315695, abs=1e-5)
    assert mean_upper(HUNDRED, bj) == pytest.approx(0.312399, abs=1e-5)
    assert tail_mean(HUNDRED, 0.75) == pytest.approx(0.596561, abs=1e-6)
    assert tail_mean_upper(HUNDRED, ks, beta=0.75) == pytest.approx(0.873904, abs=1e-5)
    assert tail_mean_upper(HUNDRED, bj, beta=0.75) == pytest.approx(0.826344, abs=1e-5)
    assert tail_mean(HUNDRED, 0.9) == pytest.approx(0.801915, abs=1e-6)
    assert tail_mean_upper(HUNDRED, ks, beta=0.9) == 1.0
    assert tail_mean_upper(HUNDRED, bj, beta=0.9) == pytest.approx(0.974725, abs=1e-5)
    assert quantile_upper(HUNDRED, ks, beta=0.5) == pytest.approx(0.147763, abs=1e-6)
    assert quantile_upper(HUNDRED, bj, beta=0.5) == pytest.approx(0.167772, abs=1e-6)
    assert quantile_upper(HUNDRED, bj, beta=0.9) == pytest.approx(0.885293, abs=1e-6)
    assert one_quantile_upper(HUNDRED, beta=0.5, delta=0.05) == pytest.approx(0.113165, abs=1e-6)
    assert one_quantile_upper(HUNDRED, beta=0.9, delta=0.05) == pytest.approx(0.814506, abs=1e-6)


def test_a_band_stays_above_as_often_as_computed() -> None:
    band = berk_jones(10, 0.1)
    draws = np.sort(np.random.default_rng(4).random((200_000, 10)), axis=1)
    assert float((draws >= band).all(axis=1).mean()) == pytest.approx(stays_above(band), abs=0.003)


@pytest.mark.parametrize("band", [kolmogorov_smirnov, dvoretzky_kiefer_wolfowitz, berk_jones])
def test_all_that_is_read_off_a_band_holds_together(band: Callable[[int, float], Band]) -> None:
    rng = np.random.default_rng(8)
    limits = band(60, 0.1)
    missed = 0
    for _ in range(300):
        losses = rng.random(60).tolist()
        missed += (
            mean_upper(losses, limits) < 0.5
            or tail_mean_upper(losses, limits, beta=0.8) < 0.9
            or quantile_upper(losses, limits, beta=0.5) < 0.5
            or gini_upper(losses, limits) < 1 / 3
        )
    assert missed <= 56  # 1e-6 band of 10 % of 300


def test_losses_and_band_must_belong_together() -> None:
    with pytest.raises(UsageError, match="fits"):
        mean_upper([0.1], berk_jones(10, 0.1))
    with pytest.raises(UsageError, match="above the most"):
        mean_upper([2.0] * 10, berk_jones(10, 0.1))
    with pytest.raises(UsageError, match="lower < upper"):
        mean_between(TEN, berk_jones(10, 0.1), lower=0.5, upper=0.5)
    with pytest.raises(UsageError, match="n >= 1"):
        berk_jones(0, 0.1)
