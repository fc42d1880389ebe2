"""Where descending scores fall off: the elbow, for any scores. A pure algorithm, no model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

COMPUTES = True
"""What is below decides what selectors give, so it counts for fingerprints."""

FLAT = 1e-9
"""A spread of gaps below this is rounding noise, not an elbow."""

Fallback: TypeAlias = Literal["largest_gap", "second_difference", "all"]
"""What cuts where no gap stands out: the largest gap; the gap that is larger than the one before
it by most; nothing."""


@dataclass(frozen=True, slots=True)
class Elbow:
    """Where a list of scores is cut, and by what.

    Args:
        size: leading scores that stand before the cut.
        rule: what decided: ``z``, a gap that stands out; a fallback; ``flat``, all gaps are alike;
            ``short``, fewer than two scores.
        gap: the drop behind the last kept score, in the scores' unit; 0 where nothing is cut.
        z: that gap in standard deviations over the mean gap; 0 where nothing is cut.
    """

    size: int
    rule: Literal["z", "largest_gap", "second_difference", "all", "flat", "short"]
    gap: float = 0.0
    z: float = 0.0


def elbow(
    scores: Sequence[float],
    *,
    z: float = 1.0,
    fallback: Fallback = "largest_gap",
    tolerance: float = FLAT,
) -> Elbow:
    """Where the scores fall off.

    The first gap more than ``z`` standard deviations over the mean gap cuts. With g gaps no gap is
    more than ``sqrt(g - 1)`` deviations over the mean, so with z = 1 three scores or fewer are
    always cut by the fallback. Comparisons leave ``FLAT`` for rounding, which would decide there.

    Source: METEORA (2025), the pooled selection, in the form of its code. Differs: a spread below
    the tolerance counts as flat, and all is kept, where rounding noise would decide; and the second
    difference cuts at the gap that it finds, so that what stands before the drop is whole: the
    original keeps one score less. As there it never cuts behind the first score.

    Args:
        scores: finite, descending, any unit; where it is cut does not change under ``a * s + b``
            with positive a, as long as the spread stays above the tolerance.
        z: above 0.
        fallback: what cuts where no gap is more than ``z`` over the mean.
        tolerance: spread of the gaps up to which they count as equal, in the scores' unit, or as a
            share of the largest score where that is above 1.

    Returns:
        Size 0 for no scores, 1 for one; otherwise 1 to n - 1, or n where all gaps are alike (two
        scores have one gap) or the fallback is ``all``.

    Raises:
        ValueError: if a score is not finite.

    >>> elbow([.90, .88, .86, .50, .48, .47]).size
    3
    >>> elbow([.9, .5, .1]).rule
    'flat'
    >>> elbow([.9, .8, .3], fallback="second_difference").size
    2
    """
    if not all(math.isfinite(score) for score in scores):
        raise ValueError("an elbow needs finite scores")
    if len(scores) < 2:
        return Elbow(len(scores), "short")
    scale = max(1.0, abs(scores[0]), abs(scores[-1]))
    gaps = [left / scale - right / scale for left, right in pairwise(scores)]
    over = deviations(gaps, tolerance)
    if over is None:
        return Elbow(len(scores), "flat")

    def cut(index: int, rule: Literal["z", "largest_gap", "second_difference"]) -> Elbow:
        return Elbow(index + 1, rule, gaps[index] * scale, over[index])

    for index, value in enumerate(over):
        if value > z + FLAT:
            return cut(index, "z")
    if fallback == "all":
        return Elbow(len(scores), "all")
    if fallback == "second_difference":
        jumps = [right - left for left, right in pairwise(gaps)]
        return cut(_first_largest(jumps) + 1, "second_difference")
    return cut(_first_largest(gaps), "largest_gap")


def deviations(gaps: Sequence[float], tolerance: float = FLAT) -> list[float] | None:
    """Each gap in standard deviations (of the population) over the mean; None where all are alike.

    Args:
        gaps: at least one.
        tolerance: a standard deviation below this counts as none.

    >>> deviations([0.0, 0.0, 1.0, 0.0, 0.0])
    [-0.5, -0.5, 2.0, -0.5, -0.5]
    """
    mean = math.fsum(gaps) / len(gaps)
    spread = math.sqrt(math.fsum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    if spread < tolerance or spread == 0:
        return None
    return [(gap - mean) / spread for gap in gaps]


def _first_largest(values: Sequence[float]) -> int:
    """The first that is the largest but for rounding."""
    most = max(values) - FLAT
    return next(index for index, value in enumerate(values) if value >= most)
