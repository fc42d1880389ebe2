"""An interval for a rate that holds at all times at once, however often one looks."""

from __future__ import annotations

import math
from collections.abc import Callable

from assay.pipeline.errors import UsageError

STEPS = 60
"""Bisections for each end."""


def anytime_interval(total: float, n: int, delta: float) -> tuple[float, float]:
    """Lower and upper end for the mean of losses in [0, 1].

    With probability at least ``1 - delta`` the mean lies in the interval after every observation.
    Those means are out of reach against which a bettor with Jeffreys' Beta(1/2, 1/2) mixture would
    own more than ``1 / delta``. Source: Robbins (1970); Howard and others, Time-uniform,
    nonparametric, nonasymptotic confidence sequences (2021), section 3. For losses between 0 and 1
    the likelihood ratio is at most the bet that it interpolates, so the interval only gets wider.

    Args:
        total: sum of the losses, 0 to ``n``.
        n: how many; 0 gives (0, 1).
        delta: in (0, 1).

    Raises:
        UsageError: for figures out of range.

    >>> [round(one, 3) for one in anytime_interval(5, 50, 0.1)]
    [0.019, 0.271]
    """
    if not (0.0 < delta < 1.0 and n >= 0 and 0.0 <= total <= n):
        raise UsageError(
            f"expected 0 <= total <= n and delta in (0, 1), found {total=}, {n=}, {delta=}"
        )
    if n == 0:
        return 0.0, 1.0
    mixture = _log_beta(total + 0.5, n - total + 0.5) - _log_beta(0.5, 0.5)
    limit = -math.log(delta)

    def out(mean: float) -> bool:
        plain = _times(total, math.log(mean)) + _times(n - total, math.log1p(-mean))
        return mixture - plain >= limit

    best = total / n
    return _end(best, 0.0, out), _end(best, 1.0, out)


def _end(inside: float, outside: float, out: Callable[[float], bool]) -> float:
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        if not 0.0 < middle < 1.0:
            break
        inside, outside = (inside, middle) if out(middle) else (middle, outside)
    return outside


def _times(count: float, logarithm: float) -> float:
    return count * logarithm if count else 0.0


def _log_beta(one: float, other: float) -> float:
    return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)
