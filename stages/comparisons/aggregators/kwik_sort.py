"""KwikSort over comparisons that have been made."""

from __future__ import annotations

import numpy as np

from assay.stages.comparisons.comparisons import Comparisons, Matrix

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


def scores(comparisons: Comparisons, generator: np.random.Generator) -> Matrix:
    """n for the first, down to 1 for the last.

    A random pivot, who beat it before it, the others behind it, and so on within both; a pair
    that never met, or drew, keeps its first-stage order. Expected within a factor of 3 of the
    fewest disagreements. Source: Ailon, Charikar and Newman 2008. As a schedule that asks only
    for the comparisons it needs: ``assay.stages.schedules.kwik_sort``.
    """
    wins = comparisons.wins
    found: Matrix = np.zeros(comparisons.n)
    place = comparisons.n
    waiting = [list(range(comparisons.n))]
    while waiting:
        some = waiting.pop()
        if not some:
            continue
        if len(some) == 1:
            found[some[0]] = place
            place -= 1
            continue
        pivot = some[int(generator.integers(len(some)))]
        net = wins[:, pivot] - wins[pivot]
        others = [one for one in some if one != pivot]
        better = [one for one in others if net[one] > 0 or (net[one] == 0 and one < pivot)]
        inside = set(better)
        worse = [one for one in others if one not in inside]
        waiting += [worse, [pivot], better]  # the last one is looked at first
    return found
