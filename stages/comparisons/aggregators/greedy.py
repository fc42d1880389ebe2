"""The greedy order: again and again the candidate that wins most from who is left."""

from __future__ import annotations

import numpy as np

from assay.stages.comparisons.comparisons import Comparisons, Matrix

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


def scores(comparisons: Comparisons, generator: np.random.Generator) -> Matrix:
    """n for the first taken, down to 1 for the last.

    A candidate's potential is what it won less what it lost against those that are left; the
    largest is taken, ties by first-stage place. Within a factor of 2 of the agreement of the
    best order. Source: Cohen, Schapire and Singer 1999 (JAIR 10), figure 2.
    """
    n = comparisons.n
    potential = comparisons.wins.sum(axis=1) - comparisons.wins.sum(axis=0)
    left = np.ones(n, dtype=np.bool_)
    found: Matrix = np.zeros(n)
    for place in range(n):
        best = int(np.argmax(np.where(left, np.round(potential, 9), -np.inf)))
        found[best] = n - place
        left[best] = False
        potential = potential + comparisons.wins[best] - comparisons.wins[:, best]
    return found
