"""How far above or below its thresholds a question came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.pipeline.graph import Pipeline


@dataclass(frozen=True, slots=True)
class Margin:
    """One gate on one question.

    Args:
        score: what the gate compared; None if it was never reached.
        threshold: in force; None for an open gate.
    """

    score: float | None
    threshold: float | None

    @property
    def margin(self) -> float | None:
        """``score - threshold``, negative where the gate abstained; None without either."""
        if self.score is None or self.threshold is None:
            return None
        return self.score - self.threshold

    def to_json(self) -> dict[str, float | None]:
        """Plain JSON values."""
        return {"score": self.score, "threshold": self.threshold, "margin": self.margin}


def margins(pipeline: Pipeline, stages: Mapping[str, Mapping[str, Any]]) -> dict[str, Margin]:
    """The margin to each threshold that the pipeline file declares.

    Args:
        pipeline: as it ran, with its thresholds in force.
        stages: of the run record.
    """
    found = {}
    for name, target in sorted(pipeline.thresholds.items()):
        node, field = target.split(".", 1)
        score = stages.get(node, {}).get("notes", {}).get("score")
        value = getattr(pipeline.steps[node].node.config, field)
        found[name] = Margin(
            None if score is None else float(score), None if value is None else float(value)
        )
    return found
