"""The log of attempts: how often certify questions were looked at, and at what price."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assay.pipeline.canonical import canonical_json, digest
from assay.pipeline.errors import DataError

Status = Literal["CERTIFIED", "NOT_CERTIFIABLE"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One test on certify questions.

    Args:
        number: counted from 1 over all attempts that share a question.
        delta: what all attempts together may spend.
        delta_spent: what this one spent.
        status: the one bit that it told.
        certificate: id of what it issued.
        path_sha256: digest of the frozen path.
        pipeline: fingerprint of the pipeline.
        questions: digests of the question ids.
    """

    number: int
    delta: float
    delta_spent: float
    status: Status
    certificate: str
    path_sha256: str
    pipeline: str
    questions: tuple[str, ...]


def spending(delta: float, attempt: int) -> float:
    """Size of the t-th test, ``delta * 6 / (pi t)^2``; all of them sum to delta.

    Valid while earlier attempts failed and told nothing but that they failed.

    >>> [round(spending(0.1, t), 6) for t in (1, 2, 3, 4)]
    [0.060793, 0.015198, 0.006755, 0.0038]
    """
    return delta * 6 / (math.pi * attempt) ** 2


def question_digests(ids: Iterable[str]) -> tuple[str, ...]:
    """How the log names questions: short digests of ids, sorted."""
    return tuple(sorted(digest(one)[:16] for one in ids))


def read_attempts(path: Path) -> tuple[Attempt, ...]:
    """All attempts on record; none if there is no log.

    Raises:
        DataError: naming the line that is no attempt.
    """
    if not path.exists():
        return ()
    attempts = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            fields = json.loads(line)
            attempts.append(Attempt(**{**fields, "questions": tuple(fields["questions"])}))
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(
                f"{path}:{number}: this is no attempt ({error}); the log is append-only,"
                " restore it from a copy"
            ) from error
    return tuple(attempts)


def earlier(attempts: Sequence[Attempt], questions: Iterable[str]) -> tuple[Attempt, ...]:
    """The attempts that used any of these questions (given as digests).

    Overlap counts, not equality of folds: adding one question must not buy a
    fresh start.
    """
    wanted = set(questions)
    return tuple(one for one in attempts if wanted.intersection(one.questions))


def append_attempt(path: Path, attempt: Attempt) -> None:
    """Add one line to the log, in one write, and wait until it is on disk."""
    fields = {name: getattr(attempt, name) for name in Attempt.__slots__}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(canonical_json(fields) + b"\n")
        file.flush()
        os.fsync(file.fileno())
