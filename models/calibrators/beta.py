"""Beta calibration: bends both ends of the scale on their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.models.calibrators.fitting import CLIP, Values, labelled, logistic, squash

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


@dataclass(frozen=True, slots=True)
class Beta:
    """``squash(low * ln p - high * ln(1 - p) + shift)``. Scores are probabilities.

    Source: Kull, Silva Filho and Flach (2017). A weight that comes out below 0 is left out and
    the other fitted again, so that the map never falls. As it stands it changes nothing.
    """

    low: float = 1.0
    high: float = 1.0
    shift: float = 0.0

    @classmethod
    def fit(cls, scores: Sequence[float], right: Sequence[bool]) -> Beta:
        """Fit to labelled probabilities."""
        values, labels = labelled(scores, right)
        columns = _columns(values)
        low, high, shift = logistic(columns, labels).tolist()
        if low < 0 and high < 0:
            (shift,) = logistic(columns[:, 2:], labels).tolist()
            return cls(0.0, 0.0, shift)
        if low < 0:
            high, shift = logistic(columns[:, 1:], labels).tolist()
            return cls(0.0, max(0.0, high), shift)
        if high < 0:
            low, shift = logistic(columns[:, [0, 2]], labels).tolist()
            return cls(max(0.0, low), 0.0, shift)
        return cls(low, high, shift)

    def probabilities(self, scores: Sequence[float] | Values) -> Values:
        """Of each score."""
        weights = np.array([self.low, self.high, self.shift])
        return squash(_columns(np.asarray(scores, dtype=np.float64)) @ weights)

    def of_logits(self, logits: Values) -> Values:
        """Of the logits of the scores, which may be larger than a probability can tell.

        >>> Beta(shift=1.0).of_logits(np.array([0.0, -1.0])).round(4).tolist()
        [0.7311, 0.5]
        """
        raw = np.asarray(logits, dtype=np.float64)
        mapped = self.high * np.logaddexp(0, raw) - self.low * np.logaddexp(0, -raw) + self.shift
        return squash(mapped)

    def to_json(self) -> Mapping[str, Any]:
        """The three weights."""
        return {"low": self.low, "high": self.high, "shift": self.shift}


def _columns(values: Values) -> Values:
    clipped = np.clip(values, CLIP, 1 - CLIP)
    return np.column_stack([np.log(clipped), -np.log1p(-clipped), np.ones_like(clipped)])
