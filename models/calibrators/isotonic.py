"""Isotonic regression: the steps that fit best and never fall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from assay.models.calibrators.fitting import Values, labelled

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


@dataclass(frozen=True, slots=True)
class Isotonic:
    """Shares of right answers by pooled adjacent violators; straight lines between the scores.

    Source: Zadrozny and Elkan (2002). Makes ties, and may say 0 or 1.

    Args:
        scores: rising.
        shares: of each score, never falling.
    """

    scores: tuple[float, ...]
    shares: tuple[float, ...]

    @classmethod
    def fit(cls, scores: Sequence[float], right: Sequence[bool]) -> Isotonic:
        """Fit to labelled scores."""
        values, labels = labelled(scores, right)
        points, shares, _ = pooled(values, labels)
        return cls(tuple(points.tolist()), tuple(shares.tolist()))

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", tuple(self.scores))
        object.__setattr__(self, "shares", tuple(self.shares))
        if not self.scores or len(self.scores) != len(self.shares):
            raise ValueError("expected as many shares as scores, and one at least")

    def probabilities(self, scores: Sequence[float] | Values) -> Values:
        """Of each score; beyond the ends the shares of the ends."""
        return np.interp(np.asarray(scores, dtype=np.float64), self.scores, self.shares)

    def to_json(self) -> Mapping[str, Any]:
        """Scores and shares."""
        return {"scores": list(self.scores), "shares": list(self.shares)}


def pooled(values: Values, labels: Values) -> tuple[Values, Values, Values]:
    """Distinct scores, rising, with the fitted share and the number of answers of each."""
    points, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    means = np.bincount(places, weights=labels) / counts
    shares = optimize.isotonic_regression(means, weights=counts).x
    return points, np.asarray(shares), counts.astype(np.float64)
