"""PageRank over who lost to whom."""

from __future__ import annotations

import numpy as np

from assay.stages.comparisons.comparisons import Comparisons, Matrix

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

DAMPING = 0.85
STEPS = 1000
CLOSE = 1e-12


def scores(comparisons: Comparisons, generator: np.random.Generator) -> Matrix:
    """Where a walker ends who goes from each candidate to those that beat it.

    With chance 0.85 it follows a comparison that the candidate lost, by the weight of the loss,
    else it starts anywhere; so it does from one that never lost. Sums to 1.
    Source: Page et al. 1999; for rerankers Gienapp et al. 2022.
    """
    n = comparisons.n
    if not n:
        return np.zeros(0)
    lost = comparisons.wins.sum(axis=0)
    moves = np.where(lost > 0, comparisons.wins / np.where(lost > 0, lost, 1), 1 / n)
    here: Matrix = np.full(n, 1 / n)
    for _ in range(STEPS):
        there: Matrix = DAMPING * (moves @ here) + (1 - DAMPING) / n
        if float(np.abs(there - here).sum()) < CLOSE:
            return there
        here = there
    return here
