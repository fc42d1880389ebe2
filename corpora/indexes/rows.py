"""Where the rows of an index lie, and which of them a search may look at."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.corpora.indexes.index import Rows
from assay.pipeline.errors import CorpusError

Places = NDArray[np.intp]

KEPT = 8
"""Sets of allowed rows whose places are kept for the next search."""

_SPARSE = 4
"""A table of all rows in a range is kept while the range is at most so many times the rows."""


class RowMap:
    """Rows in segments, the removed ones marked; safe between threads.

    Args:
        sizes: rows of each segment.
        rows: of all segments one after another, in rising order.
        removed: rows that are not to be found, in rising order; others may be among them.
    """

    def __init__(self, sizes: Sequence[int], rows: Rows, removed: Rows) -> None:
        self.all = rows
        self.bounds = np.concatenate([[0], np.cumsum(sizes, dtype=np.intp)]).astype(np.intp)
        self._table = _table(rows)
        places = self._places(removed)
        self.removed: Rows = rows[places]
        """The removed rows that still lie in segments."""
        self._mask: NDArray[np.bool_] | None = None
        if len(places):
            self._mask = np.ones(len(rows), dtype=np.bool_)
            self._mask[places] = False
        self._alive = [] if self._mask is None else self._split(np.flatnonzero(self._mask))
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, tuple[Rows, list[Places]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self.all)

    @property
    def size(self) -> int:
        """Rows that can be found."""
        return len(self.all) - len(self.removed)

    def open_places(self, allowed: Rows | None) -> list[Places | None]:
        """For each segment the places in it that may be found; None for all of it.

        What an array comes to is kept for the next search, if the array owns its numbers and is
        read-only (``flags.writeable = False``): such a one is taken to stay as it is.

        Args:
            allowed: see ``Searcher.search``.
        """
        if allowed is None:
            return list(self._alive) or [None] * (len(self.bounds) - 1)
        if allowed.flags.writeable or allowed.base is not None:
            return list(self._split(self._found(allowed)))
        with self._lock:
            known = self._kept.get(id(allowed))
            if known is not None:
                self._kept.move_to_end(id(allowed))
                return list(known[1])
        made = self._split(self._found(allowed))
        with self._lock:
            self._kept[id(allowed)] = allowed, made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return list(made)

    def locate(self, rows: Rows) -> Places:
        """The places of rows, in the order asked.

        Raises:
            CorpusError: naming a row that is not there.
        """
        wanted = np.asarray(rows, dtype=np.int64)
        places = np.minimum(np.searchsorted(self.all, wanted), max(0, len(self.all) - 1))
        if len(self.all):
            there = self.all[places] == wanted
            if self._mask is not None:
                there &= self._mask[places]
        else:
            there = np.zeros(len(wanted), dtype=np.bool_)
        if not there.all():
            raise CorpusError(
                f"row {int(wanted[np.argmin(there)])} is not in the index, though the store has it:"
                " delete the corpus and index it again"
            )
        return places

    def _found(self, allowed: Rows) -> Places:
        places = self._places(np.asarray(allowed, dtype=np.int64))
        return places if self._mask is None else places[self._mask[places]]

    def _places(self, rows: Rows) -> Places:
        """The places of those of the rows that lie here."""
        if not len(rows) or not len(self.all):
            return np.empty(0, dtype=np.intp)
        first, last = np.searchsorted(rows, [self.all[0], self.all[-1] + 1])
        rows = rows[first:last]
        if self._table is not None:
            known = self._table[rows - self.all[0]]
            places: Places = known[known >= 0].astype(np.intp)
        else:
            near = np.searchsorted(self.all, rows)
            places = near[self.all[near] == rows]
        return places

    def _split(self, places: Places) -> list[Places]:
        cuts = np.searchsorted(places, self.bounds)
        return [
            places[cuts[one] : cuts[one + 1]] - self.bounds[one] for one in range(len(cuts) - 1)
        ]


def _table(rows: Rows) -> NDArray[np.int32] | None:
    """Place by row from the first row on, -1 where there is none; None where it would be large."""
    if not len(rows):
        return None
    span = int(rows[-1]) - int(rows[0]) + 1
    if span > _SPARSE * len(rows) or len(rows) >= 2**31:
        return None
    made = np.full(span, -1, dtype=np.int32)
    made[rows - rows[0]] = np.arange(len(rows), dtype=np.int32)
    return made
