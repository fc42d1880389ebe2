"""Relevance as a normal distribution for each candidate, updated by comparisons.

Source: TrueSkill, Herbrich, Minka and Graepel 2007 (the update of a game of two); REALM 2025 (how
uncertain outcomes are mixed, and how clones of a pivot are merged).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

MEAN = 25.0
SPREAD = MEAN / 3
BETA = SPREAD / 2
"""Spread of a performance around a candidate's relevance."""
DRIFT = SPREAD / 100
"""Spread that every game adds, so that a belief never freezes."""
DRAW = 0.10
"""Chance of a draw between equals."""

_NORMAL = NormalDist()
_MARGIN = _NORMAL.inv_cdf((DRAW + 1) / 2) * math.sqrt(2) * BETA


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of one candidate's relevance.

    Args:
        mean: expected relevance, in units of which 25 is the middle.
        spread: standard deviation, above 0.
    """

    mean: float = MEAN
    spread: float = SPREAD

    def lower(self, kappa: float) -> float:
        """``mean - kappa * spread``."""
        return self.mean - kappa * self.spread


def won_for_sure(winner: Belief, loser: Belief) -> tuple[Belief, Belief]:
    """Both beliefs after a certain win.

    >>> after, _ = won_for_sure(Belief(), Belief())
    >>> round(after.mean, 4), round(after.spread, 4)
    (29.3958, 7.1715)
    """
    first, second = winner.spread**2 + DRIFT**2, loser.spread**2 + DRIFT**2
    total = math.sqrt(2 * BETA**2 + first + second)
    lead = (winner.mean - loser.mean - _MARGIN) / total
    chance = max(_NORMAL.cdf(lead), 1e-300)
    v = _NORMAL.pdf(lead) / chance if chance > 1e-300 else -lead
    w = v * (v + lead)
    return (
        Belief(
            winner.mean + first / total * v,
            math.sqrt(max(first * (1 - first / total**2 * w), 1e-12)),
        ),
        Belief(
            loser.mean - second / total * v,
            math.sqrt(max(second * (1 - second / total**2 * w), 1e-12)),
        ),
    )


def compared(one: Belief, other: Belief, probability: float) -> Belief:
    """The first belief after a comparison that it won with this probability.

    The mixture of the beliefs after a win and after a loss, as a normal of the same mean and
    variance. An even outcome between equals makes it wider, not narrower.

    Args:
        one: whose belief is updated.
        other: against whom.
        probability: in [0, 1].

    >>> after = compared(Belief(), Belief(), 0.9)
    >>> round(after.mean, 4), round(after.spread, 4)
    (28.5167, 7.6411)
    """
    win, _ = won_for_sure(one, other)
    _, loss = won_for_sure(other, one)
    mean = probability * win.mean + (1 - probability) * loss.mean
    square = probability * (win.spread**2 + win.mean**2)
    square += (1 - probability) * (loss.spread**2 + loss.mean**2)
    return Belief(mean, math.sqrt(max(square - mean**2, 1e-12)))


def merged(clones: Sequence[Belief]) -> Belief:
    """One belief for several of the same candidate: precise ones weigh more.

    The precision is the mean of theirs and not the sum, so clones make nothing surer.

    Args:
        clones: at least one.
    """
    weights = [1 / clone.spread**2 for clone in clones]
    mean = sum(weight * clone.mean for weight, clone in zip(weights, clones, strict=True))
    return Belief(mean / sum(weights), math.sqrt(len(clones) / sum(weights)))
