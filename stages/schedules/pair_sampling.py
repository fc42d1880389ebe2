"""Which pairs of candidates are compared, chosen before any of them is."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

Pairs: TypeAlias = list[tuple[int, int]]
"""Ordered pairs of places: the first is shown first."""


def all_pairs(n: int) -> Pairs:
    """Every pair in both orders: n (n - 1).

    >>> all_pairs(2)
    [(0, 1), (1, 0)]
    """
    return [(one, other) for one in range(n) for other in range(n) if one != other]


def random_pairs(
    n: int, *, share: float, generator: np.random.Generator, nearness: float = 0.0
) -> Pairs:
    """For each candidate a random share of the others, drawn without repetition.

    Source: Gienapp et al. 2022 (sparse pairwise re-ranking), global sampling.

    Args:
        n: candidates.
        share: of the n - 1 others, in (0, 1]; at least one other is drawn.
        generator: draws.
        nearness: the chance of another is proportional to 1 / distance ** nearness, distances
            in first-stage ranks; 0 for equal chances.
    """
    if n < 2:
        return []
    size = min(n - 1, max(1, round(share * (n - 1))))
    found: Pairs = []
    for one in range(n):
        others = np.array([other for other in range(n) if other != one])
        weights = np.abs(others - one).astype(np.float64) ** -nearness
        drawn = generator.choice(others, size, replace=False, p=weights / weights.sum())
        found += [(one, int(other)) for other in sorted(drawn)]
    return found


def cyclic_pairs(n: int, *, opponents: int, dilation: int) -> Pairs:
    """Each candidate i with i + dilation, i + 2 dilation and so on, modulo n.

    Every candidate stands first ``opponents`` times and second as often. Source: Gienapp et al.
    2022, structured sampling. Differs: a dilation that shares a divisor with n, where pairs would
    repeat or a candidate would meet itself, is refused.

    Args:
        n: candidates.
        opponents: for each, from 0; more than n - 1 is taken as n - 1.
        dilation: distance of opponents, in first-stage ranks.

    Raises:
        ValueError: if dilation and n have a common divisor.

    >>> cyclic_pairs(3, opponents=1, dilation=1)
    [(0, 1), (1, 2), (2, 0)]
    """
    if n < 2:
        return []
    if math.gcd(dilation, n) != 1:
        raise ValueError(
            f"dilation {dilation} and {n} candidates have a common divisor, so pairs would repeat:"
            f" the next one that does not is {coprime(dilation, n)}"
        )
    steps = range(1, min(opponents, n - 1) + 1)
    return [(one, (one + step * dilation) % n) for one in range(n) for step in steps]


def coprime(dilation: int, n: int) -> int:
    """The first number from ``dilation`` on that has no divisor in common with n.

    >>> coprime(5, 50)
    7
    """
    while math.gcd(dilation, n) != 1:
        dilation += 1
    return dilation


def neighbour_pairs(n: int, *, reach: int) -> Pairs:
    """Pairs at most ``reach`` first-stage ranks apart, the better ranked one first.

    >>> neighbour_pairs(3, reach=1)
    [(0, 1), (1, 2)]
    """
    return [(one, other) for one in range(n) for other in range(one + 1, min(n, one + reach + 1))]


def in_both_orders(pairs: Pairs) -> Pairs:
    """Each pair once as it is and once turned round, one behind the other, without repetition.

    >>> in_both_orders([(0, 1), (1, 0), (2, 1)])
    [(0, 1), (1, 0), (1, 2), (2, 1)]
    """
    unordered = dict.fromkeys((min(pair), max(pair)) for pair in pairs)
    return [shown for low, high in unordered for shown in ((low, high), (high, low))]
