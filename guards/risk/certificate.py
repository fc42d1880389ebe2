"""Certificates on disk and in force.

A certificate's id is a digest of everything else in the file, so an edit by hand
shows. It is no signature: whoever can write the file can forge one.
``ledger.verify`` recomputes what it claims.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from assay.guards.risk.attempts import read_attempts
from assay.guards.risk.beside import Files
from assay.guards.risk.canaries import check_canaries
from assay.guards.risk.differences import differences, leaves
from assay.guards.risk.monitors import latch
from assay.guards.risk.schema import SCHEMA, Certificate, identity
from assay.pipeline.component import relative_to
from assay.pipeline.errors import CertificateError, DataError
from assay.pipeline.file import CertificateEntry
from assay.pipeline.files import write_atomically
from assay.pipeline.graph import Pipeline

NEXT_STEP = (
    "calibrate anew with 'assay calibrate run PIPELINE --data DIR',"
    " or set 'on_invalid: uncertified'"
)

Status = Literal["NONE", "VALID", "DEGRADED", "VOID", "MISSING"]

Degraded = Callable[[Path], str | None]
"""What a monitor beside a certificate says: why it counts less, or None."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A pipeline with its certificate in force, or without.

    Args:
        pipeline: what to run from now on.
        status: NONE if the pipeline file names no certificate; DEGRADED if it holds and a
            monitor raised an alarm. An altered certificate has no status: it is an error.
        differences: why the certificate is not in force, or counts less, a sentence each;
            empty if it is, or if there is none to be.
        certificate: the certificate that was read; None if there is none.
    """

    pipeline: Pipeline
    status: Status
    differences: tuple[str, ...] = ()
    certificate: Certificate | None = None


def write_certificate(certificate: Certificate, path: Path) -> None:
    """Write the file atomically, indented, with sorted keys."""
    text = json.dumps(
        certificate.to_json(), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False
    )
    write_atomically(path, (text + "\n").encode())


def load_certificate(path: Path) -> Certificate:
    """Read a certificate that nobody touched since it was written.

    Raises:
        CertificateError: if it is not there, no certificate, or altered.
    """
    if not path.exists():
        raise CertificateError(f"there is no certificate at {path}: {NEXT_STEP}")
    altered = f"restore it, or {NEXT_STEP}"
    try:
        fields = json.loads(path.read_bytes())
        schema, claimed = fields["schema"], fields["id"]
    except (ValueError, KeyError, TypeError) as error:
        raise CertificateError(f"{path} is no certificate ({error!r}): {altered}") from error
    if schema != SCHEMA:
        raise CertificateError(f"{path}: schema {schema!r}, expected '{SCHEMA}': {NEXT_STEP}")
    try:
        actual = identity(fields)
        certificate = Certificate.model_validate_json(json.dumps(fields))
    except (ValueError, ValidationError) as error:
        raise CertificateError(f"{path} was altered ({error}): {altered}") from error
    if actual != claimed:
        raise CertificateError(
            f"{path} was altered: its content has id {actual}, it says {claimed}: {altered}"
        )
    return certificate


def check(
    certificate: Certificate,
    pipeline: Pipeline,
    *,
    strict: bool = True,
    now: datetime | None = None,
) -> list[str]:
    """Everything that keeps a certificate from being in force, a sentence each.

    Args:
        certificate: as loaded.
        pipeline: started, so that its resources have fingerprints.
        strict: whether a certificate with warnings counts as void.
        now: when to check the expiry; the present if None.
    """
    found: list[str] = []
    if pipeline.fingerprint() != certificate.pipeline.fingerprint:
        found = differences(certificate.pipeline.parts, leaves(pipeline.parts()))
        found = found or ["the pipeline: its fingerprint changed"]
    today = (now or datetime.now(UTC)).date()
    if certificate.expires is not None and today > date.fromisoformat(certificate.expires):
        found.append(f"the certificate expired after {certificate.expires}")
    if strict:
        found += [f"the certificate carries a warning: {one}" for one in certificate.warnings]
    return found


def check_log(certificate: Certificate, path: Path) -> list[str]:
    """Whether the log of attempts stands beside the certificate and knows it.

    Without it nobody can tell how often these questions were tried before.
    """
    if certificate.status != "CERTIFIED":
        return []
    log = Files(path).attempts
    if not log.exists():
        return [f"the log of attempts ({log.name}) is missing beside the certificate"]
    try:
        known = {one.certificate for one in read_attempts(log)}
    except DataError as error:
        return [f"the log of attempts is damaged: {error}"]
    if certificate.id not in known:
        return [f"the log of attempts ({log.name}) does not know the certificate's attempt"]
    return []


def apply(
    pipeline: Pipeline,
    *,
    strict: bool = True,
    now: datetime | None = None,
    canaries: bool | None = None,
    degraded: Degraded = latch.degraded,
) -> Applied:
    """Put the certificate that the pipeline file names in force.

    A certificate that says that nothing can be certified is in force too: the
    pipeline then abstains on every question. One that a monitor's alarm degraded is met by
    ``on_invalid``: ``refuse`` runs with the next stricter certified thresholds, ``abstain``
    abstains, ``uncertified`` runs with the certified ones and without its id.

    Args:
        pipeline: started.
        strict: whether a certificate with warnings, or without its log of attempts, counts
            as void.
        now: when to check the expiry; the present if None.
        canaries: whether to ask the certificate's canaries, one run each; None does as the
            pipeline file says.
        degraded: reads what monitors say of the certificate at a path.

    Raises:
        CertificateError: if the certificate was altered; or if it is missing or
            void and the pipeline file says ``on_invalid: refuse``.
    """
    entry = pipeline.certificate
    if entry is None:
        return Applied(pipeline, "NONE")
    path = relative_to(pipeline.base, entry.path)
    if not path.exists():
        return _invalid(pipeline, entry, "MISSING", (f"there is no certificate at {path}",))
    certificate = load_certificate(path)
    found = check(certificate, pipeline, strict=strict, now=now)
    if strict:
        found += check_log(certificate, path)
    asked = entry.canaries if canaries is None else canaries
    if asked and not found and not certificate.abstain_always:
        certified = pipeline.with_thresholds(certificate.values)
        found = check_canaries(certificate, certified, path)
    if not found:
        reason = degraded(path)
        if reason is not None and not certificate.abstain_always:
            return _degraded(pipeline, entry, certificate, reason)
        return Applied(_certified(pipeline, certificate), "VALID", certificate=certificate)
    if entry.on_invalid == "uncertified":
        return Applied(_declared(pipeline, certificate), "VOID", tuple(found), certificate)
    return replace(_invalid(pipeline, entry, "VOID", tuple(found)), certificate=certificate)


def _certified(pipeline: Pipeline, certificate: Certificate) -> Pipeline:
    if certificate.abstain_always:
        reason = "calibration found no thresholds that can be certified"
        return replace(pipeline, void=reason, certificate_id=certificate.id)
    return pipeline.with_thresholds(certificate.values, certificate_id=certificate.id)


def _declared(pipeline: Pipeline, certificate: Certificate) -> Pipeline:
    """With the thresholds that the file still declares, uncertified."""
    values = certificate.values
    return pipeline.with_thresholds(
        {name: value for name, value in values.items() if name in pipeline.thresholds}
    )


def _degraded(
    pipeline: Pipeline, entry: CertificateEntry, certificate: Certificate, reason: str
) -> Applied:
    stricter = latch.next_stricter(certificate)
    match entry.on_invalid:
        case "abstain":
            running, said = replace(pipeline, void=reason), reason
        case "uncertified":
            running, said = _declared(pipeline, certificate), reason
        case "refuse" if stricter is None:
            running = replace(pipeline, void=reason)
            said = f"{reason}; no stricter point was certified, so every question is abstained on"
        case "refuse":
            running = pipeline.with_thresholds(stricter or {}, certificate_id=certificate.id)
            said = f"{reason}; the next stricter certified thresholds are in force"
    return Applied(running, "DEGRADED", (said,), certificate)


def _invalid(
    pipeline: Pipeline, entry: CertificateEntry, status: Status, found: tuple[str, ...]
) -> Applied:
    match entry.on_invalid:
        case "uncertified":
            return Applied(pipeline, status, found)
        case "abstain":
            return Applied(replace(pipeline, void="; ".join(found)), status, found)
        case "refuse":
            reasons = "".join(f"\n  - {one}" for one in found)
            kind = "missing" if status == "MISSING" else "void"
            raise CertificateError(
                f"the certificate of pipeline '{pipeline.name}' ({entry.path}) is {kind}:{reasons}"
                f"\n{NEXT_STEP}"
            )
