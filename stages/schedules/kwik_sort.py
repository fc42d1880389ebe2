"""KwikSort: a random pivot, everybody compared with it, and so on within both sides."""

from __future__ import annotations

import numpy as np

from assay.stages.schedules.pair_sampling import in_both_orders
from assay.stages.schedules.preference import made_one
from assay.stages.schedules.schedule import Arrangement, Schedule, Step, together

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


def kwik_sort(
    n: int, *, generator: np.random.Generator, top: int, both_orders: bool = False
) -> Schedule:
    """Sort the best ``top`` by comparisons with random pivots.

    Who draws with the pivot, or could not be compared, stays on the side on which the first stage
    had it. Source: Ailon, Charikar and Newman 2008, with comparisons on demand as in Gienapp et
    al. 2022. Differs: a side none of which can reach the best ``top`` is not sorted (partial
    quicksort, Martínez 2004); both sides of a pivot share rounds.

    Cost: with top = n about 2 n ln n - 2.8 n windows at the mean (650 for n = 100) in about 14
    rounds; with n = 100 and top = 10 about 250 in 9 rounds. Twice the windows with both orders.

    Args:
        n: candidates.
        generator: draws pivots.
        top: places that are sorted; the others follow as the pivots left them.
        both_orders: show each pair both ways and take the mean of the log-odds.
    """
    order = yield from _sorted(list(range(n)), top, both_orders, generator)
    return Arrangement(tuple(order))


def _sorted(
    some: list[int], top: int, both_orders: bool, generator: np.random.Generator
) -> Step[list[int]]:
    """Candidates, in first-stage order, with the best ``top`` sorted."""
    if len(some) < 2 or top <= 0:
        return some
    own, left, right = generator.spawn(3)  # so that it does not matter which side is done first
    pivot = some[int(own.integers(len(some)))]
    others = [one for one in some if one != pivot]
    pairs = [(min(one, pivot), max(one, pivot)) for one in others]
    windows = in_both_orders(pairs) if both_orders else pairs
    said = made_one(windows, (yield windows)).preferences
    better = []
    for one, pair in zip(others, pairs, strict=True):
        low_wins = said.get(pair, 0.5)
        wins = low_wins if one < pivot else 1 - low_wins
        if wins > 0.5 or (wins == 0.5 and one < pivot):
            better.append(one)
    inside = set(better)
    worse = [one for one in others if one not in inside]
    before, behind = yield from together(
        [
            _sorted(better, top, both_orders, left),
            _sorted(worse, top - len(better) - 1, both_orders, right),
        ]
    )
    return [*before, pivot, *behind]
