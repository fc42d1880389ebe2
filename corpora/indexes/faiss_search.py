"""Candidates out of the files of faiss: near ones for an open search, and under a filter.

A filter never thins out what is looked at. A graph is asked for so many neighbours that enough of
them can be expected to be allowed; where too few are (what is allowed may all be far away), and
where little is allowed, every allowed vector's code is compared. Lists are looked at, the nearest
first, until as many allowed vectors were seen as an open search sees of all, since the best of few
lie in more lists than the best of many.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from assay.corpora.indexes.dense import Places
from assay.corpora.indexes.faiss_parts import Codes, single
from assay.models.protocols import Floats

EVERY = 0.1
"""Share of a graph's vectors from which a graph is walked; for fewer, all codes are compared."""

ROOM = 1.5
"""Neighbours that a graph is asked for, as a multiple of what must be expected to be enough."""

SEEN = 1000
"""Vectors that a search in lists looks at in any case."""

_MORE: dict[Codes, tuple[int, int]] = {
    "none": (1, 16),
    "half": (1, 16),
    "scalar": (2, 32),
    "product": (10, 100),
}


def wanted(k: int, codes: Codes) -> int:
    """Candidates for the best k, so that rounded codes lose none of these.

    >>> wanted(10, "none"), wanted(10, "scalar"), wanted(10, "product")
    (26, 52, 200)
    """
    factor, more = _MORE[codes]
    return factor * k + more


class Part(ABC):
    """One file, opened.

    Args:
        faiss: the library.
        index: what it read.
        first: the place of its first vector in the segment.
    """

    def __init__(self, faiss: Any, index: Any, first: int) -> None:
        self._faiss = faiss
        self._index = index
        self.first = first
        self.count = int(index.ntotal)

    def candidates(self, query: Floats, count: int, chosen: Places | None) -> Places:
        """Places in this part of the nearest vectors, in any order.

        Args:
            query: shape ``(dimension,)``.
            count: how many are wanted; fewer come only where there are no more.
            chosen: places to choose from; None for all.
        """
        there = self.count if chosen is None else len(chosen)
        if there <= count:
            return np.arange(self.count) if chosen is None else chosen
        return self._near(query, count, chosen)

    @abstractmethod
    def _near(self, query: Floats, count: int, chosen: Places | None) -> Places:
        """The same, where there are more than enough."""

    def _search(self, index: Any, query: Floats, count: int, parameters: Any = None) -> Places:
        with single(self._faiss):
            _, found = index.search(query[None], min(count, self.count), params=parameters)
        places: Places = found[0][found[0] >= 0]
        return places

    def _selector(self, chosen: Places) -> Any:
        return self._faiss.IDSelectorBitmap(np.packbits(self._mask(chosen), bitorder="little"))

    def _mask(self, chosen: Places) -> Any:
        mask = np.zeros(self.count, dtype=np.bool_)
        mask[chosen] = True
        return mask


class GraphPart(Part):
    """A graph.

    Args:
        faiss: the library.
        index: what it read.
        first: the place of its first vector in the segment.
        breadth: candidates that a walk keeps, efSearch of Malkov & Yashunin.
    """

    def __init__(self, faiss: Any, index: Any, first: int, *, breadth: int) -> None:
        super().__init__(faiss, index, first)
        self._codes = faiss.downcast_index(index.storage)
        self._breadth = breadth

    def _near(self, query: Floats, count: int, chosen: Places | None) -> Places:
        share = 1.0 if chosen is None else len(chosen) / self.count
        reach = max(self._breadth, count if chosen is None else int(np.ceil(ROOM * count / share)))
        if share >= EVERY and reach <= EVERY * self.count:
            parameters = self._faiss.SearchParametersHNSW(efSearch=reach)
            near = self._search(self._index, query, count if chosen is None else reach, parameters)
            if chosen is not None:
                near = near[self._mask(chosen)[near]]
            if len(near) >= count:
                return near
        parameters = None
        if chosen is not None:
            parameters = self._faiss.SearchParameters(sel=self._selector(chosen))
        return self._search(self._codes, query, count, parameters)


class ListsPart(Part):
    """Vectors in lists.

    Args:
        faiss: the library.
        index: what it read.
        first: the place of its first vector in the segment.
        probes: lists of an open search, nprobe of faiss; 0: an eighth of them.
    """

    def __init__(self, faiss: Any, index: Any, first: int, *, probes: int) -> None:
        super().__init__(faiss, index, first)
        self.lists = lists = int(index.nlist)
        self.probes = min(lists, probes or max(1, lists // 8))
        self._centres: Floats = index.quantizer.reconstruct_n(0, lists)
        self._list_of = np.zeros(self.count, dtype=np.int32)
        for number in range(lists):
            size = index.invlists.list_size(number)
            if size:
                ids = index.invlists.get_ids(number)
                self._list_of[faiss.rev_swig_ptr(ids, size)] = number
                index.invlists.release_ids(number, ids)
        self._sizes = np.bincount(self._list_of, minlength=lists)

    def _near(self, query: Floats, count: int, chosen: Places | None) -> Places:
        lists, there = len(self._centres), self.count if chosen is None else len(chosen)
        held = self._sizes
        if chosen is not None:
            held = np.bincount(self._list_of[chosen], minlength=lists)
        seen = np.cumsum(held[np.argsort(-(self._centres @ query), kind="stable")])
        enough = max(SEEN, 5 * count, round(self.count * self.probes / lists))
        probes = 1 + int(np.searchsorted(seen, min(there, enough)))
        if chosen is None:
            probes = max(probes, self.probes)
        near = self._probe(query, count, chosen, min(lists, probes))
        return near if len(near) >= count else self._probe(query, count, chosen, lists)

    def _probe(self, query: Floats, count: int, chosen: Places | None, probes: int) -> Places:
        parameters = self._faiss.SearchParametersIVF(nprobe=probes)
        if chosen is not None:
            selector = self._selector(chosen)
            parameters = self._faiss.SearchParametersIVF(nprobe=probes, sel=selector)
        return self._search(self._index, query, count, parameters)
