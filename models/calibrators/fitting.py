"""Maximum likelihood for a squashed linear function; what Platt, temperature and beta share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assay.pipeline.errors import UsageError

Values = NDArray[np.float64]
RIDGE = 1e-9
"""Keeps weights finite where a score separates right from wrong; changes nothing else."""
CLIP = 1e-6
"""Probabilities are moved this far from 0 and 1 before their logarithm is taken."""


def squash(values: Values) -> Values:
    """``1 / (1 + exp(-x))``, without overflow."""
    found: Values = 0.5 * (1 + np.tanh(np.asarray(values, dtype=np.float64) / 2))
    return found


def logits(probabilities: Values) -> Values:
    """``ln(p / (1 - p))`` of probabilities moved off 0 and 1."""
    clipped = np.clip(np.asarray(probabilities, dtype=np.float64), CLIP, 1 - CLIP)
    found: Values = np.log(clipped) - np.log1p(-clipped)
    return found


def logistic(design: Values, targets: Values, *, ridge: float = RIDGE) -> Values:
    """Weights that make ``squash(design @ weights)`` most likely.

    Newton's method, each step halved until the likelihood does not fall.

    Args:
        design: shape ``(n, d)``; a column of ones for a bias.
        targets: shape ``(n,)``, 0 to 1.
        ridge: penalty on squared weights.
    """
    weights = np.zeros(design.shape[1])
    value = _loss(design, targets, weights, ridge)
    for _ in range(200):
        predicted = squash(design @ weights)
        gradient = design.T @ (predicted - targets) + ridge * weights
        curvature = (design.T * (predicted * (1 - predicted))) @ design
        step = np.linalg.solve(curvature + (ridge + 1e-12) * np.eye(len(weights)), gradient)
        scale = 1.0
        while scale > 1e-10:
            moved = weights - scale * step
            after = _loss(design, targets, moved, ridge)
            if after <= value:
                break
            scale /= 2
        else:
            break
        done = float(np.abs(scale * step).max()) < 1e-12
        weights, value = moved, after
        if done:
            break
    return weights


def labelled(scores: object, right: object) -> tuple[Values, Values]:
    """Scores and labels as arrays.

    Raises:
        UsageError: if they differ in number, a score is not finite, or one label is missing.
    """
    values = np.asarray(scores, dtype=np.float64)
    labels = np.asarray(right, dtype=np.float64)
    if values.ndim != 1 or values.shape != labels.shape:
        raise UsageError(
            f"expected as many labels as scores, found {labels.size} and {values.size}"
        )
    if not np.all(np.isfinite(values)):
        raise UsageError("a score to calibrate must be finite")
    if not (labels.any() and (labels < 1).any()):
        raise UsageError(
            f"cannot calibrate on {int(labels.sum())} right and"
            f" {int((1 - labels).sum())} wrong answers: it needs some of both"
        )
    return values, labels


def _loss(design: Values, targets: Values, weights: Values, ridge: float) -> float:
    margins = design @ weights
    return float(
        np.sum(np.logaddexp(0.0, margins) - targets * margins) + ridge / 2 * weights @ weights
    )
