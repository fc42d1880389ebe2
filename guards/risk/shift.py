"""What is left of a promise when the questions change: under known weights, and as a table.

How far the questions have moved cannot be seen without labels, so none of this is a certificate. It
is printed beside one, to show how much movement the promise would bear.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from assay.guards.risk.mean_bounds import hoeffding_bentkus_upper
from assay.pipeline.errors import UsageError

DISTANCES = (0.0, 0.02, 0.05, 0.1)


def weighted_quantile(
    scores: Sequence[float], weights: Sequence[float], *, weight: float, alpha: float
) -> float:
    """Conformal quantile under known density ratios.

    Source: Tibshirani and others, Conformal prediction under covariate shift (2019), corollary 1.

    Args:
        scores: of the calibration questions.
        weights: density ratio of each, at least 0.
        weight: of the new question.
        alpha: share of misses, in (0, 1).

    Returns:
        The smallest score that enough of the weight lies at or below; infinity where even all of
        it is not enough.

    Raises:
        UsageError: for weights that are none.
    """
    if len(scores) != len(weights) or min([*weights, weight]) < 0 or not 0 < alpha < 1:
        raise UsageError("expected a weight of at least 0 for each score, and alpha in (0, 1)")
    total = math.fsum(weights) + weight
    below = 0.0
    for score, own in sorted(zip(scores, weights, strict=True)):
        below += own
        if below / total >= 1 - alpha - 1e-12:
            return score
    return math.inf


def effective_size(weights: Sequence[float]) -> float:
    """How many equally weighted questions tell as much: Kish (1965); 0 for none."""
    squares = math.fsum(weight * weight for weight in weights)
    return math.fsum(weights) ** 2 / squares if squares else 0.0


def risk_at_distance(
    mean: float, variance: float, n: int, *, distance: float, delta: float
) -> float:
    """Upper bound on the mean loss of any population within a Hellinger distance.

    Source: Weber and others, Certifying out-of-domain generalization for blackbox functions
    (2022), theorem 2.2, as used by C-RAG (2024).

    Args:
        mean: of n losses in [0, 1].
        variance: of them.
        n: at least 2.
        distance: Hellinger, 0 to 1, from where the losses come from.
        delta: probability that the bound is wrong.

    Returns:
        At most 1.
    """
    if n < 2 or not (0 <= distance <= 1 and 0 < delta < 1 and 0 <= mean <= 1 and variance >= 0):
        raise UsageError(
            f"expected n >= 2, mean and distance in [0, 1], delta in (0, 1), found {n}, {mean},"
            f" {distance}, {delta}"
        )
    square = distance * distance
    root = distance * math.sqrt(2 - square)
    bound = mean + square * (2 - square) * (1 - mean)
    bound += 2 * (1 - square) * root * math.sqrt(variance)
    noise = (1 - square) / math.sqrt(2 * n) + 2 * math.sqrt(2) * root / math.sqrt(n - 1)
    bound += (1 - square) * noise * math.sqrt(math.log(4 / delta))
    return min(1.0, bound + math.sqrt(math.log(8 / delta) / (2 * n)))


def table(
    losses: Sequence[float], *, delta: float, distances: Sequence[float] = DISTANCES
) -> tuple[tuple[float, float], ...]:
    """(distance, bound) for each distance; at 0 the plain bound of the losses."""
    n = len(losses)
    if n < 2:
        raise UsageError(f"expected at least 2 losses, found {n}")
    mean = math.fsum(losses) / n
    variance = math.fsum((loss - mean) ** 2 for loss in losses) / n
    return tuple(
        (
            distance,
            hoeffding_bentkus_upper(mean * n, n, delta)
            if distance == 0
            else risk_at_distance(mean, variance, n, distance=distance, delta=delta),
        )
        for distance in distances
    )
