"""How like passages are to one another, and what rerankers make of that.

``lexical_similarities`` and ``unit_vectors.cosines`` give a matrix, ``(n_rows, n_anchors)``;
the other functions turn rows of it into features or shares. No function here calls a model.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

Matrix = NDArray[np.float64]

K1, B = 1.2, 0.75
"""Saturation and length normalisation of BM25, as corpora have them by default."""


def lexical_similarities(
    rows: Sequence[Sequence[str]], anchors: Sequence[Sequence[str]], idf: Mapping[str, float]
) -> Matrix:
    """BM25 of each anchor for each row as the query, at least 0.

    A term that a row says twice counts twice. Mean length is that of the anchors. Source:
    Robertson and Zaragoza 2009, equation 3.15. Cost: for each term of a row, the anchors that have
    it.

    Args:
        rows: terms of each text that asks, with repetitions.
        anchors: terms of each text that is asked for.
        idf: inverse document frequency of terms; one that is missing counts nothing.
    """
    sizes = np.array([len(one) for one in anchors], dtype=np.float64)
    norms = K1 * (1 - B + B * sizes / max(1.0, float(sizes.mean()) if len(sizes) else 1.0))
    having: dict[str, list[tuple[int, int]]] = {}
    for place, terms in enumerate(anchors):
        for term, count in Counter(terms).items():
            having.setdefault(term, []).append((place, count))
    weights: dict[str, tuple[NDArray[np.intp], Matrix]] = {}
    for term, pairs in having.items():
        places = np.array([place for place, _ in pairs], dtype=np.intp)
        counts = np.array([count for _, count in pairs], dtype=np.float64)
        gain = counts * (K1 + 1) / (counts + norms[places])
        weights[term] = (places, max(0.0, idf.get(term, 0.0)) * gain)
    found = np.zeros((len(rows), len(anchors)))
    for row, terms in enumerate(rows):
        for term, count in Counter(terms).items():
            if term in weights:
                places, gains = weights[term]
                found[row, places] += count * gains
    return found


def idf_of(counts: Mapping[str, int], passages: int) -> dict[str, float]:
    """BM25's inverse document frequencies, above 0, of the terms that are there.

    Args:
        counts: term to the number of passages that have it.
        passages: how many there are.
    """
    return {
        term: math.log(1 + (passages - count + 0.5) / (count + 0.5))
        for term, count in counts.items()
        if 0 < count <= passages
    }


def row_features(similarities: Matrix, temperature: float) -> Matrix:
    """HybRank's features: each row as a softmax, stretched to -1 to 1; an even row is all 0.

    Source: Zhang et al. 2023 (HybRank); temperature 100 for BM25 and 10 for vectors.

    Args:
        similarities: shape ``(n_rows, n_anchors)``.
        temperature: above 0; a smaller one lets the most similar anchor stand out.

    >>> row_features(np.array([[10.0, 5.0, 0.0, -5.0]]), 100).round(4).tolist()
    [[1.0, 0.2997, -0.3664, -1.0]]
    """
    if not similarities.size:
        return similarities
    top = similarities.max(axis=1, keepdims=True)
    powers = np.exp((similarities - top) / temperature)
    shares = powers / powers.sum(axis=1, keepdims=True)
    low, high = shares.min(axis=1, keepdims=True), shares.max(axis=1, keepdims=True)
    width = high - low
    even = (np.ptp(similarities, axis=1, keepdims=True) == 0) | (width <= 0)
    return np.where(even, 0.0, 2 * (shares - low) / np.where(width > 0, width, 1.0) - 1)


def row_shares(similarities: Matrix) -> Matrix:
    """Each row divided by its sum; negative values count as 0, a row of zeros stays.

    >>> row_shares(np.array([[1.0, 0.8, 0.0]])).round(4).tolist()
    [[0.5556, 0.4444, 0.0]]
    """
    positive = np.maximum(similarities, 0.0)
    sums = positive.sum(axis=1, keepdims=True)
    return np.where(sums > 0, positive / np.where(sums > 0, sums, 1.0), 0.0)
