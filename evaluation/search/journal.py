"""The list of all that was tried, on disk: one line a score, written when it is known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from assay.evaluation.folder import write_file
from assay.evaluation.records import json_lines
from assay.pipeline.errors import DataError, UsageError

TRIALS, SEARCH = "trials.jsonl", "search.json"


@dataclass(frozen=True, slots=True)
class Score:
    """A trial on one rung.

    Args:
        trial: its number; 0 is the unchanged pipeline.
        settings: how it differs from the unchanged pipeline.
        rung: counted from 0.
        questions: how many were asked.
        objective: the figure, None where it is not measurable or the trial is impossible.
        constraints: figure of each constraint, None where it is not measurable.
        violations: how far each constraint is missed, None for a figure that is unknown.
        failed: questions on which a node failed.
        seconds: what the trial took on this rung.
        fingerprint: of the pipeline, '' if it could not be built or started.
        problem: why the trial is impossible, '' if it ran.
    """

    trial: int
    settings: Mapping[str, Any]
    rung: int
    questions: int
    objective: float | None
    constraints: Mapping[str, float | None] = field(default_factory=dict)
    violations: tuple[float | None, ...] = ()
    failed: int = 0
    seconds: float = 0.0
    fingerprint: str = ""
    problem: str = ""

    @property
    def feasible(self) -> bool:
        """Whether it ran, has an objective, and keeps every constraint."""
        return (
            not self.problem
            and self.objective is not None
            and all(one == 0 for one in self.violations)
        )


class Journal:
    """Scores of a search in a folder; those of an earlier, stopped run are read first.

    Args:
        folder: of the search; made if it is missing.
        identity: what makes two searches the same: only then does one go on with the
            other's scores.

    Raises:
        UsageError: if the folder holds another search.
        DataError: if its files are damaged.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file, self._mark = folder / TRIALS, folder / SEARCH
        self._identity = identity
        self._scores: dict[tuple[int, int], Score] = {}
        if self._mark.exists():
            self._check(self._mark, identity)
            self._scores = _read(self._file)
        self.resumed = len(self._scores)
        """Scores that were there already."""
        if self._scores:
            write_file(self._file, json_lines(asdict(one) for one in self._scores.values()))

    def _check(self, mark: Path, identity: Mapping[str, Any]) -> None:
        try:
            before = json.loads(mark.read_text(encoding="utf-8"))
            differing = sorted(
                key
                for key in {*before, *identity}
                if before.get(key) != json.loads(json.dumps(identity.get(key)))
            )
        except (ValueError, AttributeError, TypeError) as error:
            raise DataError(f"{mark} is damaged ({error}): choose another folder") from error
        if differing:
            raise UsageError(
                f"{mark.parent} holds another search: it differs in {', '.join(differing)};"
                " choose another folder, or remove this one to begin anew"
            )

    def find(self, trial: int, rung: int) -> Score | None:
        """A score that is known already."""
        return self._scores.get((trial, rung))

    def add(self, score: Score) -> None:
        """Write a score down."""
        if not self._scores:  # only now does the folder hold a search
            text = json.dumps(self._identity, ensure_ascii=False, indent=1) + "\n"
            write_file(self._mark, text)
            write_file(self._file, "")
        self._scores[(score.trial, score.rung)] = score
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(json_lines([asdict(score)]))
            stream.flush()

    @property
    def scores(self) -> list[Score]:
        """All that is known, by trial and rung."""
        return [self._scores[key] for key in sorted(self._scores)]


def _read(file: Path) -> dict[tuple[int, int], Score]:
    """Scores of an earlier run; a last line that was cut off is taken away."""
    if not file.exists():
        return {}
    found: dict[tuple[int, int], Score] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n")[:-1], 1):
        try:
            score = Score(**json.loads(line))
            found[(score.trial, score.rung)] = Score(
                **{**asdict(score), "violations": tuple(score.violations)}
            )
        except (ValueError, TypeError) as error:
            raise DataError(
                f"{file}:{number} is no score ({error}): choose another folder"
            ) from error
    return found
