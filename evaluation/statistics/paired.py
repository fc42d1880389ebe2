"""Two systems over the same questions: how far apart, how surely, how often.

A figure of two systems is a statistic over twice the questions: the first system's
observations, then the second's. Weights on one half give the figure of one system, so that
means, ratios and areas under curves are all compared in the same way.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.evaluation.statistics.resampling import (
    RESAMPLES,
    Ratio,
    Resampler,
    Statistic,
    Together,
    Values,
    Weights,
    interval_of,
    mean,
)

RANDOMISATIONS = 10_000
_BLOCK = 2_000_000  # weights held at a time
_SAME = 1e-12  # differences that rounding makes of equal values


@dataclass(frozen=True, slots=True)
class Difference:
    """The second system's figure less the first's.

    Args:
        first: the first system's figure; None where it is undefined.
        second: the second's.
        value: the difference, None where one of them is undefined.
        interval: 95 % percentile interval of the difference over clusters; None with fewer
            than two clusters, or where most samples are undefined.
        p_value: two-sided, of the null hypothesis that the two systems are alike: that
            within every cluster their observations could as well be swapped.
        exact: whether every swap was tried, where there are few clusters.
    """

    first: float | None
    second: float | None
    value: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    exact: bool


class Pairing:
    """Compares two systems over the same questions.

    Source: paired bootstrap over whole clusters (Efron 1979; Field and Welsh 2007); the
    randomisation test is Fisher's, for two systems as in Noreen 1989 and Smucker, Allan and
    Carterette 2007, with whole clusters swapped. With few clusters all swaps are tried; else
    ``randomisations`` of them are drawn and p is (1 + those at least as far apart) /
    (1 + all), so it is never 0 (Phipson and Smyth 2010).

    Args:
        clusters: cluster of each question; questions that share one share fate.
        resamples: bootstrap samples.
        randomisations: random swaps.
        seed: of both, 0 or more.
    """

    def __init__(
        self,
        clusters: Sequence[str],
        *,
        resamples: int = RESAMPLES,
        randomisations: int = RANDOMISATIONS,
        seed: int = 0,
    ) -> None:
        self._resampler = Resampler(clusters, resamples=resamples, seed=seed)
        self._randomisations = randomisations
        self._seed = seed
        self.exact = 2**self._resampler.clusters <= randomisations
        """Whether every swap is tried."""

    def differences(self, figures: Mapping[str, Statistic]) -> dict[str, Difference]:
        """Each figure's difference, all on the same samples and the same swaps.

        Args:
            figures: each over ``2 n`` observations, the first system's before the
                second's, in the order of the questions; ``both`` makes one of two ratios.
        """
        if not self._resampler.questions or not figures:
            nothing = Difference(None, None, None, None, None, self.exact)
            return dict.fromkeys(figures, nothing)
        together = Together(figures)
        one = np.ones((1, self._resampler.questions))
        first, second = together(_halves(one, 0 * one)), together(_halves(0 * one, one))
        drawn: dict[str, list[Values]] = {key: [] for key in figures}
        swapped: dict[str, list[Values]] = {key: [] for key in figures}
        if self._resampler.clusters > 1:
            for weights in self._resampler.samples():
                _gather(drawn, together, weights, np.zeros_like(weights))
        for swap in self._swaps():
            _gather(swapped, together, 1.0 - swap, swap)
        return {
            key: self._difference(first[key].item(), second[key].item(), drawn[key], swapped[key])
            for key in figures
        }

    def _difference(
        self, first: float, second: float, drawn: list[Values], swapped: list[Values]
    ) -> Difference:
        value = _cleared(np.array(second - first)).item()
        if not np.isfinite(value):
            return Difference(_known(first), _known(second), None, None, None, self.exact)
        apart = np.abs(np.concatenate(swapped))
        # A swap that leaves one figure undefined speaks for no difference being surprising.
        far = int(np.count_nonzero(~(apart < abs(value) - _SAME)))
        p_value = far / len(apart) if self.exact else (1 + far) / (1 + len(apart))
        interval = interval_of(np.concatenate(drawn)) if drawn else None
        return Difference(first, second, value, interval, p_value, self.exact)

    def _swaps(self) -> Iterator[Weights]:
        """1 where a question's two observations are swapped, a block of swaps at a time."""
        clusters, of = self._resampler.clusters, self._resampler.cluster_of
        rows = max(1, _BLOCK // self._resampler.questions)
        if self.exact:
            every = itertools.product((0.0, 1.0), repeat=clusters)
            while block := list(itertools.islice(every, rows)):
                yield np.array(block).reshape(len(block), clusters)[:, of]
            return
        for start in range(0, self._randomisations, rows):
            stop = min(start + rows, self._randomisations)
            drawn = [self._swap(number, clusters) for number in range(start, stop)]
            yield np.array(drawn, dtype=float)[:, of]

    def _swap(self, number: int, clusters: int) -> NDArray[np.int8]:
        # A generator of its own, apart from the bootstrap's, so blocks can be of any size.
        generator = np.random.default_rng([self._seed, 1, number])
        return generator.integers(2, size=clusters, dtype=np.int8)


def both(first: Ratio, second: Ratio) -> Ratio:
    """One ratio over the observations of two systems, as ``Pairing`` takes it."""
    return Ratio(
        np.concatenate([first.above, second.above]), np.concatenate([first.below, second.below])
    )


def paired_difference(
    first: Sequence[float | None],
    second: Sequence[float | None],
    clusters: Sequence[str] | None = None,
    *,
    resamples: int = RESAMPLES,
    randomisations: int = RANDOMISATIONS,
    seed: int = 0,
) -> Difference:
    """The difference of two means over the same questions.

    Args:
        first: the first system's value on each question, None where it has none.
        second: the second's, in the same order.
        clusters: of the questions; without it each is its own.
        resamples: bootstrap samples.
        randomisations: random swaps.
        seed: of both.

    >>> found = paired_difference([0.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 0.5])
    >>> found.value, found.p_value, found.exact
    (0.625, 0.25, True)
    """
    names = [str(place) for place in range(len(first))] if clusters is None else clusters
    pairing = Pairing(names, resamples=resamples, randomisations=randomisations, seed=seed)
    return pairing.differences({"": both(mean(first), mean(second))})[""]


def standardised(differences: Sequence[float]) -> float | None:
    """Effect size: mean of the paired differences over their standard deviation.

    Cohen's d_z (Cohen 1988; Lakens 2013, equation 6), the standard deviation with n - 1.
    In its usual reading .2 is small, .5 medium, .8 large; it does not depend on how many
    questions there are, as a p-value does.

    Args:
        differences: second less first, over the questions where both have a value.

    Returns:
        None with fewer than two questions, or where all differ by the same amount other
        than 0; 0 where none differs.

    >>> standardised([1.0, 0.0, 1.0, 0.0])
    0.8660254037844387
    """
    found = np.array(differences, dtype=float)
    if len(found) < 2:
        return None
    if np.all(np.abs(found) <= _SAME):
        return 0.0
    spread = float(found.std(ddof=1))
    return None if spread <= _SAME else float(found.mean()) / spread


def _halves(first: Weights, second: Weights) -> Weights:
    return np.concatenate([first, second], axis=1)


def _gather(
    into: dict[str, list[Values]], together: Together, keep: Weights, other: Weights
) -> None:
    """Differences where both halves are weighted: second's figure less first's."""
    here, there = together(_halves(keep, other)), together(_halves(other, keep))
    for key, found in into.items():
        found.append(_cleared(there[key] - here[key]))


def _cleared(differences: Values) -> Values:
    """Differences without what rounding makes of equal values."""
    cleared: Values = np.where(np.abs(differences) <= _SAME, 0.0, differences)
    return cleared


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
