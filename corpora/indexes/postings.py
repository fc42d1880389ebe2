"""Postings of one field of one segment: which passages hold a term, how often, and how long they
are, in arrays that are read as used.

A posting is a place in the segment and a code, which stands for a pair: how often the passage
holds the term, and the passage's length in terms. There are few pairs (some thousand for a million
passages), so that what a posting adds to a score is one look-up in a small table, made anew when
statistics change, while the postings themselves never do. Code 0 is the pair (0, 0).

Most terms have a list of places and codes. A term that more than one in ``COMMON`` passages hold
has a row of the ``matrix`` instead: a code for every place, 0 where the term is not.

All arrays of a segment lie one after another in one file, and the segment's facts say where, by
field and part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.corpora.indexes.folders import damaged
from assay.corpora.indexes.rows import Places
from assay.corpora.indexes.segments import Held, Segment, mapped

COMMON = 8
"""A term is common where more than one of so many passages hold it."""

HEAD = 8
"""Bytes of a term that are compared at once."""

POSTINGS = "postings"
"""The file of all arrays of a segment."""

LOST = "lost.npy"
"""The file that is written anew when rows are removed: for each term of each field how many of
them held it; none where none was removed."""

_ALIGNED = 64
"""Bytes of which an array's beginning is a multiple."""

_CODES = ("uint16", "uint32")
_PARTS: Mapping[str, Sequence[str]] = {
    "terms": ("uint8",),
    "ends": ("int64",),
    "heads": ("uint64",),
    "counts": ("int32",),
    "starts": ("int64",),
    "places": ("int32",),
    "codes": _CODES,
    "common": ("int32",),
    "matrix": _CODES,
    "met": ("bool",),
    "pairs": ("int32",),
    "lengths": ("int32",),
}
"""What the numbers of each part may be."""

Shapes = Mapping[str, tuple[str, tuple[int, ...]]]
"""Of a field's arrays, by part: what the numbers are, and how many there are."""


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """The arrays of a field.

    Args:
        terms: all terms one after another as UTF-8, in the order of their bytes.
        ends: where each term ends.
        heads: of each term the first ``HEAD`` bytes as a number.
        counts: passages that hold each term, removed ones included.
        starts: where each term's list begins, and at last where the last one ends.
        places: of all lists, rising within each.
        codes: of all lists.
        common: numbers of the common terms, rising; their lists are empty.
        matrix: codes, shape ``(common terms, places)``.
        met: which codes a common term has, shape ``(common terms, pairs)``.
        pairs: times and length by code, shape ``(pairs, 2)``, rising.
        lengths: of all passages, in terms.
        lost: removed passages that hold each term; None where none was removed.
    """

    terms: NDArray[np.uint8]
    ends: NDArray[np.int64]
    heads: NDArray[np.uint64]
    counts: NDArray[np.int32]
    starts: NDArray[np.int64]
    places: NDArray[np.int32]
    codes: NDArray[Any]
    common: NDArray[np.int32]
    matrix: NDArray[Any]
    met: NDArray[np.bool_]
    pairs: NDArray[np.int32]
    lengths: NDArray[np.int32]
    lost: NDArray[np.int32] | None = None

    @property
    def alive(self) -> NDArray[np.int32]:
        """How many passages that can be found hold each term."""
        return self.counts if self.lost is None else self.counts - self.lost

    def holders(self, number: int) -> int:
        """How many passages that can be found hold a term."""
        lost = 0 if self.lost is None else int(self.lost[number])
        return int(self.counts[number]) - lost

    def names(self) -> list[bytes]:
        """All terms in order."""
        whole, ends = self.terms.tobytes(), self.ends.tolist()
        return [whole[start:end] for start, end in pairwise([0, *ends])]

    def number(self, term: bytes) -> int | None:
        """A term's number; None where no passage holds it."""
        head = np.uint64(head_of(term))
        low = int(np.searchsorted(self.heads, head))
        if low == len(self.heads) or self.heads[low] != head:
            return None
        high = int(np.searchsorted(self.heads, head, side="right"))
        while low < high:
            middle = (low + high) // 2
            start = int(self.ends[middle - 1]) if middle else 0
            found = self.terms[start : int(self.ends[middle])].tobytes()
            if found == term:
                return middle
            low, high = (middle + 1, high) if found < term else (low, middle)
        return None

    def row(self, number: int) -> int | None:
        """A common term's row of the matrix; None for another term."""
        row = int(np.searchsorted(self.common, number))
        return row if row < len(self.common) and self.common[row] == number else None

    def parts(self, k1: float, b: float, mean: float) -> NDArray[np.float64]:
        """What BM25 makes of each pair, but for what a term is worth: shape ``(pairs,)``.

        Args:
            k1: see ``lexical``.
            b: see ``lexical``.
            mean: length of a passage, above 0.
        """
        times, lengths = self.pairs[:, 0].astype(float), self.pairs[:, 1].astype(float)
        parts = np.zeros(len(times))
        np.divide(
            times * (k1 + 1), times + k1 * (1 - b + b * lengths / mean), out=parts, where=times > 0
        )
        return parts

    def without(self, removed: Places) -> Postings:
        """The same, with passages at these places removed, and no others. Cost: one pass over all
        postings."""
        return replace(self, lost=self._held_by(removed))

    def _held_by(self, places: Places) -> NDArray[np.int32]:
        """How many of some places hold each term."""
        found = np.zeros(len(self.ends), dtype=np.int32)
        chosen = np.zeros(len(self.lengths), dtype=np.bool_)
        chosen[places] = True
        hits = np.flatnonzero(chosen[self.places])
        owners = np.searchsorted(self.starts, hits, side="right") - 1
        found += np.bincount(owners, minlength=len(found)).astype(np.int32)
        found[self.common] += (self.matrix[:, places] != 0).sum(axis=1, dtype=np.int32)
        return found


def load(held: Held, segment: Segment) -> dict[str, Postings]:
    """Map a segment's arrays, by field.

    Raises:
        CorpusError: if its file is damaged.
    """
    path = segment.file(held.folder, POSTINGS)
    try:
        content: NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)
        arrays = {
            field: {part: _array(content, part, *own[part]) for part in _PARTS}
            for field, own in segment.facts["arrays"].items()
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(held.folder, f"{path.name} does not hold its arrays ({error})") from error
    found: dict[str, Postings] = {}
    lost = _lost(held, segment, sum(len(own["ends"]) for own in arrays.values()))
    for field, own in arrays.items():
        fits = len(own["lengths"]) == segment.rows and own["matrix"].shape[1:] == (segment.rows,)
        if not fits or len(own["starts"]) != len(own["ends"]) + 1:
            raise damaged(held.folder, f"arrays of {path.name} do not fit together")
        own_lost = None if lost is None else lost[: len(own["ends"])]
        lost = None if lost is None else lost[len(own["ends"]) :]
        found[field] = Postings(**own, lost=own_lost)
    return found


def create(path: Path, shapes: Mapping[str, Shapes]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make a file for arrays.

    Args:
        path: of the file, which is not there.
        shapes: by field.

    Returns:
        What a segment's facts must say, and the arrays, by field and part, to be filled in; they
        are in the file when the last of them is let go or flushed.
    """
    facts: dict[str, dict[str, list[Any]]] = {}
    end = 0
    for field, own in shapes.items():
        for part, (dtype, shape) in own.items():
            start = -(-end // _ALIGNED) * _ALIGNED
            end = start + int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
            facts.setdefault(field, {})[part] = [dtype, list(shape), start]
    content = np.memmap(path, dtype=np.uint8, mode="w+", shape=(max(1, end),))
    arrays = {
        field: {part: _array(content, part, *said) for part, said in own.items()}
        for field, own in facts.items()
    }
    return facts, arrays


def note_lost(folder: Path, segment: Segment, postings: Mapping[str, Postings]) -> None:
    """Write how many removed passages held each term; a file that was linked is left alone."""
    path = segment.file(folder, LOST)
    path.unlink(missing_ok=True)
    parts = [one.lost for one in postings.values() if one.lost is not None]
    np.save(path, np.concatenate(parts), allow_pickle=False)


def spelled(order: Sequence[bytes]) -> dict[str, NDArray[Any]]:
    """The arrays of terms in the order of their bytes."""
    return {
        "terms": np.frombuffer(b"".join(order), dtype=np.uint8),
        "ends": np.cumsum([len(term) for term in order], dtype=np.int64),
        "heads": np.array([head_of(term) for term in order], dtype=np.uint64),
    }


def head_of(term: bytes) -> int:
    """A term's first bytes as a number: in the order of terms, with equal ones among them."""
    return int.from_bytes(term[:HEAD].ljust(HEAD, b"\0"), "big")


def _array(
    content: NDArray[np.uint8], part: str, dtype: str, shape: Sequence[int], start: int
) -> NDArray[Any]:
    if dtype not in _PARTS[part]:
        raise ValueError(f"{part} are {dtype}, expected {' or '.join(_PARTS[part])}")
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    return content[start : start + size].view(dtype).reshape(tuple(shape))


def _lost(held: Held, segment: Segment, terms: int) -> NDArray[Any] | None:
    path = segment.file(held.folder, LOST)
    return mapped(held.folder, path, ("int32",), (terms,)) if path.exists() else None
