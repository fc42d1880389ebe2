"""Setwise bubble sort: the best of each window climbs to the next one."""

from __future__ import annotations

from assay.stages.schedules.schedule import Arrangement, Schedule

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


def bubble_sort(n: int, *, window: int, top: int) -> Schedule:
    """The best ``top``, each found by windows from the tail up to its place.

    Of a window only the first of the answer counts: it is moved to the window's head, which is
    the tail of the next one. Windows in which nothing changed since they were asked are not
    asked again. Source: Zhuang et al. 2024 (Setwise), bubble sort.

    Cost: ceil((n - 1) / (window - 1)) windows for the first place, then only those that
    changed; each waits for the one before.

    Args:
        n: candidates.
        window: candidates of a window, at least 2.
        top: places that are sorted.
    """
    order = list(range(n))
    best_of: dict[frozenset[int], int] = {}
    for head in range(min(top, n - 1)):
        end = n
        while end - 1 > head:
            start = max(head, end - window)
            shown = order[start:end]
            key = frozenset(shown)
            if key not in best_of:
                (said,) = yield [tuple(shown)]
                best_of[key] = shown[said.order[0]]
            best = best_of[key]
            order[start:end] = [best, *(one for one in shown if one != best)]
            end = start + 1
    return Arrangement(tuple(order))
