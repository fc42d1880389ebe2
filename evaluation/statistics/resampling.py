"""Figures with their bootstrap intervals.

A figure is a function of weights: how often each question counts. The point value
gives every question the weight 1; a bootstrap sample draws whole clusters with
replacement, so its weights are small whole numbers. One matrix product then gives
the figure of every sample at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
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
_FINE = 400_000  # of these, how many a figure that sorts works on: they stay in the cache
_KEPT = 4_000_000  # draws that are kept; more are drawn anew in each pass


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
    Each sample has a generator of its own, so memory does not grow with the number of
    samples and no figure depends on how many samples are held at a time.

    Args:
        clusters: cluster of each question; questions that share one share fate.
        resamples: bootstrap samples.
        seed: of the draw, 0 or more.
    """

    def __init__(
        self, clusters: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0
    ) -> None:
        names = {name: number for number, name in enumerate(dict.fromkeys(clusters))}
        self.cluster_of = np.array([names[name] for name in clusters], dtype=np.intp)
        """Number of each question's cluster, shape ``(n_questions,)``."""
        self.clusters = len(names)
        self.questions = len(clusters)
        self.resamples = resamples
        self._seed = seed
        kept = self.clusters * resamples <= _KEPT
        self._kept = self._draw(0, resamples) if kept else None

    def estimate(self, statistic: Statistic) -> Estimate:
        """The value over all questions, and the interval over the samples.

        There is no interval with fewer than two clusters, or where the figure is
        undefined in more than half of the samples.
        """
        return self.estimates({"": statistic})[""]

    def estimates(self, statistics: Mapping[str, Statistic]) -> dict[str, Estimate]:
        """Many figures in one pass over the samples; see ``estimate``.

        Ratios share one matrix product, so that a hundred cost little more than one.
        """
        if not self.questions:
            return dict.fromkeys(statistics, Estimate(None, None))
        values = Together(statistics)(np.ones((1, self.questions)))
        found = {key: Estimate(float(value[0]), None) for key, value in values.items()}
        found = {
            key: one if one.value is not None and math.isfinite(one.value) else Estimate(None, None)
            for key, one in found.items()
        }
        wanted = {key: one for key, one in statistics.items() if found[key].value is not None}
        if self.clusters < 2 or not wanted:
            return found
        together = Together(wanted)
        blocks = [together(weights) for weights in self.samples()]
        for key in wanted:
            drawn = np.concatenate([block[key] for block in blocks])
            found[key] = Estimate(found[key].value, interval_of(drawn))
        return found

    def samples(self) -> Iterator[Weights]:
        """The questions' weights in all samples, a block of samples at a time."""
        rows = max(1, _BLOCK // max(self.questions, 1))
        single = self.clusters == self.questions
        for start in range(0, self.resamples, rows):
            stop = min(start + rows, self.resamples)
            counts = self._draw(start, stop) if self._kept is None else self._kept[start:stop]
            yield counts.astype(float) if single else counts[:, self.cluster_of].astype(float)

    def _draw(self, start: int, stop: int) -> NDArray[np.int32]:
        """How often each cluster is drawn, shape ``(stop - start, n_clusters)``."""
        counts = np.zeros((stop - start, self.clusters), dtype=np.int32)
        for place in range(stop - start if self.clusters else 0):
            generator = np.random.default_rng([self._seed, start + place])
            drawn = generator.integers(self.clusters, size=self.clusters)
            counts[place] = np.bincount(drawn, minlength=self.clusters)
        return counts


def interval_of(drawn: Values) -> tuple[float, float] | None:
    """The 95 % percentile interval; None where most samples are undefined.

    Args:
        drawn: a figure in each sample, NaN where it is undefined.
    """
    known = drawn[np.isfinite(drawn)]
    if not len(known) or 2 * len(known) < len(drawn):
        return None
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)


class Together:
    """Many figures of the same weights: all ratios in one matrix product.

    Args:
        statistics: the figures by their names.
    """

    def __init__(self, statistics: Mapping[str, Statistic]) -> None:
        self._statistics = statistics
        self._ratios = [one for found in statistics.values() for one in _ratios(found)]
        self._sides = np.array([side for one in self._ratios for side in one.sides])
        self._others = {
            key: one for key, one in statistics.items() if not isinstance(one, Ratio | BestOf)
        }

    def __call__(self, weights: Weights) -> dict[str, Values]:
        """Each figure in each sample."""
        found: dict[str, Values] = {}
        with np.errstate(divide="ignore", invalid="ignore"):
            sums = self._sides @ weights.T if self._ratios else self._sides
            known = {
                id(one): divide(sums[2 * place], sums[2 * place + 1])
                for place, one in enumerate(self._ratios)
            }
            for key, statistic in self._statistics.items():
                if isinstance(statistic, Ratio):
                    found[key] = known[id(statistic)]
                elif isinstance(statistic, BestOf):
                    found[key] = np.max([known[id(one)] for one in statistic.ratios], axis=0)
            return found | _each_part(self._others, weights)


def _each_part(statistics: Mapping[str, Statistic], weights: Weights) -> dict[str, Values]:
    rows = max(1, _FINE // max(weights.shape[1], 1))
    parts: dict[str, list[Values]] = {key: [] for key in statistics}
    for start in range(0, len(weights) if statistics else 0, rows):
        part = weights[start : start + rows]
        for key, statistic in statistics.items():
            parts[key].append(statistic(part))
    return {key: np.concatenate(found) for key, found in parts.items()}


def _ratios(statistic: Statistic) -> tuple[Ratio, ...]:
    match statistic:
        case Ratio():
            return (statistic,)
        case BestOf():
            return statistic.ratios
        case _:
            return ()


@dataclass(frozen=True, slots=True, eq=False)
class Ratio:
    """Sum of the numerators over sum of the denominators, as a statistic.

    Args:
        above: numerator of each question, shape ``(n_questions,)``.
        below: denominator of each question, 0 where it does not count.
    """

    above: Values
    below: Values

    @property
    def sides(self) -> tuple[Values, Values]:
        """Both sides of the line."""
        return self.above, self.below

    def __call__(self, weights: Weights) -> Values:
        """The ratio in each sample; NaN where nothing counts."""
        return divide(weights @ self.above, weights @ self.below)


def divide(above: Values, below: Values) -> Values:
    """Quotients, NaN where the denominator is not above 0."""
    result: Values = np.where(below > 0, above / np.where(below > 0, below, 1), np.nan)
    return result


def mean(values: Sequence[float | None]) -> Ratio:
    """Mean over the questions where the value is known.

    >>> mean([1.0, None, 0.0])(np.ones((1, 3))).tolist()
    [0.5]
    """
    known = [float(value is not None) for value in values]
    return ratio([value or 0.0 for value in values], known)


def ratio(numerators: Sequence[float] | Values, denominators: Sequence[float] | Values) -> Ratio:
    """Sum of the numerators over sum of the denominators.

    >>> ratio([1, 2], [4, 2])(np.ones((1, 2))).tolist()
    [0.5]
    """
    return Ratio(np.array(numerators, dtype=float), np.array(denominators, dtype=float))


@dataclass(frozen=True, slots=True, eq=False)
class BestOf:
    """The largest of several ratios, chosen anew in each sample.

    Args:
        ratios: at least one.
    """

    ratios: tuple[Ratio, ...]

    def __call__(self, weights: Weights) -> Values:
        """The largest in each sample."""
        found: Values = np.max([one(weights) for one in self.ratios], axis=0)
        return found


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
