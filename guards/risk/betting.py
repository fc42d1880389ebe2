"""A test for the mean of graded losses that wins money if the level is kept.

Source: Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting (2024),
and its use by Bates and others (2021), appendix B. One-sided; one running product.

The result depends on the order of the losses. In the order of a file that has its errors last the
bound is wrong nearly always, so questions are put in an order that has nothing to do with their
losses: by a hash of seed and id. Sorting the losses and shuffling them by a seed would not do: the
result would then depend on the number of errors and on the seed alone, and be wrong far too often
for many a seed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from assay.pipeline.errors import UsageError

STEPS = 100
"""Bisections of [0, 1] for the bound."""


def betting_p_value(losses: Mapping[str, float], alpha: float, *, delta: float, seed: int) -> float:
    """p-value of "the mean exceeds alpha".

    Args:
        losses: question id to its loss in [0, 1], independent draws; none tells nothing, so p is
            1. Ids must not tell the loss.
        alpha: the level, in (0, 1).
        delta: size of the test that it is made for, in (0, 1); the bets are chosen by it.
        seed: of the order.

    Returns:
        1 over the most that the bettor ever owned, at most 1.

    Raises:
        UsageError: for losses or levels out of range.
    """
    values = _in_order(losses, alpha, delta, seed)
    return _p_value(values, _bets(values, delta), alpha)


def betting_upper(losses: Mapping[str, float], *, delta: float, seed: int) -> float:
    """The largest mean that is not rejected at ``delta``; 1 for no losses.

    A bound on the mean that is wrong with probability at most ``delta``. Cost: one pass a
    bisection.
    """
    values = _in_order(losses, 0.5, delta, seed)
    bets = _bets(values, delta)
    if not len(values) or _p_value(values, bets, 1.0) > delta:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _p_value(values, bets, middle) > delta:
            low = middle
        else:
            high = middle
    return high


def in_given_order(losses: Sequence[float], alpha: float, *, delta: float) -> tuple[float, float]:
    """p-value and upper bound in the order of the losses, where that is random already.

    Streams are (each loss is bet on as it arrives). A file is not.
    """
    values = np.asarray(losses, dtype=np.float64)
    bets = _bets(values, delta)
    if not len(values) or _p_value(values, bets, 1.0) > delta:
        return _p_value(values, bets, alpha), 1.0
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _p_value(values, bets, middle) > delta else (low, middle)
    return _p_value(values, bets, alpha), high


def _in_order(
    losses: Mapping[str, float], alpha: float, delta: float, seed: int
) -> NDArray[np.float64]:
    if not (0.0 < alpha < 1.0 and 0.0 < delta < 1.0):
        raise UsageError(f"alpha and delta must lie in (0, 1), found {alpha=}, {delta=}")
    if not all(0.0 <= loss <= 1.0 for loss in losses.values()):
        raise UsageError("a loss must lie in [0, 1]")
    order = sorted(losses, key=lambda one: hashlib.sha256(f"{seed}|{one}".encode()).digest())
    return np.array([losses[one] for one in order], dtype=np.float64)


def _bets(values: NDArray[np.float64], delta: float) -> NDArray[np.float64]:
    """The share of the fortune that is bet on each loss, from the losses before it."""
    n = len(values)
    count = np.arange(1, n + 1)
    means = (0.5 + np.cumsum(values)) / (count + 1)
    variances = (0.25 + np.cumsum((values - means) ** 2)) / (count + 1)
    before = np.concatenate([[0.25], variances[:-1]])
    bets: NDArray[np.float64] = np.minimum(
        1.0, np.sqrt(2 * math.log(1 / delta) / (max(1, n) * before[:n]))
    )
    return bets


def _p_value(values: NDArray[np.float64], bets: NDArray[np.float64], level: float) -> float:
    if not len(values):
        return 1.0
    with np.errstate(divide="ignore"):
        fortune = np.cumsum(np.log1p(-bets * (values - level)))
    return math.exp(-max(0.0, float(np.max(fortune))))
