"""Tests and upper bounds for the mean of graded losses, 0 to 1.

For losses that are only 0 or 1 the exact binomial (``binomial.py``) is valid and sharper than all
of these. For graded losses with little spread, ``betting.py`` is usually the sharpest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from assay.guards.risk.binomial import binomial_cdf
from assay.pipeline.errors import UsageError

ROUNDING = 1e-9
"""A sum of losses this little above a whole number is that number."""
STEPS = 200
"""Bisections of [0, 1]: more than a double can tell apart."""


def hoeffding_p_value(total: float, n: int, alpha: float) -> float:
    """``exp(-2 n (alpha - mean)^2)``, Hoeffding (1963), theorem 1.

    Args:
        total: sum of n losses, each in [0, 1], independent; 0 to n.
        n: questions; 0 tells nothing, so p is 1.
        alpha: the level, in (0, 1); tested is "the mean exceeds alpha".

    Raises:
        UsageError: for a sum that n losses cannot have, or an ``alpha`` outside (0, 1).
    """
    mean = _mean(total, n, alpha)
    return math.exp(-2 * n * max(0.0, alpha - mean) ** 2)


def chernoff_p_value(total: float, n: int, alpha: float) -> float:
    """``exp(-n kl(mean, alpha))`` below the level and 1 above, Hoeffding (1963), equation 2.1."""
    mean = _mean(total, n, alpha)
    return math.exp(-n * relative_entropy(min(mean, alpha), alpha))


def bentkus_p_value(total: float, n: int, alpha: float) -> float:
    """e times the binomial tail of the sum, rounded up; Bentkus (2004).

    >>> round(bentkus_p_value(4, 100, 0.1), 6)
    0.064453
    """
    _mean(total, n, alpha)
    return min(1.0, math.e * binomial_cdf(math.ceil(total - ROUNDING), n, alpha))


def hoeffding_bentkus_p_value(total: float, n: int, alpha: float) -> float:
    """The smaller of Chernoff's and Bentkus's p-values, which is one too.

    Both come from the same tail bound: Bates and others, Distribution-free risk-controlling
    prediction sets (2021), section 3.1.
    """
    return min(chernoff_p_value(total, n, alpha), bentkus_p_value(total, n, alpha))


def hoeffding_upper(total: float, n: int, delta: float) -> float:
    """Upper bound on the mean, wrong with probability at most ``delta``; 1 for no losses."""
    mean = _mean(total, n, delta)
    return min(1.0, mean + math.sqrt(math.log(1 / delta) / (2 * n))) if n else 1.0


def chernoff_upper(total: float, n: int, delta: float) -> float:
    """The largest mean that ``chernoff_p_value`` does not reject at ``delta``."""
    return _largest_not_rejected(chernoff_p_value, total, n, delta)


def hoeffding_bentkus_upper(total: float, n: int, delta: float) -> float:
    """The largest mean that ``hoeffding_bentkus_p_value`` does not reject at ``delta``."""
    return _largest_not_rejected(hoeffding_bentkus_p_value, total, n, delta)


def empirical_bernstein_upper(losses: Sequence[float], delta: float) -> float:
    """Upper bound from mean and variance, Maurer and Pontil (2009), theorem 4.

    The variance is that of the questions' losses at one setting, unbiased.

    Returns:
        At most 1; 1 for fewer than two losses.
    """
    if not all(0.0 <= loss <= 1.0 for loss in losses):
        raise UsageError("a loss must lie in [0, 1]")
    n, total = len(losses), math.fsum(losses)
    mean = _mean(min(total, n), n, delta)
    if n < 2:
        return 1.0
    variance = math.fsum((loss - mean) ** 2 for loss in losses) / (n - 1)
    log = math.log(2 / delta)
    return min(1.0, mean + math.sqrt(2 * variance * log / n) + 7 * log / (3 * (n - 1)))


def relative_entropy(p: float, q: float) -> float:
    """Of two coins, in nats; infinity where ``q`` rules out what ``p`` allows.

    >>> relative_entropy(0.5, 0.5)
    0.0
    """
    total = 0.0
    for left, right in ((p, q), (1 - p, 1 - q)):
        if left > 0:
            total += left * math.log(left / right) if right > 0 else math.inf
    return total


def _mean(total: float, n: int, level: float) -> float:
    if not 0.0 < level < 1.0:
        raise UsageError(f"a level must lie in (0, 1), found {level}")
    if not 0.0 <= total <= n + ROUNDING:
        raise UsageError(f"the sum of {n} losses in [0, 1] lies in [0, {n}], found {total}")
    return min(1.0, total / n) if n else 0.0


def _largest_not_rejected(
    p_value: Callable[[float, int, float], float], total: float, n: int, delta: float
) -> float:
    low, high = _mean(total, n, delta), 1.0
    if n == 0 or low == 1.0:
        return 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if p_value(total, n, middle) > delta:
            low = middle
        else:
            high = middle
    return high
