"""Choose among prompts or whole configurations by what their losses are bounded by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never, get_args

from assay.guards.risk.binomial import clopper_pearson_upper
from assay.guards.risk.mean_bounds import hoeffding_bentkus_upper
from assay.guards.risk.quantile_bands import (
    berk_jones,
    gini_upper,
    one_quantile_upper,
    tail_mean_upper,
)
from assay.pipeline.errors import UsageError, nearest

MeasureName = Literal["mean", "quantile", "tail", "gini"]
MEASURES: tuple[MeasureName, ...] = get_args(MeasureName)


@dataclass(frozen=True, slots=True)
class Measure:
    """What is bounded of a configuration's losses, each 0 (good) to 1.

    * ``mean``: exact binomial for losses that are only 0 or 1, Hoeffding-Bentkus for graded ones;
    * ``quantile``: at most this loss on a share ``beta`` of questions, by the order statistic;
    * ``tail``: the mean of the worst ``1 - beta`` (CVaR), by the Berk-Jones band;
    * ``gini``: how unequal the losses are, by the same band.

    Args:
        name: which of them.
        beta: share, in (0, 1), for ``quantile`` and ``tail``.
    """

    name: MeasureName
    beta: float = 0.9

    def __post_init__(self) -> None:
        if self.name not in MEASURES:
            raise UsageError(f"unknown measure '{self.name}'; {nearest(self.name, MEASURES)}")
        if not 0.0 < self.beta < 1.0:
            raise UsageError(f"beta must lie in (0, 1), found {self.beta}")

    def upper(self, losses: Sequence[float], delta: float) -> float:
        """Upper bound, wrong with probability at most ``delta``; 1 for no losses."""
        if not losses:
            return 1.0
        if not all(0.0 <= loss <= 1.0 for loss in losses):
            raise UsageError("a loss must lie in [0, 1]")
        match self.name:
            case "mean":
                if all(loss in (0.0, 1.0) for loss in losses):
                    return clopper_pearson_upper(round(sum(losses)), len(losses), delta)
                return hoeffding_bentkus_upper(math.fsum(losses), len(losses), delta)
            case "quantile":
                return one_quantile_upper(losses, beta=self.beta, delta=delta)
            case "tail":
                return tail_mean_upper(losses, berk_jones(len(losses), delta), beta=self.beta)
            case "gini":
                return gini_upper(losses, berk_jones(len(losses), delta))
            case _:
                assert_never(self.name)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configuration with its bound.

    Args:
        name: of the configuration.
        n: losses that it was measured on.
        bound: on the measure; all candidates' bounds hold together.
        keeps: whether the bound keeps the level.
    """

    name: str
    n: int
    bound: float
    keeps: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """All candidates, best bound first, and the one to take; None if none keeps the level."""

    candidates: tuple[Candidate, ...]
    chosen: str | None


def choose(
    losses: Mapping[str, Sequence[float]], measure: Measure, *, level: float, delta: float
) -> Choice:
    """Bound each configuration at ``delta / m`` and take the lowest bound that keeps the level.

    The bounds of all m hold together with probability ``1 - delta``, so whichever is taken, by
    whatever look at them, keeps what its bound says. Source: Zollo and others, Prompt risk control
    (2024), section 4.

    Args:
        losses: configuration to its losses on the same fresh questions, one a cluster.
        measure: what is bounded.
        level: what it must stay under, in (0, 1].
        delta: probability that any bound is wrong, in (0, 1).

    Raises:
        UsageError: if there is nothing to choose from, or the levels are none.
    """
    if not losses:
        raise UsageError("nothing to choose from: give at least one configuration's losses")
    if not (0.0 < delta < 1.0 and 0.0 < level <= 1.0):
        raise UsageError(
            f"expected delta in (0, 1) and a level in (0, 1], found {delta} and {level}"
        )
    bounds = {name: measure.upper(own, delta / len(losses)) for name, own in losses.items()}
    candidates = tuple(
        Candidate(name, len(losses[name]), bounds[name], bounds[name] <= level)
        for name in sorted(bounds, key=lambda one: (bounds[one], one))
    )
    return Choice(candidates, next((one.name for one in candidates if one.keeps), None))
