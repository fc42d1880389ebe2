"""Bradley-Terry strengths with a prior."""

from __future__ import annotations

import numpy as np

from assay.stages.comparisons.comparisons import Comparisons, Matrix

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

STEPS = 500
CLOSE = 1e-6


def scores(comparisons: Comparisons, generator: np.random.Generator) -> Matrix:
    """Most probable log-strengths under P(i beats j) = s_i / (s_i + s_j).

    The prior is one win and one loss against a candidate of strength 1, so the strengths are
    finite also where somebody won everything: without it, consistent orders have none.
    Cost: the pairs that were compared, a step; no model calls.
    Source: Bradley and Terry 1952; prior and iteration of Newman 2023 (J. Mach. Learn. Res. 24).
    """
    wins = comparisons.wins
    first, second = np.nonzero(wins + wins.T)
    won_by, lost_by = wins[first, second], wins[second, first]
    strength: Matrix = np.ones(comparisons.n)
    for _ in range(STEPS):
        both = strength[first] + strength[second]
        won = np.bincount(first, won_by * strength[second] / both, minlength=comparisons.n)
        lost = np.bincount(first, lost_by / both, minlength=comparisons.n)
        prior = 1 / (strength + 1)
        new: Matrix = (won + prior) / (lost + prior)
        moved = float(np.abs(np.log(new / strength)).max(initial=0.0))
        strength = new
        if moved < CLOSE:
            break
    logs: Matrix = np.log(strength)
    return logs
