"""Vectors about centres that are far from one another, queries, and how many of the best are found.

Groups are what filters meet in practice: whatever a reader may see can lie far from the query.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpora.indexes.dense import DenseSearcher, cosines
from assay.corpora.indexes.faiss_vectors import FaissVectors
from assay.corpora.indexes.index import Rows
from assay.models.protocols import Floats

COUNT, DIMENSION, GROUPS = 6000, 32, 12


def grouped(count: int, seed: int) -> tuple[Floats, Rows]:
    """Vectors about centres that are far from one another, with the number of each one's centre."""
    centres = np.random.default_rng(5).standard_normal((GROUPS, DIMENSION)) * 1.5
    rng = np.random.default_rng(seed)
    groups = rng.integers(GROUPS, size=count)
    made = centres[groups] + rng.standard_normal((count, DIMENSION))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32), groups


VECTORS, OWNERS = grouped(COUNT, 1)
ASKED, ASKERS = grouped(25, 2)


def update(
    index: FaissVectors, old: Path | None, new: Path, rows: range, vectors: Floats, lost: Any = ()
) -> bool:
    new.mkdir(parents=True)
    added = zip(rows, vectors, strict=True)
    return index.update(old, new, added=added, removed=np.array(lost, dtype=np.int64))


def brute(asked: Floats, allowed: Rows | None, k: int) -> list[int]:
    rows = np.arange(COUNT) if allowed is None else allowed
    order = np.argsort(-cosines(VECTORS, asked, rows), kind="stable")
    return [int(row) for row in rows[order[:k]]]


def recall(searcher: DenseSearcher, allowed: Callable[[int], Rows | None], k: int = 10) -> float:
    shares = []
    for number, asked in enumerate(ASKED):
        some = allowed(number)
        found = searcher.search(asked, k, allowed=some)
        expected = brute(asked, some, k)
        assert len(found.rows) >= len(expected)
        assert some is None or set(found.rows.tolist()) <= set(some.tolist())
        shares.append(len(set(found.rows.tolist()) & set(expected)) / len(expected))
    return float(np.mean(shares))
