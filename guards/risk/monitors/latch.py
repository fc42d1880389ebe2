"""Alarms that stay: written beside the certificate, read when it is put in force.

A monitor that was loud may fall silent again; what it said still stands. An alarm is therefore
never taken out of the file, and a certificate with one is DEGRADED for good: the way out is a new
certificate, made with fresh questions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assay.guards.risk.schema import Certificate
from assay.pipeline.errors import DataError
from assay.pipeline.files import write_atomically

SCHEMA: Literal["assay-alarms/1"] = "assay-alarms/1"


class Alarm(BaseModel):
    """One monitor's first alarm under one certificate."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    certificate: str = Field(description="id of the certificate that was being watched")
    monitor: str = Field(description="which monitor, for instance 'score evidence'")
    reason: str = Field(description="a sentence for people")
    after: int = Field(description="observations of this monitor until then")
    query_id: str = Field(description="the question that raised it")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    schema_: Literal["assay-alarms/1"] = Field(alias="schema")
    alarms: tuple[Alarm, ...]


def alarms_path(certificate_path: Path) -> Path:
    """Where the alarms of a certificate are written."""
    return certificate_path.with_name(f"{certificate_path.stem}.alarms.json")


def read_alarms(certificate_path: Path) -> tuple[Alarm, ...]:
    """All alarms beside a certificate, those of earlier certificates there included.

    Raises:
        DataError: if the file is no list of alarms.
    """
    path = alarms_path(certificate_path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ()
    try:
        return _File.model_validate_json(data).alarms
    except ValidationError as error:
        raise DataError(
            f"{path} is no file of alarms ({error.error_count()} fields do not fit): restore it;"
            " until then the certificate counts as degraded"
        ) from error


def latch(certificate_path: Path, found: Iterable[Alarm]) -> tuple[Alarm, ...]:
    """Add alarms to the file; the first of a certificate and monitor stays as it is.

    Returns:
        All alarms that the file now holds.

    Raises:
        DataError: if the file is no list of alarms; it is left untouched.
    """
    kept = read_alarms(certificate_path)
    first = {(one.certificate, one.monitor): one for one in kept}
    for one in found:
        first.setdefault((one.certificate, one.monitor), one)
    together = tuple(first.values())
    if len(together) == len(kept):
        return kept
    body = {"schema": SCHEMA, "alarms": [one.model_dump(mode="json") for one in together]}
    text = json.dumps(body, indent=2, ensure_ascii=False) + "\n"
    write_atomically(alarms_path(certificate_path), text.encode())
    return together


def degraded(certificate_path: Path) -> str | None:
    """Why the certificate at this path is degraded, None if no monitor of it has alarmed.

    Alarms of another certificate that lay here before do not count. A file of alarms that
    cannot be read counts as an alarm.
    """
    try:
        alarms = read_alarms(certificate_path)
    except DataError as error:
        return str(error)
    if not alarms:
        return None
    own = _of(alarms, _id(certificate_path))
    return "; ".join(one.reason for one in own) or None


def next_stricter(certificate: Certificate) -> dict[str, float] | None:
    """The next certified point that is no looser in any threshold: what to serve when degraded.

    All certified points hold together, so this one needs no new test. None where there is none:
    serving then has to abstain.
    """
    chosen = certificate.values
    for point in reversed(certificate.certified_path):
        values = {name: one.value for name, one in point.thresholds.items()}
        no_looser = all(name in values and values[name] >= chosen[name] for name in chosen)
        if no_looser and values != chosen:
            return values
    return None


def _of(alarms: Sequence[Alarm], certificate: str | None) -> list[Alarm]:
    """Those of one certificate; all of them where its id cannot be read."""
    return [one for one in alarms if certificate in (None, one.certificate)]


def _id(certificate_path: Path) -> str | None:
    try:
        found = json.loads(certificate_path.read_bytes())
    except (OSError, ValueError):
        return None
    identity = found.get("id") if isinstance(found, dict) else None
    return identity if isinstance(identity, str) else None
