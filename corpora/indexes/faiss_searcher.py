"""An index over vectors by faiss, opened for searches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from assay.corpora.indexes.dense import (
    DenseSearcher,
    Places,
    best,
    candidates,
    checked_k,
    cosines,
    direction,
    rounding,
)
from assay.corpora.indexes.faiss_cards import CardCopy, to_cards
from assay.corpora.indexes.faiss_parts import Codes, library, read_part
from assay.corpora.indexes.faiss_search import GraphPart, ListsPart, Part, wanted
from assay.corpora.indexes.flat_vectors import EXACT
from assay.corpora.indexes.index import Found, Rows
from assay.corpora.indexes.segments import Held, Segment
from assay.corpora.indexes.vector_files import Stored, blocks, gather, stored
from assay.models.protocols import Floats
from assay.pipeline.canonical import digest


@dataclass(frozen=True, slots=True)
class Searching:
    """How searches are done.

    Args:
        breadth: candidates that a walk through a graph keeps.
        probes: lists that are looked at; 0: an eighth of them.
        device: ``cuda`` for open searches on cards.
    """

    breadth: int
    probes: int
    device: Literal["cpu", "cuda"]


class FaissSearcher(DenseSearcher):
    """Segments that are compared vector by vector, and segments with graphs or lists.

    Args:
        held: rows and layout.
        searching: how searches are done.

    Raises:
        CorpusError: if a file is damaged.
        UsageError: if faiss is needed and not installed, or cards are too small.
    """

    def __init__(self, held: Held, searching: Searching) -> None:
        self._rows = held.rows
        self._searching = searching
        self._dimension = int(held.layout.facts["dimension"])
        self._segments: list[_Flat | _Approximate] = [
            _Approximate(held, one, self._dimension, searching)
            if "parts" in one.facts
            else _Flat(stored(held, one, self._dimension), searching)
            for one in held.layout.segments
        ]
        marks = [one.facts["digest"] for one in held.layout.segments if "parts" in one.facts]
        self._mark = EXACT
        if marks:
            said = {"segments": marks, "breadth": searching.breadth, "probes": searching.probes}
            self._mark = digest({"vectors": "faiss", **said})
        self._kind = self._described(held)

    @property
    def size(self) -> int:
        """Rows that can be found."""
        return self._rows.size

    @property
    def dimension(self) -> int:
        """Length of a vector; 0 where none was ever added."""
        return self._dimension

    @property
    def kind(self) -> str:
        """Method, size and codes, for reports."""
        return self._kind

    @property
    def exact(self) -> bool:
        """Whether no segment has graphs or lists."""
        return self._mark == EXACT

    def fingerprint(self) -> str:
        """See ``Searcher.fingerprint``: where graphs or lists are, their digests go into it."""
        return self._mark

    def search(self, asked: Floats, k: int, *, allowed: Rows | None = None) -> Found:
        """See ``Searcher.search``.

        Raises:
            UsageError: for a vector of another dimension or with numbers that are not finite, or
                k below 1.
        """
        checked_k(k)
        query = direction(asked, self._dimension)
        rows: list[Rows] = [np.empty(0, dtype=np.int64)]
        scores: list[Floats] = [np.empty(0, dtype=np.float32)]
        open_places = self._rows.open_places(allowed)
        for number, (segment, chosen) in enumerate(zip(self._segments, open_places, strict=True)):
            if chosen is not None and not len(chosen):
                continue
            near = segment.candidates(query, k, chosen)
            rows.append(self._rows.all[self._rows.bounds[number] + near])
            scores.append(cosines(segment.vectors, query, near))
        return best(np.concatenate(rows), np.concatenate(scores), k)

    def vectors(self, rows: Rows) -> Floats:
        """See ``DenseSearcher.vectors``: float32 or half precision, as they are stored."""
        parts = [one.vectors for one in self._segments]
        return gather(parts, self._rows.bounds, self._rows.locate(rows), self._dimension)

    def close(self) -> None:
        """Nothing to do: files are let go with the searcher, never under a search."""

    def _described(self, held: Held) -> str:
        size = f"{self.size:,} vectors of {self._dimension}"
        where = ", open searches on cards" if self._searching.device == "cuda" else ""
        made = [one.facts for one in held.layout.segments if "parts" in one.facts]
        if not made:
            return f"flat: {size}, exact{where}"
        parts = [part for one in self._segments for part in one.parts]
        codes = ", ".join(sorted({one["codes"] for one in made}))
        method = held.layout.facts["method"]
        if method == "hnsw":
            graphs = "1 graph" if len(parts) == 1 else f"{len(parts)} graphs"
            how = f"HNSW: {size} in {graphs}, breadth {self._searching.breadth}"
        else:
            lists = sum(part.lists for part in parts if isinstance(part, ListsPart))
            probes = sum(part.probes for part in parts if isinstance(part, ListsPart))
            how = f"IVF: {size} in {lists:,} lists, {probes:,} looked at"
        singly = sum(len(one.vectors) for one in self._segments if not one.parts)
        return (
            f"{how}, codes: {codes}" + (f", {singly:,} compared singly" if singly else "") + where
        )


class _Flat:
    """A segment whose vectors are compared one by one.

    Args:
        vectors: in their file.
        searching: how.
    """

    def __init__(self, vectors: Stored, searching: Searching) -> None:
        self.vectors = vectors
        self.parts: tuple[Part, ...] = ()
        self._card: CardCopy | None = None
        if searching.device == "cuda":
            faiss = library()
            index = faiss.IndexFlatIP(vectors.shape[1])
            for block in blocks(vectors):
                index.add(block)
            self._card = to_cards(faiss, index)

    def candidates(self, query: Floats, k: int, chosen: Places | None) -> Places:
        """See ``dense.candidates``."""
        if self._card is not None:
            found, scores = self._card.search(query, _reach(k + 16, chosen, len(self.vectors)))
            mine, kept = _among(found, scores, chosen, len(self.vectors))
            # Complete once something was found that cannot tie with the k-th.
            if len(mine) >= k and kept[k - 1] - scores[-1] > rounding(len(query)):
                return mine
        return candidates(self.vectors, query, k, chosen)


class _Approximate:
    """A segment with graphs or lists.

    Args:
        held: the folder.
        segment: which.
        dimension: of the vectors.
        searching: how.
    """

    def __init__(self, held: Held, segment: Segment, dimension: int, searching: Searching) -> None:
        faiss = library()
        self.vectors = stored(held, segment, dimension)
        self._codes: Codes = segment.facts["codes"]
        self.parts: tuple[Part, ...] = tuple(
            _part(faiss, held, segment, number, searching)
            for number in range(len(segment.facts["parts"]))
        )
        self._cards: list[CardCopy | None] = [
            _on_cards(faiss, held, segment, number, part)
            if searching.device == "cuda" and isinstance(part, ListsPart)
            else None
            for number, part in enumerate(self.parts)
        ]

    def candidates(self, query: Floats, k: int, chosen: Places | None) -> Places:
        """Places in this segment of vectors that may be among the best k, in any order."""
        count = wanted(min(k, len(self.vectors)), self._codes)
        found: list[Places] = []
        for part, card in zip(self.parts, self._cards, strict=True):
            mine = chosen
            if chosen is not None:
                first, last = np.searchsorted(chosen, [part.first, part.first + part.count])
                mine = chosen[first:last] - part.first
            near: Places | None = None
            if card is not None:
                places, scores = card.search(query, _reach(count, mine, part.count))
                near, _ = _among(places, scores, mine, part.count)
            if near is None or len(near) < count:
                near = part.candidates(query, count, mine)
            found.append(near + part.first)
        return np.concatenate(found)


def _part(faiss: Any, held: Held, segment: Segment, number: int, searching: Searching) -> Part:
    facts: Mapping[str, Any] = segment.facts["parts"][number]
    index = read_part(held.folder, segment.file(held.folder, f"{number}.faiss"), facts)
    if facts["method"] == "hnsw":
        return GraphPart(faiss, index, facts["first"], breadth=searching.breadth)
    return ListsPart(faiss, index, facts["first"], probes=searching.probes)


def _on_cards(faiss: Any, held: Held, segment: Segment, number: int, part: ListsPart) -> CardCopy:
    path = segment.file(held.folder, f"{number}.faiss")
    index = read_part(held.folder, path, segment.facts["parts"][number], map_it=False)
    faiss.downcast_index(index).nprobe = part.probes
    return to_cards(faiss, index)


def _reach(count: int, chosen: Places | None, every: int) -> int:
    """How many to ask for so that ``count`` of them can be expected to be chosen ones."""
    return count if chosen is None else -(-count * every // max(1, len(chosen)))


def _among(
    found: Places, scores: Floats, chosen: Places | None, every: int
) -> tuple[Places, Floats]:
    if chosen is None:
        return found, scores
    mask = np.zeros(every, dtype=np.bool_)
    mask[chosen] = True
    return found[mask[found]], scores[mask[found]]
