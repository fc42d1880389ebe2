"""Top-down partitioning: one pivot, and everybody else is compared with it at once."""

from __future__ import annotations

from assay.stages.schedules.schedule import Arrangement, Places, Schedule, Step, sorted_places

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


def top_down_partitioning(n: int, *, window: int, pivot: int) -> Schedule:
    """Find those above a pivot, then order them.

    The first window is ranked; the candidate at place ``pivot`` of it is compared with all
    others, ``window - 1`` at a time. Those that come before it are ordered in the same way,
    the others follow it in the order of their windows. Source: Parry et al. 2024 (TDPart).

    Cost: 1 + ceil((n - window) / (window - 1)) windows in two rounds, and again for those above
    the pivot: for n = 100, window 20 and pivot 10 about 11 windows in 6 rounds at the mean of
    random orders, 7 in 3 where the first window holds the best already.

    Args:
        n: candidates.
        window: candidates of a window, at least 2.
        pivot: place of the pivot in the first window, from 1, below ``window``.
    """
    order = yield from _ordered(tuple(range(n)), window, pivot)
    return Arrangement(order)


def _ordered(places: Places, window: int, pivot: int) -> Step[Places]:
    if len(places) < 2:
        return places
    first = places[:window]
    (said,) = yield [first]
    head = sorted_places(first, said)
    rest = places[window:]
    if not rest:
        return head
    middle = head[pivot - 1]
    above, below = list(head[: pivot - 1]), list(head[pivot:])
    parts = [rest[start : start + window - 1] for start in range(0, len(rest), window - 1)]
    answers = yield [(middle, *part) for part in parts]
    behind: list[int] = []
    for part, answer in zip(parts, answers, strict=True):
        ranked = sorted_places((middle, *part), answer)
        # A window that could not be read keeps its order, which must not put all behind the pivot
        # above it: the pivot is shown first, so nobody comes before it.
        place = ranked.index(middle)
        above += ranked[:place]
        behind += ranked[place + 1 :]
    if len(above) > pivot - 1:  # others came: who stands where is not known
        if len(above) >= len(places) - 1:  # the pivot divided nothing; never go on for ever
            found: Places = tuple(above)
        else:
            found = yield from _ordered(tuple(above), window, pivot)
    else:
        found = tuple(above)
    return (*found, middle, *below, *behind)
