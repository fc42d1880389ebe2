"""What happened to each certify question, so that anybody can recompute a certificate.

Written only with a certificate: that retires the questions. The ledger of a
failed attempt would let the next pipeline be fitted to them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.guards.risk.attempts import earlier, question_digests, read_attempts, spending
from assay.guards.risk.binomial import clopper_pearson_upper
from assay.guards.risk.certificate import load_certificate
from assay.guards.risk.losses import Count, Observation, Risk, Thresholds
from assay.guards.risk.path import Walk, thawed_path, walk
from assay.guards.risk.schema import (
    Certificate,
    CertifiedPoint,
    Number,
    RiskResult,
    Share,
    statement,
)
from assay.guards.risk.tally import Tally
from assay.pipeline.canonical import canonical_json, digest
from assay.pipeline.errors import DataError


@dataclass(frozen=True, slots=True)
class Files:
    """Where the files beside a certificate lie.

    Args:
        certificate: the certificate's own path.
    """

    certificate: Path

    @property
    def path(self) -> Path:
        """The frozen path."""
        return self.certificate.with_name(f"{self.certificate.stem}.path.json")

    @property
    def ledger(self) -> Path:
        """The ledger."""
        return self.certificate.with_name(f"{self.certificate.stem}.ledger.jsonl")

    @property
    def attempts(self) -> Path:
        """The log of attempts; certificates in one folder share it."""
        return self.certificate.with_name("attempts.jsonl")


def ledger_bytes(observations: Sequence[Observation]) -> bytes:
    """One line of canonical JSON for each observation, in order of id."""
    lines = [
        canonical_json(
            {
                "id": one.id,
                "stratum": one.stratum,
                "cluster": one.cluster,
                "answered": one.answered,
                "right": one.right,
                "poison_in_context": one.poison_in_context,
                "scores": {
                    name: None if score is None else score.hex()
                    for name, score in one.scores.items()
                },
            }
        )
        for one in sorted(observations, key=lambda one: one.id)
    ]
    return b"".join(line + b"\n" for line in lines)


def read_ledger(data: bytes) -> tuple[Observation, ...]:
    """The observations in a ledger.

    Raises:
        DataError: naming the line that is no entry.
    """
    observations = []
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            fields = json.loads(line)
            scores = {
                name: None if score is None else float.fromhex(score)
                for name, score in fields["scores"].items()
            }
            observations.append(Observation(**{**fields, "scores": scores}))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(f"line {number} of the ledger is no entry: {error}") from error
    return tuple(observations)


def results(
    walked: Walk, observations: Sequence[Observation], risks: Sequence[Risk], delta: float
) -> dict[str, Any]:
    """Everything in a certificate that follows from the walk.

    Used to write the certificate and again to verify it.
    """
    chosen = walked.chosen
    thresholds: Thresholds = {} if chosen is None else chosen.thresholds
    tally = Tally(observations)
    return {
        "stopped_at": walked.rejected if walked.rejected < len(walked.steps) else None,
        "certified_path": tuple(
            CertifiedPoint(
                thresholds=_numbers(step.thresholds),
                counts={
                    risk.name: (one.k, one.n) for risk, one in zip(risks, step.counts, strict=True)
                },
                max_p=step.p_value,
            )
            for step in walked.steps[: walked.rejected]
        ),
        "risks": ()
        if chosen is None
        else tuple(
            RiskResult(
                name=risk.name,
                stratum=risk.stratum,
                alpha=risk.alpha,
                n=one.n,
                k=one.k,
                p=one_p,
                ucb_descriptive=clopper_pearson_upper(one.k, one.n, delta),
            )
            for risk, one, one_p in zip(risks, chosen.counts, chosen.p_values(risks), strict=True)
        ),
        "utility": None if chosen is None else _share(tally.right_rate(thresholds)),
        "coverage": None if chosen is None else _share(tally.coverage(thresholds)),
    }


def _numbers(thresholds: Mapping[str, float]) -> dict[str, Number]:
    return {name: Number.of(value) for name, value in thresholds.items()}


def _share(one: Count) -> Share:
    return Share(k=one.k, n=one.n)


def verify(certificate_path: Path) -> tuple[str, ...]:
    """Recompute every count, p-value, the stop and the ids, without any model.

    Args:
        certificate_path: a certificate with its path, ledger and log of attempts
            beside it.

    Returns:
        What does not agree, a sentence each; empty if all of it does.

    Raises:
        CertificateError: if the certificate is missing or was altered.
        DataError: if a file beside it breaks its format.
    """
    certificate = load_certificate(certificate_path)
    files = Files(certificate_path)
    if certificate.status != "CERTIFIED":
        return ("the certificate says that nothing is certified: there is nothing to verify",)
    missing = [one.name for one in (files.path, files.ledger, files.attempts) if not one.exists()]
    if missing:
        return tuple(f"{name} is missing beside the certificate" for name in missing)
    frozen, ledger = files.path.read_bytes(), files.ledger.read_bytes()
    problems = []
    if hashlib.sha256(frozen).hexdigest() != certificate.path_sha256:
        problems.append(f"{files.path.name} is not the path that was walked")
    expected = None if certificate.ledger is None else certificate.ledger.sha256
    if hashlib.sha256(ledger).hexdigest() != expected:
        problems.append(f"{files.ledger.name} is not the ledger of this certificate")
    if problems:
        return tuple(problems)
    observations = read_ledger(ledger)
    problems += _recomputed(certificate, thawed_path(frozen), observations)
    return tuple(problems + _logged(certificate, files.attempts, observations))


def _recomputed(
    certificate: Certificate,
    points: Sequence[dict[str, float]],
    observations: Sequence[Observation],
) -> list[str]:
    risks = [Risk(name, alpha) for name, alpha in certificate.declared.items()]
    walked = walk(points, observations, risks, certificate.delta_spent)
    expected = results(walked, observations, risks, certificate.delta)
    strata = certificate.data.counts.get("tested", {})
    expected |= {
        "path_length": len(points),
        "delta_spent": spending(certificate.delta, certificate.attempt),
        "thresholds": {} if walked.chosen is None else _numbers(walked.chosen.thresholds),
        "abstain_always": walked.chosen is None,
        "statement": statement(
            risks,
            delta=certificate.delta,
            counts=strata,
            families=certificate.data.attack_families,
        ),
    }
    problems = [
        f"{name} is {getattr(certificate, name)!r}, recomputed {value!r}"
        for name, value in expected.items()
        if getattr(certificate, name) != value
    ]
    for stratum, n in strata.items():
        found = sum(one.stratum == stratum for one in observations)
        if found != n:
            problems.append(f"the ledger has {found} {stratum} questions, the certificate {n}")
    if len({one.cluster for one in observations}) != len(observations):
        problems.append("the ledger has several questions of one cluster")
    if digest(sorted(one.id for one in observations)) != certificate.data.certify:
        problems.append("the ledger is about other questions than the certificate")
    return problems


def _logged(certificate: Certificate, log: Path, observations: Sequence[Observation]) -> list[str]:
    logged = read_attempts(log)
    own = [one for one in logged if one.certificate == certificate.id]
    if not own:
        return [f"{log.name} does not know the certificate's attempt"]
    before = earlier(logged[: logged.index(own[0])], own[0].questions)
    questions = question_digests(one.id for one in observations)
    if len(before) + 1 != certificate.attempt or not set(questions) <= set(own[0].questions):
        return [
            f"{log.name} has {len(before)} earlier attempts on these questions, the certificate"
            f" says {certificate.attempt - 1}, or it is about other questions"
        ]
    return []
