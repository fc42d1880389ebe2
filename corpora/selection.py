"""Which passages a query may see, and the best of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from assay.corpora.deduplicate import Entry
from assay.pipeline.words import Query, Scalar, Scope

Mask = NDArray[np.bool_]
Label = tuple[str, bool, Scalar]

CACHED_MASKS = 256


def _label(key: str, value: Scalar) -> Label:
    # True equals 1 in Python, but a label that says 1 is not one that says true.
    return key, isinstance(value, bool), value


class Visibility:
    """Masks of the passages that a scope and filters leave; safe between threads.

    Args:
        entries: the passages, in row order.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._size = len(entries)
        self._lock = threading.Lock()
        self._masks: OrderedDict[tuple[Scope, frozenset[Label]], Mask] = OrderedDict()
        scopes: dict[Scope, list[int]] = {}
        labels: dict[Label, set[int]] = {}
        for row, entry in enumerate(entries):
            scopes.setdefault(entry.passage.scope, []).append(row)
            for metadata in (entry.passage.metadata, *(alias.metadata for alias in entry.aliases)):
                for key, value in metadata.items():
                    labels.setdefault(_label(key, value), set()).add(row)
        self._scopes = {scope: np.array(rows) for scope, rows in scopes.items()}
        self._labels = {label: np.array(sorted(rows)) for label, rows in labels.items()}

    def mask(self, query: Query) -> Mask:
        """True for each passage that the query may see, shape ``(n_passages,)``."""
        filters = frozenset(_label(key, value) for key, value in query.filters.items())
        key = (query.scope, filters)
        with self._lock:
            if key in self._masks:
                self._masks.move_to_end(key)
                return self._masks[key]
        mask = self._compute(query.scope, query.filters)
        mask.flags.writeable = False
        with self._lock:
            self._masks[key] = mask
            while len(self._masks) > CACHED_MASKS:
                self._masks.popitem(last=False)
        return mask

    def _compute(self, reader: Scope, filters: Mapping[str, Scalar]) -> Mask:
        mask = np.zeros(self._size, dtype=np.bool_)
        for scope, rows in self._scopes.items():
            if scope.admits(reader):
                mask[rows] = True
        for key, value in filters.items():
            wanted = np.zeros(self._size, dtype=np.bool_)
            rows_or_none = self._labels.get(_label(key, value))
            if rows_or_none is not None:
                wanted[rows_or_none] = True
            mask &= wanted
        return mask


def best_rows(scores: NDArray[np.float32], candidates: Mask, k: int) -> NDArray[np.intp]:
    """Rows of the best k candidates, best first; the lower row wins a tie.

    >>> best_rows(np.float32([1, 3, 3, 9]), np.array([True, True, True, False]), 2).tolist()
    [1, 2]
    """
    rows = np.flatnonzero(candidates)
    values = scores[rows]
    if len(rows) > k:
        least = np.partition(values, len(rows) - k)[len(rows) - k]
        rows = rows[values >= least]
        values = scores[rows]
    return rows[np.lexsort((rows, -values))][:k]
