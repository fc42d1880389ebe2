"""Setwise heapsort: a heap of sets, of which the ranker names the best."""

from __future__ import annotations

from assay.stages.schedules.schedule import Arrangement, Schedule, Step, together

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


def heapsort(n: int, *, children: int, top: int) -> Schedule:
    """The best ``top`` by a heap in which each candidate has up to ``children`` below it.

    A window is a candidate with its children, of which only the first of the answer counts.
    Source: Zhuang et al. 2024 (Setwise), heapsort.

    Differs: a generation of the heap is sifted in one go, since its subtrees do not meet.

    Cost: for n = 100 and top = 10 about 82, 31 and 23 windows in 44, 23 and 19 rounds with 3, 9 and
    19 children, at the mean of random orders.

    Args:
        n: candidates.
        children: candidates below one, at least 1; windows hold one more.
        top: places that are sorted; the others follow in first-stage order.
    """
    heap = list(range(n))
    last = (n - 2) // children if n > 1 else -1
    while last >= 0:
        first = _generation(last, children)
        yield from together([_sift(heap, n, one, children) for one in range(last, first - 1, -1)])
        last = first - 1
    found: list[int] = []
    size = n
    while size and len(found) < top:
        found.append(heap[0])
        size -= 1
        heap[0] = heap[size]
        if size and len(found) < top:
            yield from _sift(heap, size, 0, children)
    chosen = set(found)
    return Arrangement((*found, *(one for one in range(n) if one not in chosen)))


def _generation(place: int, children: int) -> int:
    """The first place of the generation that a place of the heap belongs to."""
    first = 0
    while first * children + 1 <= place:
        first = first * children + 1
    return first


def _sift(heap: list[int], size: int, place: int, children: int) -> Step[None]:
    """Let a candidate sink to where nothing below it is better."""
    while place * children + 1 < size:
        below = range(place * children + 1, min(size, (place + 1) * children + 1))
        # Shown in first-stage order, so that a window which cannot be read changes nothing.
        shown = sorted((place, *below), key=lambda one: heap[one])
        (said,) = yield [tuple(heap[one] for one in shown)]
        best = shown[said.order[0]]
        if best == place:
            return
        heap[place], heap[best] = heap[best], heap[place]
        place = best
