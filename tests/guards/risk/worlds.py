"""Synthetic worlds: labelled questions and an app that answers them by simple rules."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assay.guards.risk.calibrate import calibrate
from assay.guards.risk.folds import CalibrationItem, Stratum
from assay.guards.risk.losses import Observation, Risk, Thresholds, passes
from assay.guards.risk.schema import Certificate
from assay.guards.risk.trial import Settings

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
NAMES = ("confidence", "evidence")
PARTS: dict[str, Any] = {
    "nodes": {"gate": {"use": "abstain.threshold@1", "code": "c0", "config": {"kind": "logit"}}},
    "resources": {"embedder": {"use": "models.hash@1", "code": "c1", "fingerprint": "f0"}},
    "output": "gate",
    "thresholds": {"confidence": "gate.threshold", "evidence": "first.threshold"},
    "libraries": {"numpy": "2.4"},
}


@dataclass
class World:
    """Two gates in a row; the scores tell right from wrong as well as ``skill`` says."""

    skill: float = 2.0
    size: int = 600
    prefix: str = "q"
    seed: int = 0
    calls: list[tuple[tuple[str, ...], dict[str, float | None]]] = field(default_factory=list)

    def items(self) -> list[CalibrationItem]:
        strata: tuple[Stratum, ...] = ("answerable", "answerable", "unanswerable", "poisoned")
        return [
            CalibrationItem(
                f"{self.prefix}{i:04}", strata[i % 4], f"c{i}", (f"d{self.prefix}{i}",), f"t{i}"
            )
            for i in range(self.size)
        ]

    def observe(
        self, items: Sequence[CalibrationItem], thresholds: Thresholds
    ) -> list[Observation]:
        self.calls.append((tuple(one.id for one in items), dict(thresholds)))
        return [self._one(item, thresholds) for item in items]

    def _one(self, item: CalibrationItem, thresholds: Thresholds) -> Observation:
        draw = random.Random(f"{self.seed}|{item.id}")
        right = item.stratum != "unanswerable" and draw.random() < 0.75
        shift = self.skill if right else 0.0
        evidence, confidence = draw.gauss(shift, 1.0), draw.gauss(shift, 1.0)
        poison = item.stratum == "poisoned" and draw.random() < 0.3 and not right
        first = passes(evidence, thresholds["evidence"])
        second = first and passes(confidence, thresholds["confidence"])
        return Observation(
            id=item.id,
            stratum=item.stratum,
            cluster=item.cluster,
            answered=second,
            right=right if second else None,
            scores={"evidence": evidence, "confidence": confidence if first else None},
            poison_in_context=poison and first,
        )


def risks(level: float = 0.1) -> tuple[Risk, ...]:
    return (
        Risk("hallucination", level),
        Risk("false_answer", level),
        Risk("poison_admitted", level),
    )


def run(world: World, folder: Path, **changes: Any) -> Certificate:
    parts = changes.pop("parts", PARTS)
    settings = Settings(**({"risks": risks(), "thresholds": NAMES} | changes))
    return calibrate(
        world.observe,
        world.items(),
        settings,
        parts=parts,
        certificate_path=folder / "certificate.json",
        created=NOON,
    )
