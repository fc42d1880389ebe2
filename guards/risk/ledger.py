"""What happened to each certify question, so that anybody can recompute a certificate.

Written only with a certificate: that retires the questions. The ledger of a
failed attempt would let the next pipeline be fitted to them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from assay.guards.risk.attempts import earlier, question_digests, read_attempts
from assay.guards.risk.beside import Files
from assay.guards.risk.certificate import load_certificate
from assay.guards.risk.figures import Promise, numbers, results
from assay.guards.risk.judge_sample import JudgeSample
from assay.guards.risk.losses import Observation, Risk
from assay.guards.risk.path import thawed_path, walk
from assay.guards.risk.procedures import read as procedure_of
from assay.guards.risk.schema import Certificate
from assay.guards.risk.statement import statement
from assay.pipeline.canonical import canonical_json, digest
from assay.pipeline.errors import DataError, UsageError

__all__ = ["Files", "ledger_bytes", "read_ledger", "verify"]


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
                "complete": one.complete,
                "followed": one.followed,
                "unsupported": None if one.unsupported is None else one.unsupported.hex(),
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
            part = fields.get("unsupported")
            unsupported = None if part is None else float.fromhex(part)
            fields |= {"scores": scores, "unsupported": unsupported}
            observations.append(Observation(**fields))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(f"line {number} of the ledger is no entry: {error}") from error
    return tuple(observations)


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
    try:
        promise = Promise(
            risks=risks,
            delta=certificate.delta,
            procedure=procedure_of(certificate.procedure),
            judge=None
            if certificate.judge is None
            else JudgeSample(certificate.judge.missed, certificate.judge.checked),
        )
        tested_risks = promise.tested_risks
    except UsageError as error:
        return [f"the certificate promises what cannot be recomputed: {error}"]
    expectation = promise.procedure == "expectation"
    spent = promise.spent(certificate.attempt)
    walked = walk(
        points,
        observations,
        tested_risks,
        certificate.delta if expectation else spent,
        procedure=promise.procedure,
    )
    strata = certificate.data.counts.get("tested", {})
    expected = results(walked, observations, promise)
    expected |= {
        "path_length": len(points),
        "delta_spent": spent,
        "thresholds": {} if walked.chosen is None else numbers(walked.chosen.thresholds),
        "abstain_always": walked.chosen is None,
        "statement": statement(
            risks,
            delta=certificate.delta,
            counts=strata,
            families=certificate.data.attack_families,
            judge=promise.judge,
            expectation=expectation,
        ),
    }
    problems = [
        f"{name} is {getattr(certificate, name)!r}, recomputed {value!r}"
        for name, value in expected.items()
        if getattr(certificate, name) != value
    ]
    if certificate.data.labeller == "judge" and promise.judge is None:
        problems.append("a model judged questions, and the certificate holds no check of it")
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
