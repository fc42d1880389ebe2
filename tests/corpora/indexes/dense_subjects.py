"""Indexes over vectors as the conformance kit sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from assay.corpora.indexes.faiss_vectors import FaissVectors
from assay.corpora.indexes.flat_vectors import FlatVectors
from assay.models.protocols import Floats
from tests.conformance.index_subject import IndexSubject

DIMENSION = 24


def unit(rng: np.random.Generator, dimension: int = DIMENSION) -> Floats:
    """A vector of length 1; one in thirty is all zeros."""
    vector = rng.standard_normal(dimension)
    if rng.random() < 1 / 30:
        return np.zeros(dimension, dtype=np.float32)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def cosines(live: Mapping[int, Floats], gone: object, asked: Floats) -> dict[int, float]:
    """Brute force in double precision."""
    exact = asked.astype(np.float64)
    length = np.linalg.norm(exact) or 1.0
    return {row: float(item.astype(np.float64) @ exact / length) for row, item in live.items()}


def subject(name: str, make: Any, **more: Any) -> IndexSubject[Floats, Floats]:
    """A subject whose items are random vectors."""
    return IndexSubject(name=name, make=make, item=unit, asked=unit, scores=cosines, **more)


SUBJECTS: Mapping[str, IndexSubject[Floats, Floats]] = {
    one.name: one
    for one in (
        subject("flat vectors", FlatVectors, tolerance=1e-6),
        subject("faiss flat", lambda: FaissVectors("flat"), tolerance=1e-6),
        subject("faiss auto", lambda: FaissVectors("auto", flat_up_to=40, graphs_up_to=55)),
        subject("faiss graphs", lambda: FaissVectors("hnsw", flat_up_to=4), rows=90),
        subject(
            "faiss graphs, whole numbers",
            lambda: FaissVectors("hnsw", quantise="none", flat_up_to=8),
        ),
        subject("faiss lists", lambda: FaissVectors("ivf", flat_up_to=4), rows=90),
    )
}
