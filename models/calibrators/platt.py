"""Platt scaling: one line through the scores, squashed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.models.calibrators.fitting import Values, labelled, logistic, squash

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


@dataclass(frozen=True, slots=True)
class Platt:
    """``squash(slope * score + shift)`` for scores of any unit; a slope below 0 becomes 0.

    Source: Platt (1999), with his smoothed targets, so that no probability is 0 or 1.
    """

    slope: float
    shift: float

    @classmethod
    def fit(cls, scores: Sequence[float], right: Sequence[bool]) -> Platt:
        """Fit to labelled scores."""
        values, labels = labelled(scores, right)
        positives, negatives = labels.sum(), (1 - labels).sum()
        targets = np.where(labels > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
        ones = np.ones_like(values)
        slope, shift = logistic(np.column_stack([values, ones]), targets).tolist()
        if slope < 0:
            (shift,) = logistic(ones[:, None], targets).tolist()
            slope = 0.0
        return cls(slope, shift)

    def probabilities(self, scores: Sequence[float] | Values) -> Values:
        """Of each score."""
        return squash(self.slope * np.asarray(scores, dtype=np.float64) + self.shift)

    def to_json(self) -> Mapping[str, Any]:
        """Slope and shift."""
        return {"slope": self.slope, "shift": self.shift}
