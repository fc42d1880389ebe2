"""Rank centrality: the resting place of a walk among the compared."""

from __future__ import annotations

import numpy as np

from assay.stages.comparisons.comparisons import Comparisons, Matrix

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

DRAW = 0.01


def scores(comparisons: Comparisons, generator: np.random.Generator) -> Matrix:
    """Stationary shares of a walk that steps from i to j with the share of games that j won.

    Of a pair that met, the share is that of its games; of others it is 0. A hundredth of a drawn
    game is added to every pair, so that the walk reaches all. Sums to 1.
    Source: Negahban, Oh and Shah 2017 (Operations Research 65), section 2.
    """
    n = comparisons.n
    if n < 2:
        return np.full(n, 1.0)
    games = comparisons.wins + DRAW / 2
    np.fill_diagonal(games, 0.0)
    met = games + games.T
    shares = np.divide(games, met, out=np.zeros_like(games), where=met > 0)  # [j, i]: j beat i
    weight = np.where(comparisons.counts > 0, 1.0, DRAW)
    steps = (shares * weight).T / n  # [i, j]: from i to j
    np.fill_diagonal(steps, 0.0)
    np.fill_diagonal(steps, 1.0 - steps.sum(axis=1))
    # Stationary: x (steps - 1) = 0 with sum 1.
    system = np.vstack([steps.T - np.eye(n), np.ones(n)])
    wanted = np.zeros(n + 1)
    wanted[n] = 1.0
    solved = np.linalg.lstsq(system, wanted, rcond=None)[0]
    return np.asarray(solved, dtype=np.float64)
