"""Bands around the distribution of losses, and what they bound: mean, tail, quantiles, inequality.

A band ``b_1 <= ... <= b_n`` says that with probability 1 - delta the distribution function at the
i-th smallest loss is at least ``b_i``, for all i at once. So everything that is read off one band
holds together. Source: Snell and others, Quantile risk control (2023), sections 3 and 4; Zollo and
others, Prompt risk control (2024).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from assay.guards.risk.binomial import binomial_cdf
from assay.pipeline.errors import UsageError

Band = NDArray[np.float64]
"""Shape ``(n,)``, rising, 0 to 1."""
STEPS = 60
"""Bisections for the level of a Berk-Jones band."""


def kolmogorov_smirnov(n: int, delta: float) -> Band:
    """Equally wide everywhere; exact for every n (Smirnov 1944)."""
    _check(n, delta)
    return np.maximum(0.0, np.arange(1, n + 1) / n - float(stats.ksone.isf(delta, n)))


def dvoretzky_kiefer_wolfowitz(n: int, delta: float) -> Band:
    """As wide as ``sqrt(ln(1 / delta) / 2n)`` (Massart 1990); needs no table."""
    _check(n, delta)
    return np.maximum(0.0, np.arange(1, n + 1) / n - math.sqrt(math.log(1 / delta) / (2 * n)))


@functools.lru_cache(maxsize=64)
def _berk_jones(n: int, delta: float) -> Band:
    low, high = 0.0, 1.0
    places = np.arange(1, n + 1)
    for _ in range(STEPS):
        middle = (low + high) / 2
        band = special.betaincinv(places, n - places + 1, middle)
        if stays_above(band) < 1 - delta:
            high = middle
        else:
            low = middle
    band = special.betaincinv(places, n - places + 1, low)
    band.flags.writeable = False
    return np.asarray(band)


def berk_jones(n: int, delta: float) -> Band:
    """Narrow in the tail: each order statistic at the same quantile of its own distribution.

    Source: Berk and Jones (1979); the level by bisection over ``stays_above``. Cost: n^2 a
    bisection; kept for each n and delta.
    """
    _check(n, delta)
    return _berk_jones(n, delta)


def stays_above(band: Band) -> float:
    """P(the i-th smallest of n uniform draws is at least ``band[i]``, for all i).

    At most i - 1 draws may lie below ``band[i]``; the number of draws below is a Markov chain from
    one bound to the next.
    """
    n = len(band)
    logs = special.gammaln(np.arange(n + 2))
    chances = np.zeros(n + 1)
    chances[0] = 1.0
    before = 0.0
    for place, bound in enumerate(band):
        share = (bound - before) / (1 - before) if before < 1 else 0.0
        if share > 0:
            chances = _moved(chances[: place + 1], share, n, place, logs)
        before = max(before, float(bound))
    return float(chances.sum())


def _moved(
    chances: NDArray[np.float64],
    share: float,
    n: int,
    most: int,
    logs: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Chances of the counts up to ``most`` after each of the rest fell below with ``share``."""
    after = np.zeros(n + 1)
    if share >= 1:
        return after
    log_share, log_rest = math.log(share), math.log1p(-share)
    for count in range(min(most, len(chances) - 1) + 1):
        if chances[count] == 0.0:
            continue
        left = n - count
        more = np.arange(most - count + 1)
        terms = (
            logs[left + 1]
            - logs[more + 1]
            - logs[left - more + 1]
            + more * log_share
            + (left - more) * log_rest
        )
        after[count : most + 1] += chances[count] * np.exp(terms)
    return after


def mean_between(
    losses: Sequence[float], band: Band, *, lower: float, upper: float, most: float = 1.0
) -> float:
    """Upper bound on the mean of the quantiles from ``lower`` to ``upper``.

    (0, 1) is the mean; (beta, 1) the mean of the worst 1 - beta (CVaR).

    Args:
        losses: n, each at most ``most``.
        band: of n.
        lower: 0 to 1.
        upper: above ``lower``, to 1.
        most: the largest loss there can be.

    Raises:
        UsageError: if losses and band do not belong together, or the range is empty.
    """
    ordered = _ordered(losses, band, most)
    if not 0.0 <= lower < upper <= 1.0:
        raise UsageError(f"expected 0 <= lower < upper <= 1, found {lower} and {upper}")
    clipped = np.clip(np.concatenate([[0.0], band, [1.0]]), lower, upper)
    values = np.concatenate([ordered, [most]])
    # What lies below ``lower`` weighs nothing; what the band does not reach may be the worst.
    return float(np.diff(clipped) @ values) / (upper - lower)


def mean_upper(losses: Sequence[float], band: Band, *, most: float = 1.0) -> float:
    """Upper bound on the mean."""
    return mean_between(losses, band, lower=0.0, upper=1.0, most=most)


def tail_mean_upper(
    losses: Sequence[float], band: Band, *, beta: float, most: float = 1.0
) -> float:
    """Upper bound on the mean of the worst ``1 - beta`` (CVaR)."""
    return mean_between(losses, band, lower=beta, upper=1.0, most=most)


def quantile_upper(losses: Sequence[float], band: Band, *, beta: float, most: float = 1.0) -> float:
    """Upper bound on the ``beta`` quantile: the first loss whose bound reaches beta."""
    ordered = _ordered(losses, band, most)
    reached = np.flatnonzero(band >= beta)
    return float(ordered[reached[0]]) if len(reached) else most


def gini_upper(losses: Sequence[float], band: Band, *, most: float = 1.0) -> float:
    """Upper bound on the Gini coefficient of the losses, 0 (all alike) to 1.

    With ``band = i / n`` it is the Gini coefficient of the losses themselves.
    """
    ordered = _ordered(losses, band, most)
    steps = np.concatenate([[0.0], band])
    above = float(np.diff(steps**2) @ ordered) + (1 - float(band[-1]) ** 2) * most
    below = float(np.diff(steps)[::-1] @ ordered)
    return min(1.0, above / below - 1.0) if below > 0 else 1.0


def one_quantile_upper(
    losses: Sequence[float], *, beta: float, delta: float, most: float = 1.0
) -> float:
    """Exact bound on one quantile: the i-th smallest, i the first with P(Bin(n, beta) < i) enough.

    Sharper than any band, and for this one quantile only.
    """
    ordered = sorted(losses)
    for place in range(1, len(ordered) + 1):
        if binomial_cdf(place - 1, len(ordered), beta) >= 1 - delta:
            return float(ordered[place - 1])
    return most


def tail_mean(losses: Sequence[float], beta: float) -> float:
    """The CVaR of the losses themselves, by Rockafellar and Uryasev (2000)."""
    values = np.sort(np.asarray(losses, dtype=np.float64))
    return min(float(z + np.maximum(values - z, 0.0).mean() / (1 - beta)) for z in values.tolist())


def _ordered(losses: Sequence[float], band: Band, most: float) -> NDArray[np.float64]:
    ordered = np.sort(np.asarray(losses, dtype=np.float64))
    if len(ordered) != len(band) or not len(ordered):
        raise UsageError(f"a band of {len(band)} fits {len(band)} losses, found {len(ordered)}")
    if not ordered[-1] <= most:
        raise UsageError(f"a loss of {ordered[-1]} is above the most there can be, {most}")
    return ordered


def _check(n: int, delta: float) -> None:
    if n < 1 or not 0.0 < delta < 1.0:
        raise UsageError(f"expected n >= 1 and delta in (0, 1), found {n} and {delta}")
