"""How often one system does better: wins, draws and losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_SAME = 1e-9  # differences that rounding makes of equal values


@dataclass(frozen=True, slots=True)
class Tally:
    """Questions on which the second system does better, as well, or worse.

    Args:
        wins: questions on which it does better.
        draws: questions on which both do the same.
        losses: questions on which it does worse.
        decided: clusters that are no draw; the test has only these to go by.
        p_value: of the sign test, two-sided; 1 where every cluster is a draw.
    """

    wins: int
    draws: int
    losses: int
    decided: int
    p_value: float


def tally(gains: Sequence[float], clusters: Sequence[str]) -> Tally:
    """Count wins, draws and losses, and test whether the decided ones could be a coin's.

    A draw is neither half a win nor left out unseen: it is counted and shown, and says
    nothing about which system is better, so the exact binomial test is over the clusters
    that are no draw (Dixon and Mood 1946). A cluster is won if its gains sum to more than 0.

    Args:
        gains: by how much the second system does better on each question, below 0 where
            it does worse.
        clusters: of the questions.

    >>> tally([1, 1, 0, -1, 0.5], ["a", "b", "c", "d", "e"])
    Tally(wins=3, draws=1, losses=1, decided=4, p_value=0.625)
    """
    from scipy.stats import binomtest

    found = np.array(gains, dtype=float)
    names = {name: number for number, name in enumerate(dict.fromkeys(clusters))}
    place = np.array([names[name] for name in clusters], dtype=np.intp)
    sums = np.bincount(place, weights=found, minlength=len(names)) if len(found) else found
    won, lost = int((sums > _SAME).sum()), int((sums < -_SAME).sum())
    decided = won + lost
    return Tally(
        wins=int((found > _SAME).sum()),
        draws=int((np.abs(found) <= _SAME).sum()),
        losses=int((found < -_SAME).sum()),
        decided=decided,
        p_value=float(binomtest(won, decided).pvalue) if decided else 1.0,
    )
