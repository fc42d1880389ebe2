"""Elo ratings over the comparisons in random orders."""

from __future__ import annotations

import numpy as np

from assay.stages.comparisons.comparisons import Comparisons, Matrix

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

TURNS = 20
STEP, SCALE = 16.0, 400.0


def scores(comparisons: Comparisons, generator: np.random.Generator) -> Matrix:
    """Mean rating over 20 orders of the comparisons, each begun at 0.

    A comparison moves both by 16 times (outcome - expected outcome), the expected outcome being
    1 / (1 + 10 ** (difference / 400)). Ratings depend on the order of the games, hence the mean
    over orders drawn from the generator. Source: Elo 1978.
    """
    first, second = np.nonzero(np.triu(comparisons.counts, 1))
    counts = comparisons.counts[first, second]
    outcomes = comparisons.wins[first, second] / counts
    total: Matrix = np.zeros(comparisons.n)
    for _ in range(TURNS):
        rating = np.zeros(comparisons.n)
        for game in generator.permutation(len(first)):
            i, j = first[game], second[game]
            expected = 1 / (1 + 10 ** ((rating[j] - rating[i]) / SCALE))
            change = STEP * counts[game] * (outcomes[game] - expected)
            rating[i] += change
            rating[j] -= change
        total += rating
    return total / TURNS
