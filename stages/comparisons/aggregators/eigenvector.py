"""Eigenvector centrality: a win counts by the strength of who was beaten."""

from __future__ import annotations

import numpy as np

from assay.stages.comparisons.comparisons import Comparisons, Matrix

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

STEPS = 1000
CLOSE = 1e-12
DRAW = 0.01


def scores(comparisons: Comparisons, generator: np.random.Generator) -> Matrix:
    """The principal eigenvector of the matrix of wins, of length 1 in sum.

    Every pair also drew a hundredth of a game, and everybody one with itself: consistent orders
    have no eigenvector without that. Source: Keener 1993.
    """
    n = comparisons.n
    matrix = comparisons.wins + DRAW
    here: Matrix = np.full(n, 1 / max(n, 1))
    for _ in range(STEPS):
        there: Matrix = matrix @ here
        there = there / max(float(there.sum()), CLOSE)
        if float(np.abs(there - here).sum()) < CLOSE:
            return there
        here = there
    return here
