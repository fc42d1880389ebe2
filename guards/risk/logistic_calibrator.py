"""A logistic regression from named signals to the probability of a right answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.guards.risk.signal_calibrator import CalibratorConfig, SignalCalibrator, floats, wanted
from assay.pipeline.component import register

__all__ = ["CalibratorConfig", "LogisticCalibrator"]

RIDGE = 1.0
"""Strength of the penalty on standardised weights; keeps small folds from separating."""


@register("risk.logistic_calibrator@1")
class LogisticCalibrator(SignalCalibrator):
    """Signals are standardised, weighted and squashed.

    Fitted by Newton's method on the penalised likelihood (ridge 1 on
    standardised weights, none on the bias) with Platt's smoothed targets (Platt
    1999), so that no probability is 0 or 1. Fit it on the tune fold only: any
    fixed map keeps a certificate valid.
    """

    Config = CalibratorConfig
    schema = "assay-logistic/1"

    def __init__(self, config: CalibratorConfig) -> None:
        super().__init__(config)
        self._means: dict[str, float] = {}
        self._scales: dict[str, float] = {}
        self._weights: dict[str, float] = {}
        self._bias = 0.0

    def probability(self, signals: Mapping[str, float]) -> float:
        """Probability that the answer is right, strictly between 0 and 1.

        Raises:
            UsageError: if a signal of the fit is missing.
        """
        values = wanted(signals, tuple(self._weights))
        total = self._bias + math.fsum(
            weight * (value - self._means[name]) / self._scales[name]
            for (name, weight), value in zip(self._weights.items(), values, strict=True)
        )
        return 1.0 / (1.0 + math.exp(-max(-35.0, min(35.0, total))))

    def learned(
        self, rows: Sequence[Mapping[str, float]], right: Sequence[bool]
    ) -> Mapping[str, Any]:
        """Means, scales and weights by signal, and the bias."""
        names = sorted(rows[0])
        values = np.array([[row[name] for name in names] for row in rows], dtype=np.float64)
        means, scales = values.mean(axis=0), values.std(axis=0)
        scales[scales < 1e-12] = 1.0
        weights, bias = _newton((values - means) / scales, np.array(right, dtype=np.float64))
        return {
            "means": dict(zip(names, means.tolist(), strict=True)),
            "scales": dict(zip(names, scales.tolist(), strict=True)),
            "weights": dict(zip(names, weights.tolist(), strict=True)),
            "bias": bias,
        }

    def use(self, model: Mapping[str, Any]) -> None:
        """Take over means, scales, weights and bias."""
        self._means = floats(model["means"])
        self._scales = floats(model["scales"])
        self._weights = floats(model["weights"])
        self._bias = float(str(model["bias"]))

    def lines(self) -> tuple[str, ...]:
        """Weights of one standard deviation of each signal, the strongest first."""
        if not self.fitted:
            return ()
        order = sorted(self._weights, key=lambda name: (-abs(self._weights[name]), name))
        return tuple(f"{self._weights[name]:+.3f}  {name}" for name in order)


def _newton(
    features: NDArray[np.float64], right: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Penalised logistic fit; features standardised, shape (n, d). Returns weights and bias."""
    positives, negatives = right.sum(), (1 - right).sum()
    targets = np.where(right > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    design = np.hstack([features, np.ones((len(features), 1))])
    penalty = np.diag([RIDGE] * features.shape[1] + [1e-9])
    weights = np.zeros(design.shape[1])
    for _ in range(100):
        predicted = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (predicted - targets) + penalty @ weights
        curvature = (design.T * (predicted * (1 - predicted))) @ design + penalty
        step = np.linalg.solve(curvature, gradient)
        weights = weights - step
        if float(np.abs(step).max()) < 1e-10:
            break
    return weights[:-1], float(weights[-1])
