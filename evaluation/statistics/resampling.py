"""Figures with their bootstrap intervals.

A figure is a function of weights: how often each question counts. The point value
gives every question the weight 1; a bootstrap sample draws whole clusters with
replacement, so its weights are small whole numbers. One matrix product then gives
the figure of every sample at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]
"""Shape ``(n_samples, n_questions)``, whole numbers from 0 up."""

Values = NDArray[np.float64]

Statistic = Callable[[Weights], Values]
"""Weights to one value a sample, shape ``(n_samples,)``; NaN where it is undefined."""

RESAMPLES = 1000
_BLOCK = 4_000_000  # weights held at a time


@dataclass(frozen=True, slots=True)
class Figure:
    """A number to report.

    Args:
        statistic: computes it.
        undefined: why it cannot be computed, should it come out undefined.
    """

    statistic: Statistic
    undefined: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure's value and its 95 % percentile interval; None where undefined."""

    value: float | None
    interval: tuple[float, float] | None


class Resampler:
    """Draws the bootstrap samples once, and evaluates every figure on the same ones.

    Source: Efron 1979 (percentile interval); Field and Welsh 2007 (whole clusters).

    Args:
        clusters: cluster of each question; questions that share one share fate.
        resamples: bootstrap samples.
        seed: of the draw.
    """

    def __init__(
        self, clusters: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0
    ) -> None:
        names = {name: number for number, name in enumerate(dict.fromkeys(clusters))}
        self._cluster_of = np.array([names[name] for name in clusters], dtype=np.intp)
        self.clusters = len(names)
        self.questions = len(clusters)
        generator = np.random.default_rng(seed)
        self._counts: NDArray[np.int64] = (
            generator.multinomial(
                self.clusters, np.full(self.clusters, 1 / self.clusters), size=resamples
            )
            if self.clusters
            else np.zeros((resamples, 0), dtype=np.int64)
        )

    def estimate(self, statistic: Statistic) -> Estimate:
        """The value over all questions, and the interval over the samples.

        There is no interval with fewer than two clusters, or where the figure is
        undefined in more than half of the samples.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            value = (
                float(statistic(np.ones((1, self.questions)))[0]) if self.questions else math.nan
            )
            if not math.isfinite(value):
                return Estimate(None, None)
            if self.clusters < 2:
                return Estimate(value, None)
            rows = max(1, _BLOCK // self.questions)
            drawn = np.concatenate(
                [
                    statistic(self._counts[start : start + rows, self._cluster_of].astype(float))
                    for start in range(0, len(self._counts), rows)
                ]
            )
        drawn = drawn[np.isfinite(drawn)]
        if 2 * len(drawn) < len(self._counts):
            return Estimate(value, None)
        low, high = np.quantile(drawn, (0.025, 0.975))
        return Estimate(value, (float(low), float(high)))


def mean(values: Sequence[float | None]) -> Statistic:
    """Mean over the questions where the value is known.

    >>> mean([1.0, None, 0.0])(np.ones((1, 3))).tolist()
    [0.5]
    """
    known = np.array([value is not None for value in values], dtype=float)
    return ratio([value or 0.0 for value in values], known.tolist())


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Statistic:
    """Sum of the numerators over sum of the denominators.

    >>> ratio([1, 2], [4, 2])(np.ones((1, 2))).tolist()
    [0.5]
    """
    above = np.array(numerators, dtype=float)
    below = np.array(denominators, dtype=float)

    def statistic(weights: Weights) -> Values:
        total = weights @ below
        result: Values = np.where(
            total > 0, (weights @ above) / np.where(total > 0, total, 1), np.nan
        )
        return result

    return statistic


def best_of(statistics: Sequence[Statistic]) -> Statistic:
    """The largest of several figures, chosen anew in each sample."""
    return lambda weights: np.max([one(weights) for one in statistics], axis=0)


def quantile(values: Sequence[float | None], share: float) -> Statistic:
    """The smallest known value that at least ``share`` of the questions do not exceed.

    >>> quantile([3.0, 1.0, None, 2.0], 0.5)(np.ones((1, 4))).tolist()
    [2.0]
    """
    known = np.array(
        [number for number, value in enumerate(values) if value is not None], dtype=int
    )
    found = np.array([value for value in values if value is not None], dtype=float)
    order = np.argsort(found, kind="stable")

    def statistic(weights: Weights) -> Values:
        reached = np.cumsum(weights[:, known[order]], axis=1)
        if not reached.shape[1]:
            return np.full(len(weights), np.nan)
        total = reached[:, -1]
        place = np.argmax(reached >= share * total[:, None] - 1e-9, axis=1)
        return np.where(total > 0, found[order][place], np.nan)

    return statistic
