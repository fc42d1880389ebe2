"""Writing postings: what is added, in memory at first, and segments joined to larger ones.

Passages are gathered until their terms are ``GATHERED``, sorted into lists, and put aside in a
segment of their own; at the end all of those, and older segments that are written anew, are joined
to one. Cost: the terms are sorted once, every posting is written twice, and memory is that of one
gathering.
"""

from __future__ import annotations

import itertools
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.corpora.indexes.index import Rows
from assay.corpora.indexes.postings import (
    COMMON,
    POSTINGS,
    Postings,
    Shapes,
    create,
    spelled,
)
from assay.corpora.indexes.rows import Places
from assay.corpora.indexes.segments import ROWS, Segment, named

GATHERED = 1 << 22
"""Terms, repetitions counted, that are sorted in memory at once: some 200 MB."""

_TABLE = 1 << 24
"""Possible pairs up to which a table tells which of them there are."""

Source = tuple[Postings, Places | None]
"""A field of a segment, and the places in it that are kept; None for all."""


class Gathering:
    """Passages with their terms, in rising order of rows.

    Args:
        fields: how many each passage has.
    """

    def __init__(self, fields: int) -> None:
        self.rows = array("q")
        self.terms = 0
        self._known = [_numbering() for _ in range(fields)]
        self._numbers = [array("i") for _ in range(fields)]
        self._lengths = [array("i") for _ in range(fields)]

    @property
    def full(self) -> bool:
        """Whether it holds as much as is sorted at once."""
        return self.terms >= GATHERED

    def add(self, row: int, texts: Sequence[str]) -> None:
        """Add a passage.

        Args:
            row: above all others.
            texts: of each field the terms with single spaces between them.
        """
        self.rows.append(row)
        for number, text in enumerate(texts):
            terms = text.split(" ") if text else []
            self._numbers[number].extend(map(self._known[number].__getitem__, terms))
            self._lengths[number].append(len(terms))
            self.terms += len(terms)

    def postings(self, field: int) -> Postings:
        """A field's postings; all terms have lists."""
        known = {term.encode(): number for term, number in self._known[field].items()}
        lengths = np.array(self._lengths[field], dtype=np.int32)
        order = sorted(known)
        rank = np.empty(len(order), dtype=np.int64)
        rank[[known[term] for term in order]] = np.arange(len(order))
        held = rank[np.array(self._numbers[field], dtype=np.int32)] << 32
        held |= np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
        held.sort()
        first = np.flatnonzero(np.diff(held, prepend=-1))
        times = np.diff(first, append=len(held))
        held = held[first]
        owners, places = held >> 32, (held & 0xFFFFFFFF).astype(np.int32)
        counts = np.bincount(owners, minlength=len(order))
        pairs, codes = _coded(times, lengths[places])
        return Postings(
            **spelled(order),
            counts=counts.astype(np.int32),
            starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            places=places,
            codes=codes,
            common=np.empty(0, dtype=np.int32),
            matrix=np.empty((0, len(lengths)), dtype=codes.dtype),
            met=np.empty((0, len(pairs)), dtype=np.bool_),
            pairs=pairs,
            lengths=lengths,
        )


def write_segment(
    folder: Path, fields: Sequence[str], rows: Rows, sources: Sequence[Sequence[Source]]
) -> Segment:
    """Join what is kept of segments into a new one.

    Args:
        folder: of the index.
        fields: their names.
        rows: that the segment gets, in rising order, at least one.
        sources: for each field what it is made of, in the order of rows.
    """
    joining = {name: _Joining(len(rows), own) for name, own in zip(fields, sources, strict=True)}
    name = named(rows)
    place = Segment(name, len(rows))
    np.save(place.file(folder, ROWS), rows.astype(np.int64), allow_pickle=False)
    shapes = {field: one.shapes for field, one in joining.items()}
    said, arrays = create(place.file(folder, POSTINGS), shapes)
    for field, one in joining.items():
        one.write(arrays[field])
    terms = {field: int(own["lengths"].sum(dtype=np.int64)) for field, own in arrays.items()}
    return Segment(name, len(rows), {"terms": terms, "arrays": said})


class _Joining:
    """One field of the segment that is written."""

    def __init__(self, rows: int, sources: Sequence[Source]) -> None:
        self._rows = rows
        self._sources = sources
        self._sizes = [len(s.lengths) if kept is None else len(kept) for s, kept in sources]
        names = [source.names() for source, _ in sources]
        counts: dict[bytes, int] = defaultdict(int)
        for own, (source, _) in zip(names, sources, strict=True):
            for term, count in zip(own, source.alive.tolist(), strict=True):
                counts[term] += count
        self._order = sorted(term for term, count in counts.items() if count)
        numbers = {term: number for number, term in enumerate(self._order)}
        self._numbers = [
            np.array([numbers.get(term, -1) for term in own], dtype=np.int64) for own in names
        ]
        self._counts = np.array([counts[term] for term in self._order], dtype=np.int64)
        self._common = self._counts * COMMON > rows
        keys = [_keys(source.pairs) for source, _ in sources]
        self._keys = np.unique(np.concatenate([np.zeros(1, dtype=np.int64), *keys]))
        self._recoded = [np.searchsorted(self._keys, own) for own in keys]

    @property
    def shapes(self) -> Shapes:
        """Of the arrays that it writes."""
        common = int(self._common.sum())
        listed = int(self._counts[~self._common].sum())
        terms, pairs = len(self._order), len(self._keys)
        code = "uint16" if pairs <= 1 << 16 else "uint32"
        return {
            "terms": ("uint8", (sum(map(len, self._order)),)),
            "ends": ("int64", (terms,)),
            "heads": ("uint64", (terms,)),
            "counts": ("int32", (terms,)),
            "starts": ("int64", (terms + 1,)),
            "places": ("int32", (listed,)),
            "codes": (code, (listed,)),
            "common": ("int32", (common,)),
            "matrix": (code, (common, self._rows)),
            "met": ("bool", (common, pairs)),
            "pairs": ("int32", (pairs, 2)),
            "lengths": ("int32", (self._rows,)),
        }

    def write(self, into: Mapping[str, NDArray[Any]]) -> None:
        """Fill the arrays in, which are zero."""
        for part, one in spelled(self._order).items():
            into[part][:] = one
        common = np.flatnonzero(self._common)
        into["common"][:] = common
        into["counts"][:] = self._counts
        into["starts"][1:] = np.cumsum(np.where(self._common, 0, self._counts))
        into["pairs"][:] = np.stack([self._keys >> 32, self._keys & 0xFFFFFFFF], axis=1)
        places, codes, matrix = into["places"], into["codes"], into["matrix"]
        row_of = np.full(len(self._order), -1, dtype=np.int64)
        row_of[common] = np.arange(len(common))
        free = into["starts"][:-1].copy()
        before = 0
        for number, size in enumerate(self._sizes):
            source, kept = self._sources[number]
            into["lengths"][before : before + size] = _chosen(source.lengths, kept)
            for owners, own_places, own_codes in self._blocks(number):
                has_list = row_of[owners] < 0
                some = owners[has_list]
                at = free[some] + _ranks(some)
                places[at] = own_places[has_list] + before
                codes[at] = own_codes[has_list]
                np.add.at(free, some, 1)
                rest = ~has_list
                matrix[row_of[owners[rest]], own_places[rest] + before] = own_codes[rest]
            before += size
        for row, met in enumerate(into["met"]):
            met[matrix[row]] = True
            met[0] = False

    def _blocks(self, number: int) -> Iterator[tuple[Places, Places, NDArray[Any]]]:
        """New terms' numbers in rising order, places among those kept, and new codes."""
        source, kept = self._sources[number]
        terms, recoded = self._numbers[number], self._recoded[number]
        moved: Places | None = None
        if kept is not None:
            moved = np.full(len(source.lengths), -1, dtype=np.intp)
            moved[kept] = np.arange(len(kept))
        cuts = np.searchsorted(source.starts, np.arange(0, int(source.starts[-1]) + 1, GATHERED))
        cuts = np.unique(np.concatenate([cuts, [0, len(terms)]]))
        for first, last in itertools.pairwise(cuts.tolist()):
            part = slice(int(source.starts[first]), int(source.starts[last]))
            sizes = np.diff(source.starts[first : last + 1])
            owners = np.repeat(terms[first:last], sizes)
            places, codes = source.places[part].astype(np.intp), recoded[source.codes[part]]
            if moved is not None:
                places = moved[places]
                left = places >= 0
                owners, places, codes = owners[left], places[left], codes[left]
            yield owners, places, codes
        for row, term in enumerate(source.common.tolist()):
            codes = _chosen(source.matrix[row], kept)
            places = np.flatnonzero(codes)
            yield np.full(len(places), terms[term]), places, recoded[codes[places]]


def _ranks(owners: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many equal ones stand before each; owners are in rising order."""
    first = np.flatnonzero(np.diff(owners, prepend=-1))
    return np.arange(len(owners)) - np.repeat(first, np.diff(first, append=len(owners)))


def _chosen(one: NDArray[Any], kept: Places | None) -> NDArray[Any]:
    return one if kept is None else one[kept]


def _keys(pairs: NDArray[np.int32]) -> NDArray[np.int64]:
    return (pairs[:, 0].astype(np.int64) << 32) | pairs[:, 1]


def _coded(
    times: NDArray[np.int64], lengths: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[Any]]:
    """The pairs that there are, in rising order after (0, 0), and the code of each posting."""
    wide = int(lengths.max(initial=0)) + 1
    mixed = times * wide + lengths
    size = (int(times.max(initial=0)) + 1) * wide
    if size <= _TABLE:
        there = np.zeros(size, dtype=np.bool_)
        there[mixed] = True
        there[0] = True
        known = np.flatnonzero(there)
        codes = (np.cumsum(there) - 1)[mixed]
    else:
        known = np.unique(np.concatenate([[0], mixed]))
        codes = np.searchsorted(known, mixed)
    pairs = np.stack([known // wide, known % wide], axis=1).astype(np.int32)
    return pairs, codes.astype(np.uint16 if len(known) <= 1 << 16 else np.uint32)


def _numbering() -> defaultdict[str, int]:
    """Gives every new term the next number."""
    return defaultdict(itertools.count().__next__)
