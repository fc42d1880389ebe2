"""Certificates on disk and in force.

A certificate's id is a digest of everything else in the file, so an edit by hand
shows. It is no signature: whoever can write the file can forge one.
``ledger.verify`` recomputes what it claims.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from assay.guards.risk.differences import differences, leaves
from assay.guards.risk.schema import SCHEMA, Certificate, identity
from assay.pipeline.component import relative_to
from assay.pipeline.errors import CertificateError
from assay.pipeline.file import CertificateEntry
from assay.pipeline.files import write_atomically
from assay.pipeline.graph import Pipeline

NEXT_STEP = (
    "calibrate anew with 'assay calibrate run PIPELINE --data DIR',"
    " or set 'on_invalid: uncertified'"
)

Status = Literal["NONE", "VALID", "VOID", "MISSING"]


@dataclass(frozen=True, slots=True)
class Applied:
    """A pipeline with its certificate in force, or without.

    Args:
        pipeline: what to run from now on.
        status: NONE if the pipeline file names no certificate.
        differences: why the certificate is not in force, a sentence each; empty
            if it is, or if there is none to be.
    """

    pipeline: Pipeline
    status: Status
    differences: tuple[str, ...] = ()


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


def apply(pipeline: Pipeline, *, strict: bool = True, now: datetime | None = None) -> Applied:
    """Put the certificate that the pipeline file names in force.

    A certificate that says that nothing can be certified is in force too: the
    pipeline then abstains on every question.

    Args:
        pipeline: started.
        strict: whether a certificate with warnings counts as void.
        now: when to check the expiry; the present if None.

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
    found = tuple(check(certificate, pipeline, strict=strict, now=now))
    if not found:
        if certificate.abstain_always:
            reason = "calibration found no thresholds that can be certified"
            certified = replace(pipeline, void=reason, certificate_id=certificate.id)
        else:
            certified = pipeline.with_thresholds(certificate.values, certificate_id=certificate.id)
        return Applied(certified, "VALID")
    if entry.on_invalid == "uncertified":
        declared = {
            name: value for name, value in certificate.values.items() if name in pipeline.thresholds
        }
        return Applied(pipeline.with_thresholds(declared), "VOID", found)
    return _invalid(pipeline, entry, "VOID", found)


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
