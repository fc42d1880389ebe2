"""A logistic regression from named signals to the probability of a right answer."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, ValidationInfo

from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, Resource, register, relative_to
from assay.pipeline.errors import DataError, UsageError
from assay.pipeline.files import write_atomically

SCHEMA = "assay-logistic/1"
RIDGE = 1.0
"""Strength of the penalty on standardised weights; keeps small folds from separating."""


def _resolve(path: str, info: ValidationInfo) -> str:
    base = (info.context or {}).get("base", Path())
    return str(relative_to(base, path))


class CalibratorConfig(Config):
    """Settings of ``risk.logistic_calibrator@1``."""

    path: Annotated[str, AfterValidator(_resolve)] = Field(
        description="JSON file that 'assay calibrate run' writes; relative to the pipeline file"
    )


@register("risk.logistic_calibrator@1")
class LogisticCalibrator(Resource):
    """Signals are standardised, weighted and squashed.

    Fitted by Newton's method on the penalised likelihood (ridge 1 on
    standardised weights, none on the bias) with Platt's smoothed targets (Platt
    1999), so that no probability is 0 or 1. Fit it on the tune fold only: any
    fixed map keeps a certificate valid.
    """

    Config = CalibratorConfig

    def __init__(self, config: CalibratorConfig) -> None:
        super().__init__(config)
        self._model: dict[str, object] | None = None
        self._means: dict[str, float] = {}
        self._scales: dict[str, float] = {}
        self._weights: dict[str, float] = {}
        self._bias = 0.0

    @property
    def path(self) -> Path:
        """Where the fitted calibrator lies."""
        return Path(self.config.path)

    @property
    def fitted(self) -> bool:
        """Whether there is a fit to use."""
        return self._model is not None

    def start(self) -> None:
        """Load the fit, if there is one.

        Raises:
            DataError: if the file is there and is no calibrator.
        """
        if self.path.exists():
            try:
                self._use(json.loads(self.path.read_text(encoding="utf-8")))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise DataError(
                    f"{self.path} is no fitted calibrator ({error}): delete it and calibrate again"
                ) from error

    def fingerprint(self) -> str:
        """Digest of the fit; the same for every unfitted calibrator."""
        return digest(self._model)

    def probability(self, signals: Mapping[str, float]) -> float:
        """Probability that the answer is right, strictly between 0 and 1.

        Raises:
            UsageError: if a signal of the fit is missing.
        """
        missing = set(self._weights) - set(signals)
        if missing:
            raise UsageError(f"the calibrator was fitted on signals that are missing: {missing}")
        total = self._bias + math.fsum(
            weight * (signals[name] - self._means[name]) / self._scales[name]
            for name, weight in self._weights.items()
        )
        return 1.0 / (1.0 + math.exp(-max(-35.0, min(35.0, total))))

    def forget(self) -> None:
        """Be unfitted again, as far as this process goes; the file stays until the next fit."""
        self._model = None

    def fit(self, rows: Sequence[Mapping[str, float]], right: Sequence[bool]) -> None:
        """Fit to labelled answers and write the file atomically.

        Args:
            rows: signals of each answer; all with the same names.
            right: whether the answer was right, same length.

        Raises:
            UsageError: if there are no right or no wrong answers to learn from.
        """
        if not any(right) or all(right):
            raise UsageError(
                f"cannot fit a calibrator on {sum(right)} right and"
                f" {len(right) - sum(right)} wrong answers: it needs some of both"
            )
        names = sorted(rows[0])
        values = np.array([[row[name] for name in names] for row in rows], dtype=np.float64)
        means, scales = values.mean(axis=0), values.std(axis=0)
        scales[scales < 1e-12] = 1.0
        weights, bias = _newton((values - means) / scales, np.array(right, dtype=np.float64))
        model: dict[str, object] = {
            "schema": SCHEMA,
            "n": len(rows),
            "right": sum(right),
            "means": dict(zip(names, means.tolist(), strict=True)),
            "scales": dict(zip(names, scales.tolist(), strict=True)),
            "weights": dict(zip(names, weights.tolist(), strict=True)),
            "bias": bias,
        }
        self._use(model)
        text = json.dumps(model, indent=2, sort_keys=True) + "\n"
        write_atomically(self.path, text.encode())

    def _use(self, model: dict[str, object]) -> None:
        if model["schema"] != SCHEMA:
            raise ValueError(f"schema {model['schema']!r}, expected {SCHEMA!r}")
        self._means = _floats(model["means"])
        self._scales = _floats(model["scales"])
        self._weights = _floats(model["weights"])
        self._bias = float(str(model["bias"]))
        self._model = model


def _floats(value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        raise TypeError("expected a mapping of names to numbers")
    return {str(name): float(number) for name, number in value.items()}


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
