"""BM25 by numpy over postings in files: quick, incremental, exact, any k1 and b; the default."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from assay.corpora.indexes.folders import damaged
from assay.corpora.indexes.index import Rows, Terms
from assay.corpora.indexes.lexical import EVERYTHING, LexicalIndex
from assay.corpora.indexes.numpy_searcher import NumpySearcher
from assay.corpora.indexes.postings import Postings, load, note_lost
from assay.corpora.indexes.postings_writing import Gathering, Source, write_segment
from assay.corpora.indexes.rows import Places
from assay.corpora.indexes.segments import (
    GROWTH,
    Held,
    Layout,
    Segment,
    keep,
    read,
    write,
)
from assay.pipeline.errors import CorpusError

FORM = "postings 1"

SMALL = 20_000
"""Segments of up to so many rows are always written anew with what is added: it takes less than a
second, and every segment costs each search some time."""

_Part = list[Source]
"""What is kept of one segment, field by field."""


class NumpyBm25(LexicalIndex):
    """BM25 over arrays that are mapped into memory, added up by numpy.

    The score of a term is ``ln(1 + (N - n + 0.5) / (n + 0.5)) * (k1 + 1) * tf / (tf + k1 * (1 - b +
    b * length / mean length))`` in single precision; see ``assay.corpora.indexes.lexical``. N, n
    and the mean are exact and of the rows that can be found, whatever was removed before.

    Args:
        fields: names of the fields.
        k1: how soon repetitions of a term stop counting, from 0.
        b: how far long passages are marked down, 0 to 1.
    """

    library = "numpy"

    def __init__(
        self, fields: Sequence[str] = (EVERYTHING,), *, k1: float = 1.2, b: float = 0.75
    ) -> None:
        super().__init__(fields, k1=k1, b=b)

    def update(
        self,
        old: Path | None,
        new: Path,
        *,
        added: Iterable[tuple[int, Terms]],
        removed: Rows,
    ) -> bool:
        """See ``Index.update``; False where the fields are others.

        Cost: the rows that are added with the newest segments, and one pass over the postings of
        older segments that rows are removed of.

        Raises:
            CorpusError: also where a row does not rise.
            UsageError: for a wrong item.
        """
        held = None if old is None else read(old, FORM, removed=removed)
        layout = Layout(FORM, facts={"fields": list(self._fields)}) if held is None else held.layout
        if layout.facts.get("fields") != list(self._fields):
            return False
        kept, gone = list(layout.segments), np.empty(0, dtype=np.int64)
        highest = layout.highest
        with tempfile.TemporaryDirectory(dir=new, prefix="gathered-") as place:
            rows, parts = self._gathered(Path(place), added, highest)
            highest = max(highest, int(rows[-1]) if len(rows) else -1)
            if held is not None:
                again = _again(held, len(rows))
                kept = kept[: len(kept) - again]
                gone = keep(held, new, kept)
                older = list(self._left(held, len(kept)))
                rows = np.concatenate([*(some for some, _ in older), rows])
                parts = [*(part for _, part in older), *parts]
                self._note_lost(held, new, kept, removed)
            if len(rows):
                sources = [[part[n] for part in parts] for n in range(len(self._fields))]
                kept.append(write_segment(new, self._fields, rows, sources))
            del parts
        write(new, Layout(FORM, tuple(kept), highest, layout.facts), gone)
        return True

    def open(self, folder: Path) -> NumpySearcher:
        """See ``Index.open``; cost: one read of the smaller files, to check them."""
        held = read(folder, FORM)
        if held.layout.facts.get("fields") != list(self._fields):
            raise damaged(folder, f"its fields are {held.layout.facts.get('fields')}")
        loaded = [load(held, one) for one in held.layout.segments]
        postings = {name: [one[name] for one in loaded] for name in self._fields}
        mark = hashlib.sha256(json.dumps(self.settings(), sort_keys=True).encode()).hexdigest()
        return NumpySearcher(held, postings, k1=self._k1, b=self._b, mark=mark)

    def _gathered(
        self, place: Path, added: Iterable[tuple[int, Terms]], highest: int
    ) -> tuple[Rows, list[_Part]]:
        """What is added: the last rows in memory, those before in segments below ``place``."""
        items = iter(self._checked(added, highest))
        rows: list[Rows] = [np.empty(0, dtype=np.int64)]
        parts: list[_Part] = []
        aside: list[Segment] = []
        while True:
            gathering = Gathering(len(self._fields))
            for row, texts in items:
                gathering.add(row, texts)
                if gathering.full:
                    break
            if not len(gathering.rows):
                break
            rows.append(np.array(gathering.rows, dtype=np.int64))
            part: _Part = [(gathering.postings(n), None) for n in range(len(self._fields))]
            if not gathering.full:
                parts.append(part)
                break
            aside.append(write_segment(place, self._fields, rows[-1], [[one] for one in part]))
        if aside:
            write(place, Layout(FORM, tuple(aside)), np.empty(0, dtype=np.int64))
            held = read(place, FORM)
            parts = [self._loaded(held, one, None) for one in aside] + parts
        return np.concatenate(rows), parts

    def _checked(
        self, added: Iterable[tuple[int, Terms]], highest: int
    ) -> Iterator[tuple[int, list[str]]]:
        for row, item in added:
            if row <= highest:
                raise CorpusError(
                    f"row {row} was added after row {highest}: rows come in rising order, each once"
                )
            highest = row
            yield row, self._spelled(row, item)

    def _left(self, held: Held, first: int) -> Iterator[tuple[Rows, _Part]]:
        """What can still be found of the segments from the ``first`` on that is written anew."""
        places = held.rows.open_places(None)
        for number in range(first, len(held.layout.segments)):
            segment, chosen = held.layout.segments[number], places[number]
            rows = held.rows.all[held.rows.bounds[number] : held.rows.bounds[number + 1]]
            rows = rows if chosen is None else rows[chosen]
            if not len(rows):
                continue
            yield rows, self._loaded(held, segment, chosen)

    def _loaded(self, held: Held, segment: Segment, kept: Places | None) -> _Part:
        postings = load(held, segment)
        return [(_up_to_date(postings[name], kept), kept) for name in self._fields]

    def _note_lost(self, held: Held, new: Path, kept: Sequence[Segment], removed: Rows) -> None:
        """Write for segments that stay how many removed rows held each term."""
        places = held.rows.open_places(None)
        for number, segment in enumerate(kept):
            chosen = places[number]
            rows = held.rows.all[held.rows.bounds[number] : held.rows.bounds[number + 1]]
            if np.isin(removed, rows).any():  # else what was linked is right
                own = load(held, segment)
                note_lost(new, segment, {k: _up_to_date(own[k], chosen) for k in own})


def _up_to_date(postings: Postings, kept: Places | None) -> Postings:
    """Postings that know of all removed rows."""
    if kept is None:
        return postings
    there = np.zeros(len(postings.lengths), dtype=np.bool_)
    there[kept] = True
    return postings.without(np.flatnonzero(~there))


def _again(held: Held, added: int) -> int:
    """How many of the newest segments are written anew."""
    segments = held.layout.segments
    if held.worn:
        return len(segments)
    count, total = 0, added
    for one in reversed(segments):
        if not added or one.rows > max(GROWTH * total, SMALL):
            break
        count, total = count + 1, total + one.rows
    return count
