"""What a made world hands to a procedure, and the count of what the procedure did wrong.

A world is a way to draw labelled questions of which everything is known, so that for each setting
of the thresholds it is known whether its risks keep their levels. ``tried`` lets a procedure
certify on many independent draws; it may issue an unsafe setting on a share ``delta`` of them, and
``band`` is how many that are at most, but for an accident of one in a million.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.guards.risk.binomial import binomial_cdf
from assay.guards.risk.losses import Count, Risk

Counts = NDArray[np.int64]
"""Shape ``(n_risks, n_settings)``."""

ACCIDENT = 1e-6
"""Chance that a procedure that keeps its word is called wrong in one world."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Losses of each risk at each setting, out of the questions that it is about."""

    losses: Counts
    asked: Counts

    def counts(self, setting: int) -> tuple[Count, ...]:
        """Of one setting, in the order of the risks."""
        pairs = zip(self.losses[:, setting].tolist(), self.asked[:, setting].tolist(), strict=True)
        return tuple(Count(k, n) for k, n in pairs)

    def with_(self, other: Fold) -> Fold:
        """Both folds as one."""
        return Fold(self.losses + other.losses, self.asked + other.asked)


@dataclass(frozen=True, slots=True)
class Draw:
    """Labelled questions of one calibration, counted.

    Args:
        tune: on which settings are chosen.
        certify: on which they are tested; independent of ``tune``.
        growth: for each risk, its questions in ``certify`` per question in ``tune``.
        utility: of each setting on ``tune``, shape ``(n_settings,)``.
        safe: whether all risks of a setting truly keep their levels.
        worth: true utility of each setting.
    """

    tune: Fold
    certify: Fold
    growth: tuple[float, ...]
    utility: NDArray[np.float64]
    safe: NDArray[np.bool_]
    worth: NDArray[np.float64]


Procedure = Callable[[Draw, Sequence[Risk], float], int | None]
"""(draw, risks, delta) to the setting that it certifies; None to abstain always."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What a procedure did on many draws.

    Args:
        trials: draws.
        violations: draws on which it issued a setting that is not safe.
        issued: draws on which it issued any.
        worths: true utility of what it issued on each draw; 0 where it issued nothing.
    """

    trials: int
    violations: int
    issued: int
    worths: tuple[float, ...]

    @property
    def share(self) -> float:
        """Of draws with a violation."""
        return self.violations / self.trials

    def keeps(self, delta: float) -> bool:
        """Whether the violations are as few as ``delta`` allows."""
        return self.violations <= band(self.trials, delta)

    def issues_of(self, best: float, part: float = 0.9) -> float:
        """Share of draws on which it issued something worth at least ``part`` of ``best``."""
        return sum(one >= part * best for one in self.worths) / self.trials


def tried(
    draws: Iterable[Draw], procedure: Procedure, risks: Sequence[Risk], delta: float
) -> Tried:
    """Let a procedure certify on each draw, and judge by what is true."""
    violations = issued = 0
    worths: list[float] = []
    for draw in draws:
        chosen = procedure(draw, risks, delta)
        issued += chosen is not None
        violations += chosen is not None and not bool(draw.safe[chosen])
        worths.append(0.0 if chosen is None else float(draw.worth[chosen]))
    return Tried(len(worths), violations, issued, tuple(worths))


@functools.cache
def band(trials: int, delta: float, accident: float = ACCIDENT) -> int:
    """Smallest q with ``P(Binomial(trials, delta) > q) <= accident``.

    >>> band(1000, 0.1), band(1000, 0.05), band(200, 0.1)
    (148, 86, 43)
    """
    most = math.floor(trials * delta)
    while 1.0 - binomial_cdf(most, trials, delta) > accident:
        most += 1
    return most
