"""What the monitors remember between two runs: one file, bound to one certificate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assay.guards.risk.monitors.latch import Alarm
from assay.guards.risk.monitors.log import Position
from assay.pipeline.errors import DataError, UsageError
from assay.pipeline.files import write_atomically

SCHEMA: Literal["assay-monitor/1"] = "assay-monitor/1"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class ScoreState(_Part):
    """The martingale of one gate's score."""

    arrived: list[float] = Field(default_factory=list, description="scores, in order")
    low: list[float] = Field(default_factory=list, description="logarithms of each bet's wealth")
    high: list[float] = Field(default_factory=list)
    most: float = Field(0.0, description="logarithm of the largest wealth so far")


class AbstentionState(_Part):
    """The two tests of the share of abstentions."""

    asked: int = 0
    abstained: int = 0
    more: list[float] = Field(default_factory=list, description="wealth of each bet")
    fewer: list[float] = Field(default_factory=list)
    most_more: float = 1.0
    most_fewer: float = 1.0


class RiskState(_Part):
    """The detector of one risk."""

    sums: list[float] = Field(default_factory=list)
    most: float = 0.0
    n: int = 0
    total: float = 0.0


class Audited(_Part):
    """A counted question that people were to look at."""

    answered: bool
    text: str
    answer: str | None
    verdict: dict[str, Any] | None = Field(None, description="the label that was counted")


class Canary(_Part):
    """What a canary question gave the first time."""

    outcome: Literal["answered", "abstained", "failed"]
    scores: dict[str, float]


class State(_Part):
    """Everything; see ``watch.py`` for what it means."""

    schema_: Literal["assay-monitor/1"] = Field(SCHEMA, alias="schema")
    certificate: str
    rate: float = Field(ge=0.0, le=1.0)
    logs: dict[str, Position] = Field(default_factory=dict)
    questions: list[str] = Field(default_factory=list, description="ids that were counted")
    scores: dict[str, ScoreState] = Field(default_factory=dict)
    abstentions: AbstentionState = Field(default_factory=AbstentionState)
    risks: dict[str, RiskState] = Field(default_factory=dict)
    audited: dict[str, Audited] = Field(default_factory=dict)
    waiting: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="labels whose question was not seen yet, by id"
    )
    canaries: dict[str, Canary] = Field(default_factory=dict)
    canary_checks: int = 0
    alarms: list[Alarm] = Field(default_factory=list)


def state_path(certificate_path: Path) -> Path:
    """Where the state of a certificate is kept, where nothing else is said."""
    return certificate_path.with_name(f"{certificate_path.stem}.monitor.json")


def load_state(path: Path, certificate: str, rate: float | None, *, default_rate: float) -> State:
    """The state in a file, a new one where there is no file.

    Args:
        path: the file.
        certificate: id of the certificate that is to be watched.
        rate: share of audited questions, None for the file's own.
        default_rate: for a new state, where ``rate`` is None.

    Raises:
        DataError: if the file is no state.
        UsageError: if it is about another certificate or another rate.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        fresh = default_rate if rate is None else rate
        return State(certificate=certificate, rate=fresh, schema=SCHEMA)
    try:
        state = State.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(
            f"{path} is no state of 'assay monitor' ({'.'.join(map(str, first['loc']))}:"
            f" {first['msg']}): restore it, or move it away and read all records anew"
        ) from error
    if state.certificate != certificate:
        raise UsageError(
            f"{path} watches certificate {state.certificate}, this is {certificate}:"
            " name another file with --state, or move this one away"
        )
    if rate is not None and rate != state.rate:
        raise UsageError(
            f"{path} audits {state.rate:g} of the questions, asked for {rate:g}: the share stays"
            " what it was for one certificate"
        )
    return state


def write_state(state: State, path: Path) -> None:
    """Write the file whole."""
    text = json.dumps(
        state.model_dump(mode="json", by_alias=True), ensure_ascii=False, allow_nan=False
    )
    write_atomically(path, (text + "\n").encode("utf-8", "backslashreplace"))
