"""Weights by term in files: for each term the rows that have it, in arrays that are read as used.

A segment is a sparse matrix by columns: ``terms`` (all terms one after another as UTF-8, sorted by
their bytes) with their ``ends``, and for each term, between two numbers of ``starts``, the
``places`` of its rows in the segment and their ``weights``.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.corpora.indexes.folders import damaged
from assay.corpora.indexes.index import Rows
from assay.corpora.indexes.rows import Places
from assay.corpora.indexes.segments import ROWS, Held, Segment, mapped, named
from assay.models.protocols import Floats

TERMS, ENDS, STARTS = "terms.npy", "ends.npy", "starts.npy"
PLACES, WEIGHTS = "places.npy", "weights.npy"

LARGEST = 1 << 24
"""Weights after which a segment ends; some 400 MB of memory while it is made."""


class SegmentWriter:
    """Takes rows in rising order and writes them as a segment."""

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}
        self._rows = array("q")
        self._numbers: list[NDArray[np.int32]] = []
        self._places: list[NDArray[np.int32]] = []
        self._weights: list[Floats] = []
        self._open = array("i"), array("i"), array("f")
        self._count = 0

    @property
    def full(self) -> bool:
        """Whether it holds as much as a segment may."""
        return self._count >= LARGEST

    @property
    def highest(self) -> int:
        """Its last row; -1 where there is none."""
        return self._rows[-1] if self._rows else -1

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: int, item: Mapping[bytes, float]) -> None:
        """Add a row."""
        numbers, places, weights = self._open
        place = len(self._rows)
        for term, weight in item.items():
            numbers.append(self._known.setdefault(term, len(self._known)))
            places.append(place)
            weights.append(weight)
        self._rows.append(row)
        self._count += len(item)

    def add_segment(self, rows: Rows, chosen: Places | None, segment: SparseSegment) -> None:
        """Add what is left of a segment.

        Args:
            rows: all rows of the segment.
            chosen: places of those that are left; None for all.
            segment: opened.
        """
        self._close()
        numbers = np.array(
            [self._known.setdefault(term, len(self._known)) for term in segment.terms()],
            dtype=np.int32,
        )
        owners, places, weights = segment.everything()
        if chosen is not None:
            moved = np.full(len(rows), -1, dtype=np.int32)
            moved[chosen] = np.arange(len(chosen), dtype=np.int32)
            left = moved[places] >= 0
            owners, places, weights = owners[left], moved[places[left]], weights[left]
            rows = rows[chosen]
        self._numbers.append(numbers[owners])
        self._places.append(places + np.int32(len(self._rows)))
        self._weights.append(weights)
        self._rows.extend(rows.tolist())
        self._count += len(weights)

    def add_writer(self, other: SegmentWriter) -> None:
        """Add the rows of another one, which come after all of these."""
        self._close()
        other._close()
        numbers = [self._known.setdefault(term, len(self._known)) for term in other._known]
        self._numbers.append(np.array(numbers, dtype=np.int32)[np.concatenate(other._numbers)])
        self._places.append(np.concatenate(other._places) + np.int32(len(self._rows)))
        self._weights.append(np.concatenate(other._weights))
        self._rows.extend(other._rows)
        self._count += other._count

    def write(self, new: Path) -> Segment:
        """Write all of it; there must be a row."""
        self._close()
        order = sorted(self._known)
        rank = np.empty(len(order), dtype=np.int32)
        rank[[self._known[term] for term in order]] = np.arange(len(order), dtype=np.int32)
        owners = rank[np.concatenate(self._numbers)]
        by_term = np.argsort(owners, kind="stable")  # within a term, places keep rising
        starts = np.zeros(len(order) + 1, dtype=np.int64)
        starts[1:] = np.cumsum(np.bincount(owners, minlength=len(order)))
        rows = np.array(self._rows, dtype=np.int64)
        segment = Segment(named(rows), len(rows), {"weights": self._count})
        arrays: dict[str, NDArray[Any]] = {
            ROWS: rows,
            TERMS: np.frombuffer(b"".join(order), dtype=np.uint8),
            ENDS: np.cumsum([len(term) for term in order], dtype=np.int64),
            STARTS: starts,
            PLACES: np.concatenate(self._places)[by_term],
            WEIGHTS: np.concatenate(self._weights)[by_term],
        }
        for part, one in arrays.items():
            np.save(segment.file(new, part), one, allow_pickle=False)
        return segment

    def _close(self) -> None:
        """Turn what was added row by row into arrays."""
        numbers, places, weights = self._open
        self._numbers.append(np.array(numbers, dtype=np.int32))
        self._places.append(np.array(places, dtype=np.int32))
        self._weights.append(np.array(weights, dtype=np.float32))
        self._open = array("i"), array("i"), array("f")


class SparseSegment:
    """A segment, opened.

    Args:
        held: the folder.
        segment: which.

    Raises:
        CorpusError: if a file is damaged.
    """

    def __init__(self, held: Held, segment: Segment) -> None:
        def load(part: str, dtype: str, size: int) -> NDArray[Any]:
            return mapped(held.folder, segment.file(held.folder, part), (dtype,), (size,))

        self._folder = held.folder
        self._ends = load(ENDS, "int64", -1)
        self._terms = load(TERMS, "uint8", int(self._ends[-1]) if len(self._ends) else 0)
        self._starts = load(STARTS, "int64", len(self._ends) + 1)
        count = int(self._starts[-1])
        self._places = load(PLACES, "int32", count)
        self._weights = load(WEIGHTS, "float32", count)
        self.count = segment.rows
        if count != segment.facts["weights"]:
            raise damaged(held.folder, f"{segment.name} holds {count} weights")

    def scores(self, asked: Mapping[bytes, float]) -> NDArray[np.float64]:
        """Sums of products with a query for all places, 0 where no term is shared.

        Args:
            asked: weights by term, in the order in which they are added up.

        Raises:
            CorpusError: if its files turn out to be damaged.
        """
        found = np.zeros(self.count, dtype=np.float64)
        try:
            for term, weight in asked.items():
                number = self._number(term)
                if number is not None:
                    part = slice(int(self._starts[number]), int(self._starts[number + 1]))
                    found[self._places[part]] += weight * self._weights[part].astype(np.float64)
        except IndexError as error:
            raise damaged(self._folder, "a weight belongs to no row") from error
        return found

    def terms(self) -> Sequence[bytes]:
        """All terms in order."""
        whole, ends = self._terms.tobytes(), self._ends.tolist()
        return [whole[start:end] for start, end in pairwise([0, *ends])]

    def everything(self) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats]:
        """For each weight its term's number, its place, and itself."""
        owners = np.repeat(np.arange(len(self._ends), dtype=np.int32), np.diff(self._starts))
        return owners, np.array(self._places), np.array(self._weights)

    def _number(self, term: bytes) -> int | None:
        low, high = 0, len(self._ends)
        while low < high:
            middle = (low + high) // 2
            start = int(self._ends[middle - 1]) if middle else 0
            found = self._terms[start : int(self._ends[middle])].tobytes()
            if found == term:
                return middle
            low, high = (middle + 1, high) if found < term else (low, middle)
        return None
