"""Questions with labels as a person writes them down: a table, one question a row.

Columns, of which only the first is needed; case, spaces, ``_`` and ``-`` do not matter:

=============  =====================================================================
``question``   the question (also: query, text)
``answer``     accepted answers, ``|`` between them and ``\\|`` for a bar in an answer;
               empty where the documents do not tell
``answerable`` yes or no; where it is empty, a question is answerable if it has an
               answer, a quote or a document
``document``   file name or document id that holds the answer, several by ``|``
``page``       page or slide in it, ``3`` or ``3-5``
``section``    heading in it
``evidence``   a quote from it, word for word, several by ``||`` (also: quote)
``cluster``    questions that share fate share this
``fold``       tune, certify or report
``id``         unique; made from the question's text where it is empty
=============  =====================================================================

``roles`` (by ``|``), ``where``, ``stratum`` and ``group`` are taken as in ``queries.jsonl``.
Every other column becomes part of the question's ``meta`` under its name. JSON lines have the
same keys and may hold lists.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.corpora.labelled_rows import LabelledRow, read_table
from assay.pipeline.errors import DataError
from assay.pipeline.text import fold

NAMES: Mapping[str, tuple[str, ...]] = {
    "question": ("question", "query", "text", "questions"),
    "answer": ("answer", "answers", "expected answer", "gold answer", "reference answer",
               "ground truth"),
    "answerable": ("answerable", "is answerable", "has answer"),
    "document": ("document", "documents", "doc", "file", "filename", "file name", "document id",
                 "source"),
    "page": ("page", "pages", "page number", "slide"),
    "section": ("section", "heading", "chapter"),
    "evidence": ("evidence", "quote", "quotes", "quotation", "excerpt"),
    "cluster": ("cluster",),
    "fold": ("fold",),
    "id": ("id", "qid", "question id", "query id"),
    "roles": ("roles", "role"),
    "where": ("where",),
    "stratum": ("stratum",),
    "group": ("group",),
    "meta": ("meta",),
}  # fmt: skip
"""Field to the names of its column, the best first."""

RESERVED = ("scope", "gold_passages", "attacked", "attack", "poison", "unlocated", "judged")
"""Labels that have a meaning of their own in a labelled set and cannot come from a column."""

LISTS = ("key_points", "wrong_answers", "entities")
"""Further labels that hold several texts, by ``|``."""

FOLDS = ("tune", "certify", "report")
STRATA = ("answerable", "unanswerable", "poisoned")
_YES = ("yes", "y", "true", "1", "ja", "oui", "si", "sí")
_NO = ("no", "n", "false", "0", "nein", "non")
_BAR = re.compile(r"(?<!\\)\|")
_NOT_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class RawQuestion:
    """A question as a person wrote it, its evidence not yet looked for.

    Args:
        id: unique in its file.
        text: the question.
        answers: any one of these is right.
        answerable: whether the documents tell.
        documents: names or ids, as written.
        page: '' where none is named.
        section: '' where none is named.
        evidence: quotes, together the evidence.
        meta: everything else.
        place: file and row, for messages.
    """

    id: str
    text: str
    answers: tuple[str, ...] = ()
    answerable: bool = True
    documents: tuple[str, ...] = ()
    page: str = ""
    section: str = ""
    evidence: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""


@dataclass(frozen=True, slots=True)
class QuestionsFile:
    """What a file of questions holds.

    Args:
        questions: in the order of the file.
        notices: what its reader must know, a sentence each.
    """

    questions: tuple[RawQuestion, ...]
    notices: tuple[str, ...] = ()


def load_questions(path: Path) -> QuestionsFile:
    """Read a table of questions; see the module.

    Args:
        path: a ``.csv``, ``.tsv``, ``.xlsx`` or ``.jsonl`` file.

    Raises:
        UsageError: if the file is missing or of another kind.
        DataError: if it has no column for the question, or a row breaks the format; the message
            names file and row.
    """
    table = read_table(path, lambda cells: "question" in _known(cells))
    known = _known(table.columns)
    if "question" not in known:
        raise DataError(
            f"{path}: no column 'question': found {', '.join(map(repr, table.columns)) or 'none'};"
            " name the column with the questions 'question'"
        )
    others = [name for name in table.columns if name and name not in known.values()]
    notices = [*table.notices, *_about_columns(path, others, known)]
    questions: dict[str, RawQuestion] = {}
    empty = []
    for row in table.rows:
        if known["question"] not in row.cells:
            empty.append(row.place)
            continue
        one = _question(row, known, others)
        before = questions.get(one.id)
        if before is not None:
            what = "the same question" if before.text == one.text else f"the id '{one.id}'"
            raise DataError(
                f"{one.place}: has {what} as {before.place}: remove one row, or give each an 'id'"
            )
        questions[one.id] = one
    if not questions:
        raise DataError(f"{path}: holds no question below its column names")
    if empty:
        notices.append(f"{len(empty)} rows without a question are left out, such as {empty[0]}")
    return QuestionsFile(tuple(questions.values()), tuple(notices))


def split_bars(text: str) -> tuple[str, ...]:
    r"""Parts of a cell; ``\|`` is a bar of the text itself.

    >>> split_bars("six | 6 pm|a \\| b")
    ('six', '6 pm', 'a | b')
    """
    parts = [fold(part.replace("\\|", "|")) for part in _BAR.split(text)]
    return tuple(dict.fromkeys(part for part in parts if part))


def question_id(text: str) -> str:
    """An id that a question keeps wherever its row stands."""
    return "q-" + hashlib.sha256(fold(text).encode("utf-8", "surrogatepass")).hexdigest()[:10]


def _known(columns: Sequence[str]) -> dict[str, str]:
    """Field to the column that holds it, as written."""
    by_name: dict[str, str] = {}
    for column in columns:
        by_name.setdefault(_plain(column), column)
    found = {}
    for name, spellings in NAMES.items():
        named = [by_name[one] for one in spellings if one in by_name]
        if named:
            found[name] = named[0]
    return found


def _plain(column: str) -> str:
    folded = unicodedata.normalize("NFKC", str(column)).casefold()
    return " ".join(_NOT_LETTERS.sub(" ", folded).split())


def _about_columns(path: Path, others: Sequence[str], known: Mapping[str, str]) -> list[str]:
    taken = [name for name in others if _label(name) not in RESERVED]
    refused = [name for name in others if _label(name) in RESERVED]
    said = []
    if taken:
        said.append(f"{path}: columns kept as labels of the questions: {', '.join(taken)}")
    if refused:
        said.append(
            f"{path}: columns left out, since these labels mean something else in a set:"
            f" {', '.join(refused)}"
        )
    if not known.keys() & {"answer", "answerable"}:
        said.append(
            f"{path}: no column 'answer' and none 'answerable': every question counts as"
            " answerable, and no answer can be called right or wrong"
        )
    return said


def _label(column: str) -> str:
    return _plain(column).replace(" ", "_")


def _question(row: LabelledRow, known: Mapping[str, str], others: Sequence[str]) -> RawQuestion:
    def cell(name: str) -> Any:
        return row.cells.get(known.get(name, ""), "")

    place = row.place
    text = fold(_text(place, "question", cell("question")))
    answers = _several(place, "answer", cell("answer"))
    documents = _several(place, "document", cell("document"))
    evidence = _quotes(place, cell("evidence"))
    answerable = _answerable(place, cell("answerable"))
    if answerable is None:
        answerable = bool(answers or documents or evidence) or "answer" not in known
    if not answerable and answers:
        raise DataError(
            f"{place}: the question is not answerable and has the answer '{answers[0]}':"
            " empty one of the two cells"
        )
    return RawQuestion(
        id=_text(place, "id", cell("id")) or question_id(text),
        text=text,
        answers=answers,
        answerable=answerable,
        documents=documents,
        page=_text(place, "page", cell("page")),
        section=fold(_text(place, "section", cell("section"))),
        evidence=evidence,
        meta=_meta(row, cell, others),
        place=place,
    )


def _meta(row: LabelledRow, cell: Any, others: Sequence[str]) -> dict[str, Any]:
    place = row.place
    given = cell("meta") or {}
    if not isinstance(given, dict):
        raise DataError(f"{place}: 'meta' must be a JSON object, found {given!r:.80}")
    meta: dict[str, Any] = dict(given)
    for column in others:
        label = _label(column)
        if column not in row.cells or label in RESERVED:
            continue
        value = row.cells[column]
        is_list = label in LISTS and isinstance(value, str)
        meta[label or column] = list(split_bars(value)) if is_list else value
    for name in ("cluster", "where", "group"):
        if said := _text(place, name, cell(name)):
            meta[name] = said
    if roles := _several(place, "roles", cell("roles")):
        meta["roles"] = list(roles)
    for name, allowed in (("fold", FOLDS), ("stratum", STRATA)):
        said = _text(place, name, cell(name)).casefold()
        if said and said not in allowed:
            raise DataError(
                f"{place}: '{name}' must be one of {', '.join(allowed)}, found '{said}'"
            )
        if said:
            meta[name] = said
    return meta


def _text(place: str, name: str, value: Any) -> str:
    """One text; a number of a JSON file is taken as it is written."""
    if isinstance(value, float) and not math.isfinite(value):
        raise DataError(f"{place}: '{name}' must be a text or a finite number, found {value}")
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise DataError(f"{place}: '{name}' must be a text, found {type(value).__name__} {value!r:.80}")


def _several(place: str, name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        texts = [fold(_text(place, name, one)) for one in value]
        return tuple(dict.fromkeys(one for one in texts if one))
    return split_bars(_text(place, name, value))


def _quotes(place: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        quotes = [
            one.get("quote", one.get("text", "")) if isinstance(one, dict) else one for one in value
        ]
        return tuple(said for one in quotes if (said := fold(_text(place, "evidence", one))))
    text = _text(place, "evidence", value)
    return tuple(said for one in text.split("||") if (said := fold(one)))


def _answerable(place: str, value: Any) -> bool | None:
    """None where the cell is empty."""
    if isinstance(value, bool):
        return value
    said = _text(place, "answerable", value).casefold()
    if not said:
        return None
    if said not in (*_YES, *_NO):
        raise DataError(f"{place}: 'answerable' must be yes or no, found '{said}'")
    return said in _YES
