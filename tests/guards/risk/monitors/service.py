"""A certified pipeline in service: a real certificate with its ledger, and records of its runs."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from assay.guards.risk.schema import Certificate
from tests.guards.risk.worlds import PARTS, World, risks, run

WIRED: dict[str, Any] = PARTS | {
    "nodes": {
        "first": {"use": "abstain.evidence@1", "inputs": {"selection": "query"}},
        "made": {"use": "generate.extractive@1", "inputs": {"selection": "first"}},
        "gate": {"use": "abstain.threshold@1", "inputs": {"answer": "made"}},
    }
}


def certified(folder: Path, **changes: Any) -> tuple[Path, Certificate]:
    """A certificate at levels of 0.2, and where it lies."""
    settings = {"risks": risks(0.2), "parts": WIRED} | changes
    certificate = run(World(skill=3.0), folder, **settings)
    assert certificate.status == "CERTIFIED"
    return folder / "certificate.json", certificate


def record(certificate: Certificate, query_id: str, evidence: float, sure: float) -> dict[str, Any]:
    """What ``assay run`` writes of one question."""
    limits = certificate.values
    first = evidence >= limits["evidence"]
    answered = first and sure >= limits["confidence"]
    stages: dict[str, Any] = {"first": {"notes": {"score": evidence}}}
    if first:
        stages["gate"] = {"notes": {"score": sure}}
    fields: dict[str, Any] = {
        "query_id": query_id,
        "text": f"What is {query_id}?",
        "outcome": "answered" if answered else "abstained",
        "stages": stages,
        "certificate": certificate.id,
    }
    if answered:
        return fields | {"answer": {"text": "This.", "citations": []}}
    return fields | {"abstention": {"stage": "gate", "reason": "low_confidence"}}


def stream(
    certificate: Certificate, n: int, *, seed: int = 1, shift: float = 0.0, prefix: str = "s"
) -> list[dict[str, Any]]:
    """Records of questions as the fold has them, poisoned ones left out; scores may be shifted."""
    draw = random.Random(seed)
    found = []
    for number in range(n):
        right = draw.random() < 0.5  # two thirds answerable, of which three quarters go right
        centre = (3.0 if right else 0.0) + shift
        found.append(
            record(certificate, f"{prefix}{number}", draw.gauss(centre, 1), draw.gauss(centre, 1))
        )
    return found


def write(path: Path, lines: Iterable[Mapping[str, Any]], *, mode: str = "w") -> Path:
    """JSON lines."""
    with path.open(mode, encoding="utf-8") as file:
        file.writelines(json.dumps(one) + "\n" for one in lines)
    return path
