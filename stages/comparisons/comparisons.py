"""Who beat whom, how often, and how surely: what every aggregator works on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

Matrix = NDArray[np.float64]


class Comparisons:
    """Comparisons of n candidates, added up. Grows by ``add`` and ``add_order``.

    ``wins[i, j]`` is the weight with which i came before j: a comparison that i won for sure
    adds 1, one of which it is said that i is better with probability p adds p to ``wins[i, j]``
    and 1 - p to ``wins[j, i]``. A draw adds a half to both. ``wins + wins.T`` therefore counts
    comparisons.

    Args:
        n: candidates, by first-stage place from 0.
    """

    def __init__(self, n: int) -> None:
        self.wins: Matrix = np.zeros((n, n))

    @property
    def n(self) -> int:
        """Candidates."""
        return len(self.wins)

    @property
    def counts(self) -> Matrix:
        """How often each pair was compared, shape ``(n, n)``, symmetric."""
        counted: Matrix = self.wins + self.wins.T
        return counted

    @property
    def preferences(self) -> Matrix:
        """Share with which i beat j, shape ``(n, n)``; NaN for pairs that never met."""
        counts = self.counts
        shares: Matrix = np.where(counts > 0, self.wins / np.where(counts > 0, counts, 1), np.nan)
        return shares

    def add(
        self, first: int, second: int, probability: float = 1.0, *, weight: float = 1.0
    ) -> Self:
        """Note a comparison.

        Args:
            first: the candidate that won with this probability.
            second: the other one.
            probability: in [0, 1]; 1 for a certain win of the first, 0.5 for a draw.
            weight: how often it counts, above 0.
        """
        if first == second or not 0.0 <= probability <= 1.0:
            raise ValueError(f"no comparison: {first} and {second} with {probability}")
        self.wins[first, second] += weight * probability
        self.wins[second, first] += weight * (1.0 - probability)
        return self

    def add_order(self, places: Sequence[int], *, weight: float = 1.0) -> Self:
        """Note an order of some candidates: each beats all that stand behind it.

        >>> Comparisons(3).add_order([2, 0]).wins[2].tolist()
        [1.0, 0.0, 0.0]
        """
        own = np.asarray(places, dtype=np.intp)
        self.wins[np.ix_(own, own)] += weight * np.triu(np.ones((len(own), len(own))), 1)
        return self


def by_score(scores: Sequence[float] | Matrix) -> tuple[int, ...]:
    """Places by falling score; equal scores, up to rounding, by first-stage place.

    >>> by_score([0.1, 0.5, 0.1 + 1e-12])
    (1, 0, 2)
    """
    values = [round(float(one), 9) for one in scores]
    return tuple(sorted(range(len(values)), key=lambda place: (-values[place], place)))
