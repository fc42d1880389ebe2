"""Ridge regression on the sorted scores of a ranking, and Platt's line behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from assay.guards.risk.signal_calibrator import CalibratorConfig, SignalCalibrator, floats, wanted
from assay.models.calibrators.fitting import Values
from assay.models.calibrators.platt import Platt
from assay.pipeline.component import register
from assay.pipeline.errors import UsageError


class RidgeCalibratorConfig(CalibratorConfig):
    """Settings of ``risk.ridge_calibrator@1``."""

    alpha: float = Field(0.1, gt=0, le=1e6, description="penalty on the squared weights")
    signals: str = Field(
        "",
        description="beginning of the names of the signals that count, such as 'scores.' for those"
        " of abstain.sorted_scores; '' for all",
    )


@register("risk.ridge_calibrator@1")
class RidgeCalibrator(SignalCalibrator):
    """A linear function of raw signals that predicts right (1) or wrong (0), then Platt's line.

    Source: abstention for reranking by ridge regression on a query's sorted relevance scores
    (Gisserot-Boukhlef and others 2024), with their penalty of 0.1. Differs: the target is a right
    answer, not the quality of the ranking, and what comes out is a probability. Cost: no model
    calls; a fit is one linear system.
    """

    Config = RidgeCalibratorConfig
    schema = "assay-ridge/1"

    def __init__(self, config: RidgeCalibratorConfig) -> None:
        super().__init__(config)
        self._weights: dict[str, float] = {}
        self._bias = 0.0
        self._line = Platt(0.0, 0.0)

    def probability(self, signals: Mapping[str, float]) -> float:
        """Probability that the answer is right, strictly between 0 and 1.

        Raises:
            UsageError: if a signal of the fit is missing.
        """
        values = np.array(wanted(signals, tuple(self._weights)), dtype=np.float64)
        predicted = float(values @ np.array(list(self._weights.values()))) + self._bias
        return float(self._line.probabilities([predicted])[0])

    def learned(
        self, rows: Sequence[Mapping[str, float]], right: Sequence[bool]
    ) -> Mapping[str, Any]:
        """Weights by signal, the bias, and Platt's line."""
        names = sorted(name for name in rows[0] if name.startswith(self.config.signals))
        if not names:
            raise UsageError(
                f"no signal begins with '{self.config.signals}'; there are {sorted(rows[0])}"
            )
        values = np.array([[row[name] for name in names] for row in rows], dtype=np.float64)
        weights, bias = ridge(values, np.array(right, dtype=np.float64), alpha=self.config.alpha)
        line = Platt.fit((values @ weights + bias).tolist(), right)
        return {
            "weights": dict(zip(names, weights.tolist(), strict=True)),
            "bias": bias,
            "platt": dict(line.to_json()),
        }

    def use(self, model: Mapping[str, Any]) -> None:
        """Take over weights, bias and line."""
        self._weights = floats(model["weights"])
        self._bias = float(model["bias"])
        self._line = Platt(**floats(model["platt"]))

    def lines(self) -> tuple[str, ...]:
        """The weight of each signal."""
        if not self.fitted:
            return ()
        return tuple(f"{weight:+.4f}  {name}" for name, weight in self._weights.items())


def ridge(values: Values, targets: Values, *, alpha: float) -> tuple[Values, float]:
    """Weights and bias of least ``sum((values @ weights + bias - targets)^2) + alpha |weights|^2``.

    The bias is not penalised. Closed form.

    Args:
        values: shape ``(n, d)``, n and d at least 1.
        targets: shape ``(n,)``.
        alpha: above 0.

    >>> weights, bias = ridge(np.array([[0.0], [1.0]]), np.array([0.0, 1.0]), alpha=0.5)
    >>> float(round(weights[0], 4)), round(bias, 4)
    (0.5, 0.25)
    """
    centre, mean = values.mean(axis=0), float(targets.mean())
    centred = values - centre
    weights = np.linalg.solve(
        centred.T @ centred + alpha * np.eye(values.shape[1]), centred.T @ (targets - mean)
    )
    return weights, mean - float(centre @ weights)
