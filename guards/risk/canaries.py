"""Questions with known scores and decisions, that show whether a pipeline still does the same.

The fingerprint covers code, config and models; what it leaves out, such as device, batch size
or a remote model without a revision, shows here. Cost: one run of the pipeline for each.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.guards.risk.beside import Files
from assay.guards.risk.folds import CalibrationItem
from assay.guards.risk.margins import margins
from assay.guards.risk.schema import CanaryInfo, Certificate
from assay.pipeline import Pipeline, Query, Scope
from assay.pipeline.canonical import canonical_json
from assay.pipeline.errors import DataError, NodeError

SCHEMA = "assay-canaries/1"
USUAL = 16
TOLERANCE = 1e-4
"""Scores that differ by no more are the same: other hardware rounds in another way."""


@dataclass(frozen=True, slots=True)
class Canary:
    """A question and what the certified pipeline did with it.

    Args:
        query: the question as it was asked.
        decision: answered, abstained or failed.
        scores: threshold name to the score that its gate compared, None if never reached.
    """

    query: Query
    decision: str
    scores: Mapping[str, float | None]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        query = self.query
        return {
            "query": {
                "id": query.id,
                "text": query.text,
                "tenant": query.scope.tenant,
                "roles": list(query.scope.roles),
                "filters": dict(query.filters),
                "where": query.where,
            },
            "decision": self.decision,
            "scores": {
                name: None if score is None else score.hex() for name, score in self.scores.items()
            },
        }


def chosen(
    items: Sequence[CalibrationItem], *, seed: int, n: int = USUAL
) -> tuple[CalibrationItem, ...]:
    """Which questions are canaries: at most ``n``, by hash of seed and id."""

    def rank(item: CalibrationItem) -> str:
        return hashlib.sha256(f"canary|{seed}|{item.id}".encode()).hexdigest()

    return tuple(sorted(sorted(items, key=rank)[:n], key=lambda item: item.id))


def observe(pipeline: Pipeline, query: Query) -> Canary:
    """Ask one question; a node that fails is a decision of its own."""
    try:
        record = pipeline.run(query)
    except NodeError:
        return Canary(query, "failed", {})
    found = margins(pipeline, record.stages)
    return Canary(query, record.kind, {name: one.score for name, one in found.items()})


def canary_bytes(canaries: Sequence[Canary]) -> bytes:
    """The file: canonical JSON, scores as hexadecimal floats."""
    body = {
        "schema": SCHEMA,
        "tolerance": TOLERANCE,
        "canaries": [one.to_json() for one in canaries],
    }
    return canonical_json(body) + b"\n"


def canary_info(data: bytes, name: str, n: int) -> CanaryInfo:
    """What a certificate holds of the file."""
    return CanaryInfo(path=name, sha256=hashlib.sha256(data).hexdigest(), n=n)


def check_canaries(
    certificate: Certificate, pipeline: Pipeline, certificate_path: Path
) -> list[str]:
    """Ask every canary again.

    Args:
        certificate: as loaded.
        pipeline: started, with the thresholds of the certificate in force.
        certificate_path: beside which the file lies.

    Returns:
        What is not as it was, a sentence each. A certificate without canaries has nothing
        to compare, which is said, since somebody asked for the check.
    """
    info = certificate.canaries
    if info is None:
        return ["the certificate has no canaries: calibrate with --canaries"]
    path = Files(certificate_path).canaries
    if not path.exists():
        return [f"{path.name} is missing beside the certificate"]
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != info.sha256:
        return [f"{path.name} is not the file of this certificate"]
    found = []
    for before in read_canaries(data):
        found += _compared(before, observe(pipeline, before.query))
    return found


def read_canaries(data: bytes) -> tuple[Canary, ...]:
    """The canaries in a file.

    Raises:
        DataError: if it is no such file.
    """
    try:
        body = json.loads(data)
        if body["schema"] != SCHEMA:
            raise ValueError(f"schema {body['schema']!r}")
        return tuple(_read(one) for one in body["canaries"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"this is no file of canaries: {error!r}") from error


def _read(fields: Mapping[str, Any]) -> Canary:
    query = fields["query"]
    return Canary(
        Query(
            text=query["text"],
            scope=Scope(query["tenant"], tuple(query["roles"])),
            id=query["id"],
            filters=query["filters"],
            where=query["where"],
        ),
        fields["decision"],
        {
            name: None if score is None else float.fromhex(score)
            for name, score in fields["scores"].items()
        },
    )


def _compared(before: Canary, now: Canary) -> list[str]:
    name = before.query.id
    found = []
    if now.decision != before.decision:
        found.append(f"canary '{name}': it was {before.decision}, now {now.decision}")
    for threshold in sorted(before.scores.keys() | now.scores.keys()):
        old, new = before.scores.get(threshold), now.scores.get(threshold)
        same = old == new or (old is not None and new is not None and abs(old - new) <= TOLERANCE)
        if not same and now.decision != "failed":
            found.append(
                f"canary '{name}': its score for '{threshold}' was {_shown(old)}, now {_shown(new)}"
            )
    return found


def _shown(score: float | None) -> str:
    return "none" if score is None else f"{score:.6g}"
