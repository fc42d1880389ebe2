"""Selection with guaranteed risk: the lowest confidence at which answers are right often enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from assay.guards.risk.binomial import clopper_pearson_upper
from assay.pipeline.errors import UsageError


@dataclass(frozen=True, slots=True)
class Selective:
    """What was found.

    Args:
        threshold: answer from this confidence on; None where no threshold holds: abstain always.
        bound: on the risk of the answers, with the promised confidence; 1 without a threshold.
        answered: questions at the threshold or above.
        visited: (how many were answered, errors among them, bound) of each step.
    """

    threshold: float | None
    bound: float
    answered: int
    visited: tuple[tuple[int, int, float], ...]


def selective_risk(
    confidences: Sequence[float], wrong: Sequence[bool], *, risk: float, delta: float
) -> Selective:
    """Binary search over the confidences, the error shared out over its steps.

    Source: Geifman and El-Yaniv, Selective classification for deep neural networks (2017),
    algorithm 1, with the exact binomial. Thresholds are confidences of the same questions, so the
    promise is exact only up to that; ``assay calibrate`` takes them from another fold.

    Args:
        confidences: of each question; questions with equal ones are answered together.
        wrong: whether its answer is wrong.
        risk: the highest share of wrong answers among the given, in (0, 1).
        delta: probability that the bound fails, in (0, 1).

    Raises:
        UsageError: if there is no question, or a confidence is NaN.
    """
    n = len(confidences)
    if not n or len(wrong) != n or any(math.isnan(one) for one in confidences):
        raise UsageError(
            f"expected questions with a confidence and a label each, found {n} and {len(wrong)}"
        )
    ordered = sorted(confidences)
    steps = max(1, math.ceil(math.log2(n)))
    low, high = 0, n - 1
    best: tuple[float, float, int] | None = None
    visited: list[tuple[int, int, float]] = []
    for _ in range(steps):
        middle = math.ceil((low + high) / 2)
        threshold = ordered[middle]
        answered = sum(one >= threshold for one in confidences)
        errors = sum(bad for one, bad in zip(confidences, wrong, strict=True) if one >= threshold)
        bound = clopper_pearson_upper(int(errors), answered, delta / steps)
        visited.append((answered, int(errors), bound))
        if bound < risk:
            high = middle
            if best is None or answered > best[2]:
                best = (threshold, bound, answered)
        else:
            low = middle
    if best is None:
        return Selective(None, 1.0, 0, tuple(visited))
    return Selective(best[0], best[1], best[2], tuple(visited))
