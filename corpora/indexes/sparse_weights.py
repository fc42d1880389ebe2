"""An index over given weights by term: learned sparse retrieval as an inverted index.

Formal, Piwowarski & Clinchant (2021), "SPLADE: Sparse Lexical and Expansion Model for First Stage
Ranking", section 3: a model gives each text a weight for every term of a vocabulary, most of them
0, and a passage's score is the sum of products over the terms that it shares with the query. What
makes the weights is none of the index's concern (see ``models.protocols.SparseEncoder``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from assay.corpora.indexes.dense import best, checked_k
from assay.corpora.indexes.index import Found, Index, Rows, Searcher, Weights
from assay.corpora.indexes.segments import Held, Layout, Segment, absorbed, keep, read, write
from assay.corpora.indexes.sparse_segments import LARGEST, SegmentWriter, SparseSegment
from assay.models.protocols import Floats
from assay.pipeline.canonical import digest
from assay.pipeline.errors import CorpusError, UsageError

FORM = "sparse weights 1"

HEAVIEST = 1e6
"""The largest weight: sums of products of smaller ones stay far below what float32 holds."""


class SparseWeights(Index[Weights, Weights]):
    """Weights by term, searched exactly; they are kept as float32.

    A query costs time in the number of weights that its terms have, and one pass over the rows.
    Nothing is read into memory for good. Terms are any texts. A weight that is 0, or nearer to 0
    than float32 can say, is left out; a row without weights is held and never found.
    """

    def settings(self) -> Mapping[str, object]:
        """The form of its files."""
        return {"index": FORM}

    def update(
        self,
        old: Path | None,
        new: Path,
        *,
        added: Iterable[tuple[int, Weights]],
        removed: Rows,
    ) -> bool:
        """See ``Index.update``; False once more than a fifth of the rows was removed.

        Raises:
            CorpusError: also naming a row that does not rise, or its term whose weight is below
                0, above ``HEAVIEST`` or not finite.
        """
        held = None if old is None else read(old, FORM, removed=removed)
        if held is not None and held.worn:
            return False
        layout = Layout(FORM) if held is None else held.layout
        rows = _checked(added, layout.highest)
        fresh = _filled(rows)
        kept, gone = list(layout.segments), np.empty(0, dtype=np.int64)
        highest = layout.highest
        if held is not None:
            size = len(fresh)
            count = 0 if fresh.full else absorbed(kept, size, _is_small)
            kept, again = kept[: len(kept) - count], kept[len(kept) - count :]
            gone = keep(held, new, kept)
            if again:
                fresh = _joined(held, again, fresh)
        while len(fresh):
            highest = max(highest, fresh.highest)
            kept.append(fresh.write(new))
            fresh = _filled(rows)
        write(new, Layout(FORM, tuple(kept), highest), gone)
        return True

    def open(self, folder: Path) -> SparseSearcher:
        """See ``Index.open``; cost: rows are read, weights are not."""
        held = read(folder, FORM)
        return SparseSearcher(held, [SparseSegment(held, one) for one in held.layout.segments])


class SparseSearcher(Searcher[Weights]):
    """Weights that lie in files.

    Args:
        held: rows and layout.
        segments: opened.
    """

    def __init__(self, held: Held, segments: Sequence[SparseSegment]) -> None:
        self._rows = held.rows
        self._segments = tuple(segments)
        self._weights = sum(int(one.facts["weights"]) for one in held.layout.segments)

    @property
    def size(self) -> int:
        """Rows that can be found."""
        return self._rows.size

    @property
    def note(self) -> str:
        """Its size, for reports."""
        return f"sparse: {self._weights:,} weights of {self.size:,} passages, exact"

    def fingerprint(self) -> str:
        """See ``Searcher.fingerprint``: results depend on rows and weights alone."""
        return digest({"weights": "float32", "search": "exact"})

    def search(self, asked: Weights, k: int, *, allowed: Rows | None = None) -> Found:
        """See ``Searcher.search``; rows that share no term with the query are not found.

        Raises:
            UsageError: for a weight that is below 0, above ``HEAVIEST`` or not finite, or k below
                1.
        """
        checked_k(k)
        wrong = _wrong(asked)
        if wrong:
            raise UsageError(f"the query's {wrong}: its encoder failed")
        query = {term: asked[text] for term, text in sorted((_bytes(one), one) for one in asked)}
        rows: list[Rows] = [np.empty(0, dtype=np.int64)]
        scores: list[Floats] = [np.empty(0, dtype=np.float32)]
        open_places = self._rows.open_places(allowed)
        for number, (segment, chosen) in enumerate(zip(self._segments, open_places, strict=True)):
            if chosen is not None and not len(chosen):
                continue
            found = segment.scores(query).astype(np.float32)
            near = np.flatnonzero(found > 0) if chosen is None else chosen[found[chosen] > 0]
            rows.append(self._rows.all[self._rows.bounds[number] + near])
            scores.append(found[near])
        return best(np.concatenate(rows), np.concatenate(scores), k)


def _checked(
    added: Iterable[tuple[int, Weights]], highest: int
) -> Iterator[tuple[int, Mapping[bytes, float]]]:
    for row, item in added:
        if row <= highest:
            raise CorpusError(
                f"row {row} was added after row {highest}: rows come in rising order, each once"
            )
        highest = row
        wrong = _wrong(item)
        if wrong:
            raise CorpusError(f"of row {row}, the {wrong}: its encoder failed")
        yield row, {_bytes(term): weight for term, weight in item.items() if np.float32(weight)}


def _wrong(weights: Weights) -> str:
    """What is wrong with the first weight that is; '' where none is."""
    for term, weight in weights.items():
        if not (math.isfinite(weight) and 0.0 <= weight <= HEAVIEST):
            return f"weight of '{term[:40]}' is {weight}, expected 0 to {HEAVIEST:,.0f}"
    return ""


def _bytes(term: str) -> bytes:
    return term.encode("utf-8", "surrogatepass")


def _filled(rows: Iterator[tuple[int, Mapping[bytes, float]]]) -> SegmentWriter:
    """Rows in a writer, until they end or it is full."""
    writer = SegmentWriter()
    for row, item in rows:
        writer.add(row, item)
        if writer.full:
            break
    return writer


def _joined(held: Held, again: Sequence[Segment], fresh: SegmentWriter) -> SegmentWriter:
    """What is left of the newest segments, and after it what is new."""
    joined = SegmentWriter()
    open_places = held.rows.open_places(None)
    first = len(held.layout.segments) - len(again)
    for number, segment in enumerate(again, start=first):
        rows = held.rows.all[held.rows.bounds[number] : held.rows.bounds[number + 1]]
        joined.add_segment(rows, open_places[number], SparseSegment(held, segment))
    joined.add_writer(fresh)
    return joined


def _is_small(segment: Segment) -> bool:
    return int(segment.facts["weights"]) < LARGEST // 2
