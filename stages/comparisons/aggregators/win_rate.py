"""Additive scores: how much a candidate won, for each time that it was compared."""

from __future__ import annotations

import numpy as np

from assay.stages.comparisons.comparisons import Comparisons, Matrix

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


def scores(comparisons: Comparisons, generator: np.random.Generator) -> Matrix:
    """Share of its comparisons that a candidate won; 0 for one that never met another.

    Where all were compared equally often this is the order of the sums ("additive", and Borda's
    order for complete votes). Source: Gienapp et al. 2022; JointRank (2025).
    """
    compared = comparisons.counts.sum(axis=1)
    found: Matrix = comparisons.wins.sum(axis=1) / np.where(compared > 0, compared, 1)
    return found
