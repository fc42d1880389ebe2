"""Which candidates' places are still open, given bounds on how good each is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.stages.comparisons.comparisons import Matrix

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

ROUNDING = 1e-12
"""Bounds that differ by less are equal: what was added up in another order."""


def undecided(lower: Matrix, upper: Matrix, borders: Sequence[int]) -> NDArray[np.bool_]:
    """Candidates of which it is open on which side of a border they belong.

    One is certainly above another when its lower bound reaches the other's upper bound. A
    candidate is decided for a border b when b others are certainly above it, or when at least
    n - b others are certainly below it.

    Args:
        lower: shape ``(n,)``, one bound for each candidate.
        upper: shape ``(n,)``.
        borders: numbers of places, for instance ``[10]`` for the set of the best ten and
            ``[1, 2, 3]`` for the best three in order; 0 and n divide nothing.

    >>> undecided(np.array([0.6, 0.4, 0.0]), np.array([1.0, 0.7, 0.3]), [1]).tolist()
    [True, True, False]
    """
    n = len(lower)
    over = lower[:, None] >= upper[None, :] - ROUNDING
    np.fill_diagonal(over, False)
    above, below = over.sum(axis=0), over.sum(axis=1)
    found: NDArray[np.bool_] = np.zeros(n, dtype=np.bool_)
    for border in borders:
        if 0 < border < n:
            found |= (above < border) & (below < n - border)
    return found
