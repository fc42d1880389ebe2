"""Labelled sets: passages, questions, judgements and evidence spans from a folder."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.corpora.document import Document
from assay.pipeline.errors import DataError, UsageError
from assay.pipeline.words import Query, Scalar, Scope

DEFAULT_TENANT = "local"


@dataclass(frozen=True, slots=True)
class LabelledQuery:
    """A question with what is known about its answer.

    Args:
        id: unique in its set.
        text: the question.
        answers: any one of these is right; empty where it is unanswerable.
        answerable: whether the corpus holds the answer.
        meta: everything else, as written (stratum, cluster, scope, roles, ...).
    """

    id: str
    text: str
    answers: tuple[str, ...]
    answerable: bool
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvidenceSpan:
    """A stretch of a document that answers a question; ``text`` is that stretch."""

    document_id: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A labelled set.

    Args:
        name: the folder's name.
        documents: the passages, each a document that is not cut.
        queries: the questions, in file order.
        qrels: query id to document id to grade; 0 is judged not relevant.
        spans: query id to its evidence spans; empty where the set has none.
        skipped: passage id to the reason why it is not among the documents.
        info: what info.json says about the set; empty where there is none.
    """

    name: str
    documents: tuple[Document, ...]
    queries: tuple[LabelledQuery, ...]
    qrels: Mapping[str, Mapping[str, int]]
    spans: Mapping[str, tuple[EvidenceSpan, ...]]
    skipped: Mapping[str, str] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)


def to_query(labelled: LabelledQuery, tenant: str = DEFAULT_TENANT) -> Query:
    """The question as a pipeline takes it.

    ``meta.scope`` becomes a filter, ``meta.where`` a further one in the filter language, and
    ``meta.roles`` the asker's roles.
    """
    scope = labelled.meta.get("scope")
    return Query(
        text=labelled.text,
        scope=Scope(tenant, tuple(labelled.meta.get("roles", ()))),
        id=labelled.id,
        filters={} if scope is None else {scope["field"]: scope["value"]},
        where=str(labelled.meta.get("where", "")),
    )


def load(folder: Path, *, tenant: str = DEFAULT_TENANT) -> Dataset:
    """Read a labelled set.

    Args:
        folder: holds corpus.jsonl, queries.jsonl, qrels.tsv and perhaps spans.jsonl.
        tenant: whose documents these are. A passage with ``meta.visible_to`` (a
            role) can be read only by a question that holds this role.

    Raises:
        UsageError: if the folder or one of its files is missing, or a file is given.
        DataError: if a line breaks the format; the message names file and line.
    """
    if folder.is_file():
        raise UsageError(
            f"'{folder}' is a file, and a labelled set is a folder with corpus.jsonl, queries.jsonl"
            " and qrels.tsv. A table of questions is asked over what a pipeline has indexed"
            f" ('assay evaluate PIPELINE --data {folder.name} --out DIR'), or becomes such a"
            " folder ('assay benchmark build PIPELINE --questions FILE --out DIR')"
        )
    documents, skipped = _documents(folder / "corpus.jsonl", tenant)
    known = {document.id for document in documents} | set(skipped)
    queries = _queries(folder / "queries.jsonl")
    query_ids = {query.id for query in queries}
    spans_file = folder / "spans.jsonl"
    return Dataset(
        name=folder.resolve().name,
        documents=documents,
        queries=queries,
        qrels=_qrels(folder / "qrels.tsv", query_ids, known),
        spans=_spans(spans_file, query_ids, documents) if spans_file.exists() else {},
        skipped=skipped,
        info=_info(folder / "info.json"),
    )


def load_queries(path: Path) -> tuple[LabelledQuery, ...]:
    """Read a file of questions, one JSON object a line with ``id`` and ``text``.

    Raises:
        UsageError: if the file is missing.
        DataError: if a line breaks the format; the message names file and line.
    """
    return _queries(path)


def _info(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from error
    if not isinstance(info, dict):
        raise DataError(f"{path} must hold one JSON object, found a {type(info).__name__}")
    return info


def _documents(path: Path, tenant: str) -> tuple[tuple[Document, ...], dict[str, str]]:
    documents: dict[str, Document] = {}
    skipped: dict[str, str] = {}
    for place, record in _records(path):
        passage_id = _get(place, record, "id", str)
        text = _get(place, record, "text", str)
        meta = _get(place, record, "meta", dict, default={})
        if not passage_id:
            raise DataError(f"{place}: 'id' is empty")
        if passage_id in documents or passage_id in skipped:
            raise DataError(f"{place}: passage id '{passage_id}' occurs twice")
        if not text.strip():
            skipped[passage_id] = "empty"
            continue
        role = _get(place, meta, "visible_to", str, default="")
        documents[passage_id] = Document(
            id=passage_id,
            text=text,
            scope=Scope(tenant, (role,) if role else ()),
            title=_get(place, record, "title", str, default=""),
            metadata={key: value for key, value in meta.items() if _is_scalar(value)},
            whole=True,
        )
    if not documents:
        raise DataError(f"{path}: holds no passages")
    return tuple(documents.values()), skipped


def _queries(path: Path) -> tuple[LabelledQuery, ...]:
    queries: dict[str, LabelledQuery] = {}
    for place, record in _records(path):
        query_id = _get(place, record, "id", str)
        answers = _get(place, record, "answers", list, default=[])
        meta = _get(place, record, "meta", dict, default={})
        if query_id in queries:
            raise DataError(f"{place}: query id '{query_id}' occurs twice")
        if not all(isinstance(answer, str) for answer in answers):
            raise DataError(f"{place}: 'answers' must be a list of texts, found {answers!r}")
        scope = meta.get("scope")
        if scope is not None and not _is_filter(scope):
            raise DataError(
                f'{place}: \'meta.scope\' must be {{"field": ..., "value": ...}}, found {scope!r}'
            )
        roles = meta.get("roles", [])
        if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
            raise DataError(f"{place}: 'meta.roles' must be a list of texts, found {roles!r}")
        queries[query_id] = LabelledQuery(
            id=query_id,
            text=_get(place, record, "text", str),
            answers=tuple(answers),
            answerable=_get(place, record, "answerable", bool, default=True),
            meta=meta,
        )
    return tuple(queries.values())


def _qrels(path: Path, queries: set[str], documents: set[str]) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = {}
    for place, line in _lines(path):
        parts = line.split("\t")
        if len(parts) != 3:
            raise DataError(f"{place}: expected 3 fields with tabs between, found {len(parts)}")
        query_id, document_id, grade = parts
        if query_id not in queries:
            raise DataError(f"{place}: unknown query id '{query_id}'")
        if document_id not in documents:
            raise DataError(f"{place}: unknown passage id '{document_id}'")
        try:
            qrels.setdefault(query_id, {})[document_id] = int(grade)
        except ValueError as error:
            raise DataError(
                f"{place}: the grade must be a whole number, found '{grade}'"
            ) from error
    return qrels


def _spans(
    path: Path, queries: set[str], documents: Sequence[Document]
) -> dict[str, tuple[EvidenceSpan, ...]]:
    texts = {document.id: document.text for document in documents}
    spans: dict[str, tuple[EvidenceSpan, ...]] = {}
    for place, record in _records(path):
        query_id = _get(place, record, "qid", str)
        if query_id not in queries:
            raise DataError(f"{place}: unknown query id '{query_id}'")
        span = EvidenceSpan(
            document_id=_get(place, record, "docid", str),
            start=_get(place, record, "start", int),
            end=_get(place, record, "end", int),
            text=_get(place, record, "text", str),
        )
        if not 0 <= span.start < span.end:
            raise DataError(f"{place}: expected 0 <= start < end, found {span.start}, {span.end}")
        text = texts.get(span.document_id)
        if text is not None and text[span.start : span.end] != span.text:
            raise DataError(
                f"{place}: 'text' is not what stands at {span.start} to {span.end} of passage "
                f"'{span.document_id}'"
            )
        spans[query_id] = (*spans.get(query_id, ()), span)
    return spans


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Each line that is not blank, with its place as ``file:line``."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield f"{path}:{number}", line.rstrip("\r\n")
    except FileNotFoundError as error:
        raise UsageError(
            f"'{path}' is missing: a data set is a folder with corpus.jsonl, queries.jsonl "
            "and qrels.tsv"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text ({error.reason})") from error


def _records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, line in _lines(path):
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{place}: not JSON: {error.msg} at column {error.colno}") from error
        if not isinstance(record, dict):
            raise DataError(f"{place}: expected a JSON object, found {type(record).__name__}")
        yield place, record


def _get(place: str, record: Mapping[str, Any], key: str, kind: type, default: Any = None) -> Any:
    value = record.get(key, default)
    if value is None and key not in record:
        raise DataError(f"{place}: missing key '{key}'")
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        found = type(value).__name__
        raise DataError(f"{place}: '{key}' must be {kind.__name__}, found {found} {value!r}")
    return value


def _is_filter(scope: object) -> bool:
    return (
        isinstance(scope, dict)
        and set(scope) == {"field", "value"}
        and isinstance(scope["field"], str)
        and _is_scalar(scope["value"])
    )


def _is_scalar(value: object) -> bool:
    return isinstance(value, Scalar) and not (isinstance(value, float) and not math.isfinite(value))
