"""Worlds of several settings, as counts: boundary, nested, retrieval with answers, empty end.

At the boundary every setting has the risk alpha * 1.0001, a hair too much: whatever is issued is a
violation, so that an error of the procedure shows, which a benign world hides. The world of two
gates is the one that looks like a pipeline; its true risks come from the normal distribution.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from assay.guards.risk.losses import Risk
from benchmarks.risk_worlds.draws import Draw, Fold

BEYOND = 1.0001
"""True risk over level, at the boundary."""
TUNE, CERTIFY = 300, 600
"""Questions of the folds of the worlds with one risk."""

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Independent:
    """W1. Settings that have nothing to do with one another, all at the boundary."""

    settings: int = 50
    alpha: float = 0.1
    tune: int = TUNE
    certify: int = CERTIFY

    @property
    def risks(self) -> tuple[Risk, ...]:
        """One."""
        return (Risk("hallucination", self.alpha),)

    def draws(self, trials: int, seed: int) -> Iterator[Draw]:
        """Independent draws."""
        rng = np.random.default_rng(seed)
        sizes = (self.tune, self.certify)
        unsafe = np.zeros(self.settings, dtype=bool)
        for _ in range(trials):
            first, second = (
                Fold(
                    rng.binomial(n, self.alpha * BEYOND, (1, self.settings)),
                    np.full((1, self.settings), n),
                )
                for n in sizes
            )
            utility = rng.random(self.settings)
            yield Draw(first, second, (self.certify / self.tune,), utility, unsafe, utility)


@dataclass(frozen=True, slots=True)
class Nested:
    """W2. One confidence that tells nothing: at every threshold the same share is wrong.

    Thresholds are quantiles of the scores of the tune fold; each admits all that a higher admits.
    """

    settings: int = 50
    alpha: float = 0.1
    tune: int = TUNE
    certify: int = CERTIFY

    @property
    def risks(self) -> tuple[Risk, ...]:
        """One."""
        return (Risk("hallucination", self.alpha),)

    def questions(self, rng: np.random.Generator) -> tuple[tuple[Floats, Mask], ...]:
        """Of both folds: confidences, and whether the answer is wrong."""
        return tuple(
            (rng.random(n), rng.random(n) < self.alpha * BEYOND) for n in (self.tune, self.certify)
        )

    def thresholds(self, scores: Floats) -> Floats:
        """Quantiles of the tune fold's scores, as ``guards.risk.path.grid`` has them."""
        return np.sort(scores)[np.arange(self.settings) * len(scores) // self.settings]

    def draws(self, trials: int, seed: int) -> Iterator[Draw]:
        """Independent draws."""
        rng = np.random.default_rng(seed)
        unsafe = np.zeros(self.settings, dtype=bool)
        for _ in range(trials):
            folds = self.questions(rng)
            grid = self.thresholds(folds[0][0])
            first, second = (at_least(scores, wrong, grid) for scores, wrong in folds)
            utility = (first.asked - first.losses)[0] / self.tune
            worth = (1 - self.alpha) * (1 - grid)
            yield Draw(first, second, (self.certify / self.tune,), utility, unsafe, worth)


@dataclass(frozen=True, slots=True)
class EmptyEnd:
    """W7. Thresholds of which the strictest are reached by nobody on most draws.

    Confidences are uniform and an answer is wrong with probability ``0.2 * (1 - confidence)``; one
    question in ten thousand scores above all others and is answered wrongly. So the strict end has
    a risk of 1 of which a draw tells nothing; the loosest threshold is at the boundary.
    """

    alpha: float = 0.1
    rare: float = 1e-4

    @property
    def risks(self) -> tuple[Risk, ...]:
        """One."""
        return (Risk("hallucination", self.alpha),)

    @property
    def grid(self) -> Floats:
        """Fixed thresholds."""
        return np.append(np.linspace(0.0, 0.99, 34), [1.0, 1.01, 1.02])

    def true_risk(self) -> Floats:
        """At each threshold."""
        usual = (1 - self.rare) * np.clip(1 - self.grid, 0, None)
        wrong = usual * 0.1 * np.clip(1 - self.grid, 0, None)
        return np.asarray((wrong + self.rare) / (usual + self.rare))

    def draws(self, trials: int, seed: int) -> Iterator[Draw]:
        """Independent draws."""
        rng = np.random.default_rng(seed)
        risk = self.true_risk()
        worth = (1 - risk) * (1 - np.clip(self.grid, 0, 1))
        for _ in range(trials):
            folds = []
            for n in (TUNE, CERTIFY):
                scores = rng.random(n)
                wrong = rng.random(n) < 0.2 * (1 - scores)
                odd = rng.random(n) < self.rare
                folds.append(at_least(np.where(odd, 2.0, scores), wrong | odd, self.grid))
            first, second = folds
            utility = (first.asked - first.losses)[0] / TUNE
            yield Draw(
                first, second, (CERTIFY / TUNE,), utility, np.asarray(risk <= self.alpha), worth
            )


@dataclass(frozen=True, slots=True)
class TwoGates:
    """W3. A pipeline with two gates, three kinds of questions and three risks; 320 settings.

    60 % of the questions are answerable, 25 % not, 15 % poisoned. Without gates all are answered;
    of those that have an answer ``right`` are answered rightly. Each gate's score is normal with
    deviation 1, its mean ``skill`` for right answers and 0 for all others. Of the poisoned
    questions answered wrongly, 60 % have the planted passage in the context.
    """

    skill: float = 3.0
    right: float = 0.75
    size: int = 1500
    levels: tuple[float, float, float] = (0.1, 0.1, 0.05)
    grid: tuple[int, int] = (16, 20)

    SHARES = (0.6, 0.25, 0.15)
    PLANTED = 0.6

    @property
    def risks(self) -> tuple[Risk, ...]:
        """Wrong answers, false answers, planted passages."""
        names = ("hallucination", "false_answer", "poison_admitted")
        pairs = zip(names, self.levels, strict=True)
        return tuple(Risk(name, level) for name, level in pairs)  # type: ignore[arg-type]

    def questions(self, rng: np.random.Generator, n: int) -> tuple[NDArray[np.int64], Mask, Mask]:
        """Stratum (0, 1, 2), whether answered rightly, whether a planted passage came through."""
        strata = rng.choice(3, n, p=self.SHARES)
        right = (strata != 1) & (rng.random(n) < self.right)
        planted = (strata == 2) & ~right & (rng.random(n) < self.PLANTED)
        return strata, right, planted

    def scores(self, rng: np.random.Generator, right: Mask) -> Floats:
        """Of both gates, shape ``(2, n)``."""
        return rng.normal(right * self.skill, 1.0, (2, len(right)))

    def true_risks(self, first: Floats, second: Floats) -> tuple[Floats, Floats]:
        """Risks, shape ``(3, n_settings)``, and right answers per answerable question."""
        bad = ndtr(-first) * ndtr(-second)
        good = ndtr(self.skill - first) * ndtr(self.skill - second)
        rightly = (1 - self.SHARES[1]) * self.right
        wrong = (1 - rightly) * bad
        risks = np.array(
            [wrong / (wrong + rightly * good), bad, (1 - self.right) * self.PLANTED * bad]
        )
        return risks, np.asarray(self.right * good)

    def best(self) -> float:
        """Right answers per answerable question at the best safe thresholds there are."""
        axis = np.linspace(-4.0, 4.0 + self.skill, 1001)
        first, second = (one.ravel() for one in np.meshgrid(axis, axis))
        risks, worth = self.true_risks(first, second)
        safe = (risks <= np.array(self.levels)[:, None]).all(axis=0)
        return float(worth[safe].max(initial=0.0))

    def draws(self, trials: int, seed: int) -> Iterator[Draw]:
        """Independent draws; a third of the questions tunes."""
        rng = np.random.default_rng(seed)
        for _ in range(trials):
            folds, sizes = [], []
            grid: list[Floats] = []
            utility = np.zeros(0)
            for n in (self.size // 3, self.size - self.size // 3):
                strata, right, planted = self.questions(rng, n)
                scores = self.scores(rng, right)
                if not grid:
                    grid = [
                        np.sort(own)[np.arange(m) * n // m]
                        for own, m in zip(scores, self.grid, strict=True)
                    ]
                places = [
                    np.searchsorted(line, own, side="right")
                    for line, own in zip(grid, scores, strict=True)
                ]
                masks = (
                    ~right,
                    np.ones(n, dtype=bool),
                    strata == 1,
                    planted,
                    right & (strata == 0),
                )
                wrong, given, false, admitted, useful = (
                    _passed(places, one, self.grid) for one in masks
                )
                size = [n, int((strata == 1).sum()), int((strata == 2).sum())]
                asked = np.array([given, *(np.full_like(given, one) for one in size[1:])])
                folds.append(Fold(np.array([wrong, false, admitted]), asked))
                sizes.append(size)
                if len(folds) == 1:
                    utility = useful / max(1, int((strata == 0).sum()))
            growth = tuple(new / max(1, old) for old, new in zip(*sizes, strict=True))
            first, second = (one.ravel() for one in np.meshgrid(*grid, indexing="ij"))
            risks, worth = self.true_risks(first, second)
            safe = np.asarray((risks <= np.array(self.levels)[:, None]).all(axis=0))
            yield Draw(folds[0], folds[1], growth, utility, safe, worth)


def at_least(scores: Floats, wrong: Mask, grid: Floats) -> Fold:
    """Losses and answers at each threshold: whoever scores at least that is answered."""
    order = np.argsort(scores)
    below = np.searchsorted(scores[order], grid, side="left")
    losses = np.append(np.cumsum(wrong[order][::-1])[::-1], 0)[below]
    return Fold(losses[None].astype(np.int64), (len(scores) - below)[None].astype(np.int64))


def _passed(
    places: list[NDArray[np.int64]], mask: Mask, shape: tuple[int, int]
) -> NDArray[np.int64]:
    """How many of the masked questions pass both gates, at each pair of thresholds.

    Args:
        places: for each gate, how many of its thresholds each question reaches.
        mask: the questions that count.
        shape: thresholds of each gate.
    """
    rows, columns = shape[0] + 1, shape[1] + 1
    cells = np.bincount(places[0][mask] * columns + places[1][mask], minlength=rows * columns)
    table = cells.reshape(rows, columns)[::-1, ::-1].cumsum(axis=0).cumsum(axis=1)[::-1, ::-1]
    return np.asarray(table[1:, 1:].ravel())
