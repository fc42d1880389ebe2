"""What indexes over vectors have in common: items, queries, scores, and the search that is exact.

Items are float32 vectors of length 1, or all zeros, whose cosine with everything is 0. A score is
a cosine. It is summed in double precision, number by number in one order, so that equal vectors
have equal scores wherever they lie and whatever else was compared.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from assay.corpora.indexes.index import Found, Rows, Searcher
from assay.models.protocols import Floats
from assay.pipeline.errors import CorpusError, UsageError

Places = NDArray[np.intp]
"""Places of rows in an index or in one of its parts, from 0, in rising order."""

LENGTH_TOLERANCE = 1e-3
"""By how much a vector's length may differ from 1: what half precision makes of it."""

BLOCK = 4096
"""Vectors that are taken from files or into double precision at once."""

_SCANNED = 65_536
"""Vectors of one matrix product."""

_GATHERED = 0.25
"""Share of the vectors up to which only those that are allowed are compared."""


class DenseSearcher(Searcher[Floats]):
    """An index over vectors that was opened. Scores are cosines, -1 to 1."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Length of a vector; 0 where none was ever added."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """Method, number and size of the vectors in a few words, for reports."""

    @property
    def note(self) -> str:
        """See ``Searcher.note``: the kind."""
        return self.kind

    @abstractmethod
    def vectors(self, rows: Rows) -> Floats:
        """The stored vectors of rows, shape ``(len(rows), dimension)``, as exact as they are kept.

        Args:
            rows: in any order; a row may come often.

        Raises:
            CorpusError: naming a row that is not there.
        """


def checked_blocks(
    added: Iterable[tuple[int, Floats]], *, dimension: int, highest: int
) -> Iterator[tuple[Rows, Floats]]:
    """Items in blocks, each of them checked.

    Args:
        added: rows with their vectors.
        dimension: of the vectors; 0 where the first one says it.
        highest: the row that all must be above.

    Yields:
        Rows, shape ``(n,)``, and vectors, shape ``(n, dimension)``, at most ``BLOCK``.

    Raises:
        CorpusError: naming the row, where rows do not rise or a vector has another dimension, a
            number that is not finite, or a length that is neither 1 nor 0.
    """
    rows: list[int] = []
    vectors: list[Floats] = []
    for row, item in added:
        if row <= highest:
            raise CorpusError(
                f"row {row} was added after row {highest}: rows come in rising order, each once"
            )
        vector = np.asarray(item, dtype=np.float32)
        dimension = dimension or vector.size
        if vector.shape != (dimension,) or not dimension:
            raise CorpusError(
                f"the vector of row {row} has the shape {vector.shape}, expected ({dimension},):"
                " index everything again with one embedder"
            )
        highest = row
        rows.append(row)
        vectors.append(vector)
        if len(rows) == BLOCK:
            yield _checked(rows, vectors)
            rows, vectors = [], []
    if rows:
        yield _checked(rows, vectors)


def _checked(rows: list[int], vectors: list[Floats]) -> tuple[Rows, Floats]:
    block = np.stack(vectors)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt(np.square(block, dtype=np.float64).sum(axis=1))
    right = (np.abs(lengths - 1.0) <= LENGTH_TOLERANCE) | (lengths == 0.0)
    if not right.all():
        place = int(np.argmin(right))
        raise CorpusError(
            f"the vector of row {rows[place]} has the length {lengths[place]:.6g}, expected 1, or 0"
            " for a text without a direction: let the embedder normalise its vectors"
        )
    return np.array(rows, dtype=np.int64), block


def direction(asked: Floats, dimension: int) -> Floats:
    """A query brought to length 1; all zeros stay as they are.

    Args:
        asked: shape ``(dimension,)``, of any length.
        dimension: of the index; 0 where that is not known yet.

    Raises:
        UsageError: if its shape is another, or a number is not finite.
    """
    exact = np.asarray(asked, dtype=np.float64)
    if exact.ndim != 1 or exact.shape[0] != (dimension or exact.shape[0]):
        raise UsageError(
            f"the query's vector has the shape {exact.shape}, the index holds ({dimension},):"
            " ask with the embedder that the corpus was indexed with"
        )
    largest = float(np.abs(exact).max(initial=0.0))
    if not np.isfinite(largest):
        raise UsageError("the query's vector holds a number that is not finite: its model failed")
    if largest > 0.0:
        exact = exact / largest  # so that no square is lost below or above what a number holds
        exact /= np.sqrt(np.square(exact).sum())
    return exact.astype(np.float32)


def checked_k(k: int) -> int:
    """The same number.

    Raises:
        UsageError: if it is below 1.
    """
    if k < 1:
        raise UsageError(f"a search gives the best k from 1; asked for {k}")
    return k


def cosines(vectors: NDArray[np.floating], query: Floats, places: Places) -> Floats:
    """Cosines with a query, each from its own vector alone.

    Args:
        vectors: shape ``(n, dimension)``, of length 1 or 0; may lie in a file.
        query: shape ``(dimension,)``.
        places: of the vectors to compare.
    """
    exact = query.astype(np.float64)
    found = np.empty(len(places), dtype=np.float32)
    for start in range(0, len(places), BLOCK):
        part = slice(start, start + BLOCK)
        found[part] = (vectors[places[part]].astype(np.float64) * exact).sum(axis=1)
    return np.clip(found, -1.0, 1.0)


def candidates(
    vectors: NDArray[np.floating], query: Floats, k: int, chosen: Places | None
) -> Places:
    """Places that hold the best k and all that tie with the last of them, and few others.

    Single precision tells the candidates: no rounding error of a sum of products is above what is
    left as room. Cost: one product with all vectors, or with those chosen where they are few.

    Args:
        vectors: shape ``(n, dimension)``, of length 1 or 0; may lie in a file.
        query: shape ``(dimension,)``.
        k: from 1.
        chosen: places to choose from; None for all.
    """
    count = len(vectors) if chosen is None else len(chosen)
    if k >= count:
        return np.arange(len(vectors)) if chosen is None else chosen
    if chosen is not None and count <= _GATHERED * len(vectors):
        scores = _products(vectors, query, chosen)
    else:
        scores = _products(vectors, query, None)
        scores = scores if chosen is None else scores[chosen]
    least = np.partition(scores, count - k)[count - k] - rounding(len(query))
    near = np.flatnonzero(scores >= least)
    return near if chosen is None else chosen[near]


def rounding(dimension: int) -> float:
    """Most by which two sums of products in single precision may both be off, doubled.

    For vectors of length 1 the error of a sum of ``dimension`` products is at most
    ``dimension * 2**-24`` (Higham 2002, "Accuracy and Stability of Numerical Algorithms", 3.1).
    """
    return dimension * 2.0**-22


def _products(vectors: NDArray[np.floating], query: Floats, chosen: Places | None) -> Floats:
    count = len(vectors) if chosen is None else len(chosen)
    found = np.empty(count, dtype=np.float32)
    for start in range(0, count, _SCANNED):
        part = slice(start, start + _SCANNED)
        found[part] = (vectors[part] if chosen is None else vectors[chosen[part]]) @ query
    return found


def best(rows: Rows, scores: Floats, k: int) -> Found:
    """The best k of some rows, and all that tie with the last of them.

    >>> best(np.array([4, 7, 9, 2]), np.float32([0.5, 0.9, 0.5, 0.1]), 2).rows.tolist()
    [7, 4, 9]
    """
    order = np.lexsort((rows, -scores))
    if len(order) > k:
        least = scores[order[k - 1]]
        order = order[: int(np.searchsorted(-scores[order], -least, side="right"))]
    return Found(rows[order].astype(np.int64), scores[order])
