"""Which questions a pipeline was chosen on: a plain file of lines beside the pipeline file.

A figure over questions that helped to choose the pipeline is too good. So whoever chooses
(``assay tune``, ``assay calibrate run``) notes the questions here, and ``assay evaluate``
looks them up and marks its report. A question is known by a digest of its text and its
scope, so that it is found again in another file, under another id, or with mended labels.

One JSON object a line: ``purpose, date, command, dataset, dataset_digest, fold, questions``.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from assay.corpora.dataset import Dataset, LabelledQuery
from assay.evaluation.sampling import calibration_items
from assay.pipeline.canonical import digest
from assay.pipeline.errors import DataError

SUFFIX = ".uses.jsonl"
LENGTH = 16  # hex digits of a question's digest: two of a million meet once in 37 million files

Purpose = Literal["search", "calibration"]


@dataclass(frozen=True, slots=True)
class Use:
    """One occasion on which questions were used to choose.

    Args:
        purpose: what was chosen: settings by a search, thresholds by calibration.
        date: day, as ``2026-11-23``.
        command: what was called.
        dataset: name of the labelled set.
        dataset_digest: of all its questions.
        fold: part of the set that was used.
        questions: ``question_digest`` of each.
    """

    purpose: Purpose
    date: str
    command: str
    dataset: str
    dataset_digest: str
    fold: str
    questions: tuple[str, ...]


def question_digest(query: LabelledQuery) -> str:
    """What a question is known by: case and spaces of its text do not matter, its scope does."""
    text = " ".join(query.text.casefold().split())
    return digest([text, query.meta.get("scope"), query.meta.get("where")])[:LENGTH]


def use_of(
    dataset: Dataset,
    names: Collection[str],
    *,
    purpose: Purpose,
    date: str,
    command: str,
    fold: str,
) -> Use:
    """The use of some of a set's questions.

    Args:
        dataset: the whole set.
        names: ids of the questions that are used.
        purpose: see ``Use``, like the rest.
        date: see ``Use``.
        command: see ``Use``.
        fold: see ``Use``.
    """
    known = {query.id: question_digest(query) for query in dataset.queries}
    return Use(
        purpose,
        date,
        command,
        dataset.name,
        digest(sorted(known.values())),
        fold,
        tuple(sorted(known[name] for name in names)),
    )


def record_use(file: Path, use: Use) -> None:
    """Append a use, in one write; nothing is written if one like it stands there already.

    Raises:
        DataError: if the file holds something else.
        OSError: if it cannot be written.
    """
    same = (use.purpose, use.dataset_digest, use.fold)
    for one in read_uses(file):
        if (one.purpose, one.dataset_digest, one.fold) == same and (
            set(one.questions) >= set(use.questions)
        ):
            return
    file.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(asdict(use)) + "\n"
    mode = stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IROTH
    opened = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, mode)
    try:
        os.write(opened, line.encode())
        os.fsync(opened)
    finally:
        os.close(opened)


def read_uses(file: Path) -> tuple[Use, ...]:
    """The uses that a file holds; none if there is no file.

    Raises:
        DataError: for a line that is no use.
    """
    try:
        lines = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except FileNotFoundError:
        return ()
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not UTF-8 text ({error.reason}): mend or remove it") from error
    return tuple(_use(f"{file}:{place}", line) for place, line in enumerate(lines, 1) if line)


def _use(place: str, line: str) -> Use:
    try:
        found = json.loads(line)
        questions = found.pop("questions")
        use = Use(**found, questions=tuple(questions))
        texts = [value for key, value in asdict(use).items() if key != "questions"]
        if use.purpose not in get_args(Purpose) or not all(
            isinstance(one, str) for one in (*texts, *use.questions)
        ):
            raise ValueError("a value of another kind")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(
            f"{place} does not say which questions were used ({error}): mend the line, or remove"
            " it if the choice that it tells of was taken back"
        ) from error
    return use


def chosen_on(
    uses: Iterable[Use], whole: Dataset, asked: Sequence[LabelledQuery]
) -> tuple[str, ...]:
    """What a reader of figures must know about how their questions were used before.

    Args:
        uses: those of the pipeline.
        whole: the labelled set.
        asked: the questions of it that the figures are over.

    Returns:
        A sentence for each use that took some of the questions, then one on questions
        that share a cluster or a document with such; empty if the figures are fair.
    """
    known = {query.id: question_digest(query) for query in whole.queries}
    ids = {query.id for query in asked}
    sentences: dict[str, None] = {}
    touched: set[str] = set()
    for use in uses:
        taken = set(use.questions)
        used = {name for name, found in known.items() if found in taken}
        touched |= used
        if used & ids:
            sentences[
                f"{len(used & ids)} of the {len(ids)} questions were used to choose this pipeline"
                f" ({use.purpose} of {use.date}, fold '{use.fold}' of {use.dataset}:"
                f" {use.command})"
            ] = None
    near = _near(whole, touched) & ids
    if near:
        sentences[
            f"{len(near)} of the {len(ids)} questions share a cluster or a document with questions"
            " that were used to choose this pipeline"
        ] = None
    return tuple(sentences)


def _near(whole: Dataset, touched: set[str]) -> set[str]:
    """Questions that were not used and share a cluster or a document with one that was."""
    if not touched:
        return set()
    items = calibration_items(whole)
    clusters = {item.cluster for item in items if item.id in touched}
    documents = {name for item in items if item.id in touched for name in item.documents}
    return {
        item.id
        for item in items
        if item.id not in touched
        and (item.cluster in clusters or not documents.isdisjoint(item.documents))
    }
