"""Human review in a plain file: ``review.csv``, one question a row.

In ``keep`` a person writes ``y`` (take it as it is), ``n`` (leave it out) or ``edit`` (take it as
question, answer and evidence stand in the row now). Nothing in another column is read. A file that
is written again keeps what a person wrote.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from assay.corpora.labelled_questions import split_bars
from assay.corpora.labelled_rows import read_table
from assay.evaluation.building.candidate import Candidate
from assay.evaluation.folder import write_file
from assay.pipeline.errors import DataError, UsageError
from assay.pipeline.text import fold

FILE = "review.csv"
COLUMNS = (
    "id", "keep", "question", "answer", "evidence", "answerable", "kind", "source", "found by",
    "flags", "note",
)  # fmt: skip

Verdict = Literal["y", "n", "edit", ""]

_VERDICTS: Mapping[str, Verdict] = {
    "y": "y", "yes": "y", "n": "n", "no": "n", "edit": "edit", "e": "edit", "": "",
}  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With one of these a cell begins that a spreadsheet would compute."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person wrote in a row.

    Args:
        verdict: '' where nothing was decided.
        question: as it stands in the row.
        answers: as they stand in the row.
        evidence: as it stands in the row.
        note: for others who read the file.
        place: file and row.
    """

    verdict: Verdict
    question: str
    answers: tuple[str, ...]
    evidence: str
    note: str
    place: str


def write_review(folder: Path, candidates: Sequence[Candidate]) -> Path:
    """Write the file; rows that a person has filled stay as they are.

    Raises:
        DataError: if the file that is there cannot be read.
    """
    path = folder / FILE
    before = read_review(folder) if path.exists() else {}
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(COLUMNS)
    for one in candidates:
        said = before.get(one.id)
        filled = said is not None and bool(said.verdict or said.note)
        question, answers, evidence = (
            (said.question, said.answers, said.evidence)
            if said is not None and filled
            else (one.text, one.answers, one.evidence)
        )
        rows.writerow(
            map(
                _safe,
                (
                    one.id,
                    said.verdict if said is not None else "",
                    question,
                    _joined(answers),
                    evidence,
                    "yes" if one.answerable else "no",
                    one.kind,
                    one.source,
                    _found(one.found),
                    "; ".join(one.flags),
                    said.note if said is not None else "",
                ),
            )
        )
    # A byte order mark tells spreadsheets that this is UTF-8.
    write_file(path, "\ufeff" + out.getvalue())
    return path


def read_review(folder: Path) -> dict[str, Decision]:
    """What a person wrote, by question id.

    Raises:
        UsageError: if there is no such file.
        DataError: if a row cannot be understood; the message names it.
    """
    path = folder / FILE
    if not path.exists():
        raise UsageError(
            f"'{path}' is missing: 'assay benchmark build PIPELINE --out {folder}' writes it"
        )
    table = read_table(path, lambda cells: {"id", "keep"} <= {one.strip().lower() for one in cells})
    known = {name.strip().lower(): name for name in table.columns}
    for name in ("id", "keep", "question", "answer", "evidence"):
        if name not in known:
            raise DataError(f"{path}: the column '{name}' is missing; put it back")
    found: dict[str, Decision] = {}
    for row in table.rows:
        cells = {name: _plain(str(row.cells.get(known[name], ""))) for name in known}
        said = cells["keep"].strip().casefold()
        if said not in _VERDICTS:
            raise DataError(f"{row.place}: 'keep' must be y, n or edit, or empty, found '{said}'")
        if not cells["id"] or cells["id"] in found:
            raise DataError(f"{row.place}: the id '{cells['id']}' is empty or occurs twice")
        found[cells["id"]] = Decision(
            _VERDICTS[said],
            fold(cells["question"]),
            split_bars(cells["answer"]),
            cells["evidence"].strip(),
            cells.get("note", ""),
            row.place,
        )
    return found


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Questions after review.

    Args:
        kept: those that go into the set, ``meta.reviewed`` says whether a person decided.
        counts: decision to number of questions.
    """

    kept: tuple[Candidate, ...]
    counts: Mapping[str, int]


def apply_review(
    candidates: Sequence[Candidate],
    decisions: Mapping[str, Decision],
    *,
    accept_unreviewed: bool,
    where: str = FILE,
) -> Reviewed:
    """Take every decision.

    Args:
        candidates: of the build.
        decisions: by question id.
        accept_unreviewed: take questions without a decision, too.
        where: the file, for messages.

    Raises:
        UsageError: if decisions are missing and ``accept_unreviewed`` is not set.
        DataError: if a row is about a question that the build does not know, or an edited row
            lacks what it needs.
    """
    known = {one.id for one in candidates}
    strange = [one.place for name, one in decisions.items() if name not in known]
    if strange:
        raise DataError(
            f"{strange[0]}: is about a question that this build does not know: take the row out, or"
            " add the question by 'assay benchmark build --questions'"
        )
    open_ = [one.id for one in candidates if not _verdict(decisions, one)]
    if open_ and not accept_unreviewed:
        shown = ", ".join(open_[:5]) + (", ..." if len(open_) > 5 else "")
        raise UsageError(
            f"{len(open_)} of {len(candidates)} questions have no decision in the column 'keep' of"
            f" {where} ({shown}): write y, n or edit there, or take them as they are with"
            " --accept-unreviewed"
        )
    counts: Counter[str] = Counter()
    kept: list[Candidate] = []
    for one in candidates:
        verdict = _verdict(decisions, one)
        counts[{"y": "taken", "n": "left out", "edit": "edited", "": "not reviewed"}[verdict]] += 1
        if verdict == "n":
            continue
        changed = _edited(one, decisions[one.id]) if verdict == "edit" else one
        kept.append(replace(changed, meta={**changed.meta, "reviewed": bool(verdict)}))
    return Reviewed(tuple(kept), dict(counts))


def unread_changes(
    candidates: Sequence[Candidate], decisions: Mapping[str, Decision]
) -> tuple[str, ...]:
    """Ids of rows whose text was changed though ``keep`` does not say ``edit``."""
    return tuple(
        one.id
        for one in candidates
        if (said := decisions.get(one.id)) is not None
        and said.verdict in ("y", "")
        and (said.question, said.answers, fold(said.evidence))
        != (fold(one.text), split_bars(_joined(one.answers)), fold(one.evidence))
    )


def _verdict(decisions: Mapping[str, Decision], one: Candidate) -> Verdict:
    said = decisions.get(one.id)
    return "" if said is None else said.verdict


def _edited(one: Candidate, said: Decision) -> Candidate:
    if not said.question:
        raise DataError(f"{said.place}: the edited question is empty: write it, or keep 'n'")
    if said.evidence and not said.answers and one.answers:
        raise DataError(
            f"{said.place}: has evidence and no answer: write the answer, or empty the evidence if"
            " the question cannot be answered"
        )
    new = replace(
        one,
        text=said.question,
        answers=said.answers,
        answerable=bool(said.answers or said.evidence),
        evidence=said.evidence,
        meta={**one.meta, "edited": True},
    )
    if new.answerable:
        same = said.answers == one.answers and fold(said.evidence) == fold(one.evidence)
        # What the judge said was about the old answer: an edited one is judged by its evidence.
        return new if same else replace(new, nuggets=(), grades={})
    meta = {key: value for key, value in new.meta.items() if key != "gold_passages"}
    return replace(new, source="", nuggets=(), grades={}, meta=meta)


def _joined(answers: Sequence[str]) -> str:
    return " | ".join(one.replace("|", "\\|") for one in answers)


def _found(found: Mapping[str, int | None]) -> str:
    return ", ".join(f"{name} {place}" for name, place in found.items() if place)


def _safe(cell: str) -> str:
    """A cell that a spreadsheet takes for text; ``_plain`` is the way back."""
    return f"'{cell}" if cell.startswith((*_FORMULA, "'")) else cell


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith((*_FORMULA, "'")) else cell
