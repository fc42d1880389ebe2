"""Venn-Abers: two probabilities, one of which is perfectly calibrated, whatever the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from assay.models.calibrators.fitting import Values, labelled
from assay.models.calibrators.isotonic import pooled

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


@dataclass(frozen=True, slots=True)
class VennAbers:
    """The inductive Venn-Abers predictor.

    Source: Vovk, Petej and Fedorova (2015). The width between its two probabilities tells how few
    answers lie near a score. Cost: one isotonic regression of the fold for each new score, kept.

    Args:
        scores: of the fold.
        right: 1 for right, 0 for wrong, of the fold.
    """

    scores: tuple[float, ...]
    right: tuple[int, ...]
    _kept: dict[float, tuple[float, float]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def fit(cls, scores: Sequence[float], right: Sequence[bool]) -> VennAbers:
        """Keep the labelled scores."""
        values, labels = labelled(scores, right)
        order = np.argsort(values, kind="stable")
        return cls(tuple(values[order].tolist()), tuple(int(one) for one in labels[order]))

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", tuple(self.scores))
        object.__setattr__(self, "right", tuple(self.right))
        if len(self.scores) != len(self.right):
            raise ValueError("expected as many labels as scores")

    def interval(self, score: float) -> tuple[float, float]:
        """Its share of right answers if it were wrong, and if it were right."""
        if score not in self._kept:
            values = np.array([*self.scores, score])
            both = []
            for label in (0.0, 1.0):
                points, shares, _ = pooled(values, np.array([*self.right, label]))
                both.append(float(shares[np.searchsorted(points, score)]))
            self._kept[score] = (both[0], both[1])
        return self._kept[score]

    def probabilities(self, scores: Sequence[float] | Values) -> Values:
        """Of each score: the point of its interval that loses least by the logarithm."""
        found = [self.interval(float(one)) for one in np.asarray(scores, dtype=np.float64)]
        return np.array([high / (1 - low + high) for low, high in found])

    def to_json(self) -> Mapping[str, Any]:
        """The labelled scores."""
        return {"scores": list(self.scores), "right": list(self.right)}
