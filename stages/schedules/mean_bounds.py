"""Bounds on the means of several populations that hold at all times together.

A bettor who begins with 1 and bets at fair odds on a mean being larger than m owns 1/alpha or
more at any time with probability at most alpha, if m is the mean (Ville 1939). What makes a
bettor that rich is therefore not the mean. Source: Waudby-Smith and Ramdas 2024 (J. R. Stat. Soc.
B 86), sections 3 to 5: betting on means in [0, 1], with and without replacement. Differs: the
fortune is spread over fixed fractions instead of being bet by an estimate, so that what is
rejected is an interval and the grid costs no validity.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.stages.comparisons.comparisons import Matrix

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

FRACTIONS = np.array([0.1, 0.2, 0.4, 0.8])[:, None]
"""Shares of the most that can be bet, each with a quarter of the fortune."""
GRID = np.linspace(0.0, 1.0, 101)
SMALLEST = 1e-300
"""What a bettor owns at least; so little more than nothing that it changes no bound."""


class MeanBounds:
    """Bounds for the means of ``count`` populations of values in [0, 1].

    With probability ``1 - miss`` at least, all bounds of all populations hold, however often one
    looks and whenever one stops. They only ever get tighter.

    Args:
        count: populations.
        size: values in each, drawn without replacement, in an order that does not depend on
            them; None where draws are independent.
        miss: probability that any bound is wrong, in (0, 1).
    """

    def __init__(self, count: int, *, size: int | None, miss: float) -> None:
        self._size = size
        self._enough = 2 * max(1, count) / miss
        self._fortunes = np.ones((2, count, len(FRACTIONS), len(GRID)))
        self.sums: Matrix = np.zeros(count)
        self.seen: Matrix = np.zeros(count)
        self.lower: Matrix = np.zeros(count)
        self.upper: Matrix = np.ones(count)

    @property
    def means(self) -> Matrix:
        """Means of what was seen, within the bounds; a half where nothing was."""
        seen: Matrix = np.where(self.seen > 0, self.sums / np.maximum(1, self.seen), 0.5)
        return np.minimum(self.upper, np.maximum(self.lower, seen))

    def add(self, ones: Sequence[int], values: Sequence[float]) -> None:
        """A value was drawn from each of some populations.

        Args:
            ones: numbers of the populations, each at most once.
            values: one for each.

        Raises:
            ValueError: if one is not in [0, 1], or more are drawn than there are.
        """
        rows, drawn = np.asarray(ones, dtype=np.intp), np.asarray(values, dtype=np.float64)
        if not ((drawn >= 0) & (drawn <= 1)).all():
            raise ValueError(f"values in [0, 1] were expected, not {drawn.tolist()}")
        if self._size is not None and (self.seen[rows] >= self._size).any():
            raise ValueError(f"all {self._size} values have been drawn")
        low = self._bet(0, rows, drawn, self.sums[rows])
        high = self._bet(1, rows, 1.0 - drawn, self.seen[rows] - self.sums[rows])
        self.sums[rows] += drawn
        self.seen[rows] += 1
        if self._size is not None:  # what is left is at least all 0 and at most all 1
            low = np.maximum(low, self.sums[rows] / self._size)
            high = np.maximum(high, (self.seen[rows] - self.sums[rows]) / self._size)
        self.lower[rows] = np.maximum(self.lower[rows], low)
        self.upper[rows] = np.minimum(self.upper[rows], 1.0 - high)

    def _bet(self, side: int, rows: NDArray[np.intp], drawn: Matrix, sums: Matrix) -> Matrix:
        """Bet that means are larger; of each the largest of the grid that is rejected, or 0."""
        expected = np.broadcast_to(GRID, (len(rows), len(GRID)))
        if self._size is not None:
            left = self._size - self.seen[rows]
            expected = (self._size * GRID - sums[:, None]) / left[:, None]
        possible = expected > 0
        odds = drawn[:, None] / np.where(possible, expected, 1.0)
        factors = np.where(possible[:, None], 1.0 + FRACTIONS * (odds[:, None] - 1.0), np.inf)
        with np.errstate(over="ignore"):  # a fortune beyond all floats has won
            fortunes = np.maximum(self._fortunes[side, rows], SMALLEST) * factors
            rejected = fortunes.mean(axis=1) >= self._enough
        self._fortunes[side, rows] = fortunes
        # A richer bettor never comes of a larger mean: what is rejected is a beginning.
        return np.asarray(GRID[np.maximum(rejected.sum(axis=1) - 1, 0)])
