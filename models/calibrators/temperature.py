"""Temperature scaling: the same probabilities, more or less sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.models.calibrators.fitting import Values, labelled, logistic, logits, squash

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""
SMALLEST = 1e-3
"""An inverse temperature below this says that the probabilities tell nothing."""


@dataclass(frozen=True, slots=True)
class Temperature:
    """Logits over a temperature; 0.5 stays 0.5. Scores are probabilities.

    Source: Guo and others, On calibration of modern neural networks (2017), section 4.2.
    """

    temperature: float

    @classmethod
    def fit(cls, scores: Sequence[float], right: Sequence[bool]) -> Temperature:
        """Fit to labelled probabilities."""
        values, labels = labelled(scores, right)
        (inverse,) = logistic(logits(values)[:, None], labels).tolist()
        return cls(1.0 / max(inverse, SMALLEST))

    def probabilities(self, scores: Sequence[float] | Values) -> Values:
        """Of each score."""
        return squash(logits(np.asarray(scores, dtype=np.float64)) / self.temperature)

    def to_json(self) -> Mapping[str, Any]:
        """The temperature."""
        return {"temperature": self.temperature}
