"""From a walk along the path to a certificate."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assay.guards.risk.beside import Files
from assay.guards.risk.differences import leaves
from assay.guards.risk.figures import Promise, results
from assay.guards.risk.folds import STRATA, CalibrationItem
from assay.guards.risk.losses import Observation
from assay.guards.risk.path import Walk
from assay.guards.risk.procedures import written
from assay.guards.risk.schema import (
    CanaryInfo,
    Certificate,
    DataInfo,
    Diagnosis,
    LedgerInfo,
    Number,
    PipelineInfo,
)
from assay.guards.risk.statement import statement
from assay.guards.risk.trial import Settings, Trial
from assay.pipeline.canonical import digest


@dataclass(frozen=True, slots=True)
class Issuer:
    """Puts certificates together.

    Args:
        settings: what was to be certified.
        trial: on which questions.
        items: all labelled questions.
        parts: of the pipeline.
        created: time stamped on the certificate.
        files: where the files beside the certificate lie.
    """

    settings: Settings
    trial: Trial
    items: Sequence[CalibrationItem]
    parts: Mapping[str, Any]
    created: datetime
    files: Files

    @property
    def promise(self) -> Promise:
        """What was asked for."""
        settings = self.settings
        return Promise(
            risks=settings.risks,
            delta=settings.delta,
            procedure=settings.procedure,
            judge=settings.judge,
        )

    def untested(self, diagnosis: Diagnosis) -> Certificate:
        """Nothing is certified, and the certify fold was not looked at."""
        fields = results(Walk(), (), self.promise)
        return self._sealed(
            fields | {"attempt": self.trial.number - 1, "delta_spent": 0.0}, diagnosis
        )

    def tested(
        self,
        walked: Walk,
        observations: Sequence[Observation],
        diagnosis: Diagnosis | None,
        *,
        frozen: str,
        length: int,
        ledger: bytes | None,
        canaries: CanaryInfo | None = None,
    ) -> Certificate:
        """What the walk certified; no detail of the certify fold if that is nothing."""
        fields = results(walked, observations, self.promise)
        fields |= {
            "attempt": self.trial.number,
            "delta_spent": self.promise.spent(self.trial.number),
            "canaries": canaries,
            "path_sha256": frozen,
            "path_length": length,
        }
        if walked.chosen is not None and ledger is not None:
            fields |= {
                "thresholds": {
                    name: Number.of(value) for name, value in walked.chosen.thresholds.items()
                },
                "ledger": LedgerInfo(
                    path=self.files.ledger.name, sha256=hashlib.sha256(ledger).hexdigest()
                ),
            }
        return self._sealed(fields, diagnosis)

    def _sealed(self, fields: Mapping[str, Any], diagnosis: Diagnosis | None) -> Certificate:
        settings, trial = self.settings, self.trial
        families = settings.families(trial.tested)
        counts: dict[str, dict[str, int]] = {
            fold: _strata(members) for fold, members in trial.folds.items()
        }
        warnings = [
            f"the certify questions were retired by certificate {trial.retired[-1]}:"
            " this one carries no guarantee"
            for _ in trial.retired[-1:]
        ]
        body = {
            "created": self.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "expires": None if settings.expires is None else settings.expires.isoformat(),
            "status": "CERTIFIED" if diagnosis is None else "NOT_CERTIFIABLE",
            "statement": statement(
                settings.risks,
                delta=settings.delta,
                counts=_strata(trial.tested),
                families=families,
                judge=settings.judge,
                expectation=settings.procedure == "expectation",
            )
            if diagnosis is None
            else f"Nothing is certified, so the pipeline abstains on every question."
            f" {diagnosis.text}",
            "thresholds": dict.fromkeys(settings.thresholds),
            "abstain_always": diagnosis is not None,
            "delta": settings.delta,
            "procedure": written(settings.procedure),
            "path_sha256": None,
            "path_length": 0,
            "declared": {risk.name: risk.alpha for risk in settings.risks},
            "diagnosis": diagnosis,
            "data": DataInfo(
                fingerprint=_data_fingerprint(self.items),
                seed=settings.seed,
                counts={**counts, "tested": _strata(trial.tested)},
                clusters=len(trial.tested),
                certify=digest(sorted(one.id for one in trial.tested)),
                cluster_handling="no clusters labelled"
                if all(one.cluster == one.id for one in trial.tested)
                else "one question per cluster",
                sharing=_sharing(trial.tested),
                labeller="judge" if any(one.judged for one in trial.tested) else "people",
                attack_families=families,
            ),
            "pipeline": PipelineInfo(fingerprint=digest(self.parts), parts=leaves(self.parts)),
            "environment": _environment(),
            "warnings": warnings,
            "ledger": None,
        }
        return Certificate.sealed({**body, **fields})


def _strata(items: Sequence[CalibrationItem]) -> dict[str, int]:
    found = Counter(one.stratum for one in items)
    return {stratum: found[stratum] for stratum in STRATA}


def _sharing(items: Sequence[CalibrationItem]) -> int:
    """How many questions were written from a document from which another was written, too."""
    users = Counter(document for one in items for document in set(one.documents))
    return sum(any(users[document] > 1 for document in one.documents) for one in items)


def _data_fingerprint(items: Sequence[CalibrationItem]) -> str:
    return digest(
        sorted(
            [one.id, one.stratum, one.cluster, sorted(one.documents), one.content, one.judged]
            for one in items
        )
    )


def _environment() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in ("assay", "numpy"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "unknown"
    return versions
