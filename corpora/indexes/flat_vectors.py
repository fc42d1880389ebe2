"""An index over vectors that compares a query with every one of them: exact, with numpy alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from assay.corpora.indexes.dense import (
    DenseSearcher,
    best,
    candidates,
    checked_k,
    cosines,
    direction,
)
from assay.corpora.indexes.index import Found, Index, Rows
from assay.corpora.indexes.segments import Held, Layout, read, write
from assay.corpora.indexes.vector_files import Stored, gather, stored
from assay.corpora.indexes.vector_update import stage
from assay.models.protocols import Floats
from assay.pipeline.canonical import digest

FORM = "flat vectors 1"
EXACT = digest({"vectors": "float32", "measure": "cosine", "search": "exact"})
"""Fingerprint of every exact search over float32: its results depend on rows and items alone."""


class FlatVectors(Index[Floats, Floats]):
    """Vectors in files as float32, compared by one matrix product a segment.

    A query costs time in the number of all vectors, or of those allowed where they are few: some
    milliseconds up to a hundred thousand. Nothing is read into memory for good. Equal scores are
    told from equal vectors, whatever the matrix product makes of them (see ``dense``).
    """

    def settings(self) -> Mapping[str, object]:
        """The form of its files."""
        return {"index": FORM}

    def update(
        self,
        old: Path | None,
        new: Path,
        *,
        added: Iterable[tuple[int, Floats]],
        removed: Rows,
    ) -> bool:
        """See ``Index.update``; False once more than a fifth of the vectors was removed."""
        held = None if old is None else read(old, FORM, removed=removed)
        if held is not None and held.worn:
            return False
        staged = stage(held, new, added, fits=lambda one: True)
        assert staged is not None  # any number of rows may come
        made = (staged.place(new),) if staged.added else ()
        facts = {"dimension": staged.dimension}
        write(new, Layout(FORM, staged.kept + made, staged.highest, facts), staged.removed)
        return True

    def open(self, folder: Path) -> FlatSearcher:
        """See ``Index.open``; cost: rows are read, vectors are not."""
        held = read(folder, FORM)
        dimension = int(held.layout.facts["dimension"])
        parts = [stored(held, one, dimension) for one in held.layout.segments]
        return FlatSearcher(held, parts, dimension)


class FlatSearcher(DenseSearcher):
    """Vectors that lie in files.

    Args:
        held: rows and layout.
        parts: the vectors of each segment.
        dimension: of the vectors.
    """

    def __init__(self, held: Held, parts: Sequence[Stored], dimension: int) -> None:
        self._rows = held.rows
        self._parts = tuple(parts)
        self._dimension = dimension

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
        """Its size, for reports."""
        return f"flat: {self.size:,} vectors of {self._dimension}, exact"

    def fingerprint(self) -> str:
        """See ``Searcher.fingerprint``: the same for every exact search."""
        return EXACT

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
        for number, (vectors, chosen) in enumerate(zip(self._parts, open_places, strict=True)):
            if chosen is not None and not len(chosen):
                continue
            near = candidates(vectors, query, k, chosen)
            rows.append(self._rows.all[self._rows.bounds[number] + near])
            scores.append(cosines(vectors, query, near))
        return best(np.concatenate(rows), np.concatenate(scores), k)

    def vectors(self, rows: Rows) -> Floats:
        """See ``DenseSearcher.vectors``: as they were added."""
        places = self._rows.locate(rows)
        return gather(self._parts, self._rows.bounds, places, self._dimension)
