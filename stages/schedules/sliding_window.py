"""The sliding window: from the tail to the head, so that good passages climb."""

from __future__ import annotations

from assay.stages.schedules.schedule import Arrangement, Schedule, sorted_places

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


def sliding_window(n: int, *, window: int, step: int, passes: int = 1, top: int = 10) -> Schedule:
    """Rank windows from the tail to the head.

    With a perfect ranker the best ``window - step`` are exact after one pass. Source: Sun et al.
    2023 (RankGPT). Differs: further passes end early once one of them leaves the best ``top``
    as they were.

    Cost: 1 window for n <= window, else ceil((n - window) / step) + 1 a pass, each waiting for
    the one before.

    Args:
        n: candidates.
        window: most passages of a window.
        step: places that the window moves, at most ``window``.
        passes: most times that it goes over the list.
        top: places that a further pass is made for.
    """
    order = list(range(n))
    done = 0
    for _ in range(passes if n > 1 else 0):
        before = order[:top]
        end, start = n, max(0, n - window)
        while True:
            shown = tuple(order[start:end])
            (said,) = yield [shown]
            order[start:end] = sorted_places(shown, said)
            if start == 0:
                break
            end, start = end - step, max(0, start - step)
        done += 1
        if order[:top] == before or n <= window:
            break
    return Arrangement(tuple(order), {"passes": done})
