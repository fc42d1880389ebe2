"""The best tour: each candidate right behind the one that it loses to most surely."""

from __future__ import annotations

import numpy as np

from assay.stages.comparisons.aggregators import win_rate
from assay.stages.comparisons.comparisons import Comparisons, Matrix, by_score

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

EXACT = 12
"""Most candidates for which the best tour is found; beyond, a local optimum."""


def scores(comparisons: Comparisons, generator: np.random.Generator) -> Matrix:
    """n for the first of the tour, down to 1 for the last.

    The open tour with the largest sum of preferences between neighbours; pairs that never met
    count a half. It rewards neighbours only, where Kemeny's order rewards all pairs. Exact by
    Held and Karp 1962 up to ``EXACT``, else 2-opt and single moves from the order of win rates.
    Source: TSPRank (2024).
    """
    n = comparisons.n
    if not n:
        return np.zeros(0)
    gains = np.nan_to_num(comparisons.preferences, nan=0.5)
    start = list(by_score(win_rate.scores(comparisons, generator)))
    order = _exact(gains) if n <= EXACT else _improved(gains, start)
    found: Matrix = np.zeros(n)
    found[order] = np.arange(n, 0, -1)
    return found


def _exact(gains: Matrix) -> list[int]:
    n = len(gains)
    best = np.full((1 << n, n), -np.inf)
    before = np.full((1 << n, n), -1, dtype=np.int64)
    best[1 << np.arange(n), np.arange(n)] = 0.0
    for taken in range(1, (1 << n) - 1):
        values = np.round(best[taken][:, None] + gains, 9)  # [last, next]
        for one in range(n):
            if not taken >> one & 1:
                last = _last_best(values[:, one])
                best[taken | 1 << one, one] = values[last, one]
                before[taken | 1 << one, one] = last
    taken = (1 << n) - 1
    here = _last_best(best[taken])
    order: list[int] = []
    while here >= 0:
        order.append(here)
        here, taken = int(before[taken, here]), taken & ~(1 << here)
    return order[::-1]


def _last_best(values: Matrix) -> int:
    """Of equal ends of a tour the last by first-stage place, so that those before stand first."""
    return len(values) - 1 - int(np.argmax(values[::-1]))


def _improved(gains: Matrix, order: list[int]) -> list[int]:
    value = _value(gains, order)
    moved = True
    while moved:
        moved = False
        for first in range(len(order)):
            for second in range(len(order)):
                if first == second:
                    continue
                rest = [one for place, one in enumerate(order) if place != first]
                shifted = [*rest[:second], order[first], *rest[second:]]
                low, high = min(first, second), max(first, second) + 1
                turned = [*order[:low], *order[low:high][::-1], *order[high:]]
                for trial in (shifted, turned):
                    gained = _value(gains, trial)
                    if gained > value + 1e-9:
                        order, value, moved = trial, gained, True
    return order


def _value(gains: Matrix, order: list[int]) -> float:
    return float(gains[order[:-1], order[1:]].sum())
