"""Fit the map from logits to probabilities, and say how good probabilities are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.models.calibrators.beta import Beta

Numbers = NDArray[np.float64]

PRIOR = 1e-3
"""Strength with which the map is held to the one that changes nothing."""

BINS = 15


def fit_calibration(logits: Numbers, needed: Numbers, weights: Numbers) -> Beta:
    """The map with the least weighted cross-entropy, held a little to the identity.

    Maximum likelihood as in Kull et al. 2017 (section 4), with bounds in the place of their
    refitting where a coefficient is negative, by L-BFGS-B.

    Args:
        logits: of passages that the network was neither trained nor stopped on, shape ``(n,)``.
        needed: 1 or 0 each.
        weights: of each, at least 0, not all 0.
    """
    from scipy.optimize import minimize

    shares = weights / weights.sum()
    columns = np.stack([-np.logaddexp(0, -logits), np.logaddexp(0, logits), np.ones_like(logits)])
    start = np.array([1.0, 1.0, 0.0])

    def cost(point: Numbers) -> tuple[float, Numbers]:
        found = point @ columns
        loss = shares @ (np.logaddexp(0, found) - needed * found)
        gradient = columns @ (shares * (0.5 * (1 + np.tanh(found / 2)) - needed))
        away = point - start
        return float(loss + PRIOR * away @ away), gradient + 2 * PRIOR * away

    bounds = [(0.0, 20.0), (0.0, 20.0), (-20.0, 20.0)]
    best = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return Beta(*(round(float(one), 9) for one in best))


def quality(probabilities: Numbers, needed: Numbers, weights: Numbers) -> dict[str, Any]:
    """Brier score, log loss and expected calibration error, all weighted.

    The error is over ``BINS`` bins of equal weight (Naeini et al. 2015, with equal mass).

    Args:
        probabilities: shape ``(n,)``.
        needed: 1 or 0 each.
        weights: of each, at least 0, not all 0.
    """
    shares = weights / weights.sum()
    clipped = np.clip(probabilities, 1e-7, 1 - 1e-7)
    order = np.argsort(probabilities, kind="stable")
    bins = np.minimum((np.cumsum(shares[order]) * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, shares[order] * (probabilities - needed)[order], minlength=BINS)
    log = needed * np.log(clipped) + (1 - needed) * np.log1p(-clipped)
    return {
        "brier": round(float(shares @ (probabilities - needed) ** 2), 6),
        "log_loss": round(float(-shares @ log), 6),
        "ece": round(float(np.abs(gaps).sum()), 6),
    }
