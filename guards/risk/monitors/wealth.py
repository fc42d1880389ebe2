"""Bets against "the rate is at most alpha": how much a bettor owns tells how wrong that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.pipeline.errors import UsageError


@dataclass(frozen=True, slots=True)
class RateTest:
    """An e-process for a rate above (or below) a level, over a stream of outcomes.

    If the rate keeps the level, the wealth exceeds ``1 / delta`` at any time with probability at
    most ``delta`` (Ville 1939). Source: Ramdas and others, Game-theoretic statistics and safe
    anytime-valid inference (2023). The bettor spreads its money over fixed alternatives.

    Args:
        level: in (0, 1).
        alternatives: rates that are bet on; all above the level, or all below it.
        wealth: of each alternative; 1 at first.
        seen: outcomes so far.
    """

    level: float
    alternatives: tuple[float, ...]
    wealth: tuple[float, ...] = ()
    seen: int = 0

    def __post_init__(self) -> None:
        _check(self.level, self.alternatives)
        if not self.wealth:
            object.__setattr__(self, "wealth", (1.0,) * len(self.alternatives))

    @property
    def value(self) -> float:
        """What the bettor owns: the mean over the alternatives."""
        return sum(self.wealth) / len(self.wealth)

    def after(self, outcome: bool | float) -> RateTest:
        """With one more outcome; an outcome may be weighted, at least 0."""
        factors = bets(self.level, self.alternatives, float(outcome))
        wealth = tuple(own * factor for own, factor in zip(self.wealth, factors, strict=True))
        return RateTest(self.level, self.alternatives, wealth, self.seen + 1)


@dataclass(frozen=True, slots=True)
class ChangeDetector:
    """A Shiryaev-Roberts e-detector: sees a change late in a stream as fast as an early one.

    While the rate keeps the level, the mean time to the first alarm at ``threshold`` is at least
    ``threshold`` outcomes. Source: Shin, Ramdas and Rinaldo, E-detectors (2023), section 2.

    Args:
        level: in (0, 1).
        alternatives: rates that are bet on; all above the level, or all below it.
        sums: of each alternative; 0 at first.
        seen: outcomes so far.
    """

    level: float
    alternatives: tuple[float, ...]
    sums: tuple[float, ...] = ()
    seen: int = 0

    def __post_init__(self) -> None:
        _check(self.level, self.alternatives)
        if not self.sums:
            object.__setattr__(self, "sums", (0.0,) * len(self.alternatives))

    @property
    def value(self) -> float:
        """The mean over the alternatives."""
        return sum(self.sums) / len(self.sums)

    def after(self, outcome: bool | float) -> ChangeDetector:
        """With one more outcome; an outcome may be weighted, at least 0."""
        factors = bets(self.level, self.alternatives, float(outcome))
        sums = tuple(factor * (own + 1) for own, factor in zip(self.sums, factors, strict=True))
        return ChangeDetector(self.level, self.alternatives, sums, self.seen + 1)


def bets(level: float, alternatives: Sequence[float], outcome: float) -> tuple[float, ...]:
    """What each alternative makes of 1 on this outcome: at fair odds if the rate is the level.

    Raises:
        UsageError: for an outcome below 0, or above 1 on a bet for a lower rate, which could cost
            more than is owned.
    """
    if not outcome >= 0 or (outcome > 1 and min(alternatives) < level):
        raise UsageError(f"an outcome is 0 to 1 (weighted: at least 0), found {outcome}")
    spread = level * (1 - level)
    return tuple(1 + (other - level) / spread * (outcome - level) for other in alternatives)


def _check(level: float, alternatives: Sequence[float]) -> None:
    above = all(level < other < 1 for other in alternatives)
    below = all(0 < other < level for other in alternatives)
    if not 0 < level < 1 or not alternatives or not (above or below):
        raise UsageError(
            f"expected a level in (0, 1) and rates that all lie above or all below it, found"
            f" {level} and {list(alternatives)}"
        )
