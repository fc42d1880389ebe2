"""Collections of retrieval research: BEIR, TREC, and the house's labelled sets.

A passage of these is a unit that judgements point at, so it stays whole and its text is not
changed by a character. ``source.path`` is a folder with ``corpus.jsonl`` or ``.trec`` files, or
one such file.

- ``corpus.jsonl``: ``_id`` (BEIR) or ``id`` (house), ``text``, and perhaps ``title`` and
  ``metadata`` (BEIR) or ``meta`` (house), whose flat values become labels. The label
  ``visible_to`` of a house set names the role that may read the passage: whoever indexes it must
  make a scope of it.
- ``.trec``: ``<DOC>`` with ``<DOCNO>``. Text is what stands in ``<TEXT>`` and in every element
  that is longer than a label; ``<TITLE>``, ``<HEADLINE>``, ``<HEAD>``, ``<HL>``, ``<TI>`` give
  the title, other short elements become labels (and the text too where there is no other).

The file is read piece by piece; memory holds one passage and the ids.
"""

from __future__ import annotations

import html
import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from assay.corpora.filters import iso_day
from assay.corpora.loaders.decoding import decode
from assay.corpora.loaders.field_map import (
    Names,
    Problems,
    Written,
    held_back,
    label,
    paragraphs,
    written,
)
from assay.corpora.loaders.loaded import Loaded, Source, Unreadable
from assay.corpora.loaders.reading import read
from assay.pipeline.words import Scalar

CORPUS = "corpus.jsonl"
LINE_BYTES = 16 * 1024 * 1024
"""Longest line of a corpus.jsonl."""

LABEL_CHARACTERS = 200
"""Longest element of a TREC document that is a label and not text."""

_TITLES = ("title", "headline", "head", "hl", "ti")
_TAG = re.compile(r"<(/?)([A-Za-z][\w.-]{0,40})(?:\s[^<>]{0,500})?>")
_OPEN_DOC = re.compile(r"<DOC>", re.IGNORECASE)
_CLOSE_DOC = re.compile(r"</DOC>", re.IGNORECASE)


def load(source: Source) -> Iterator[Loaded]:
    """The passages of a collection.

    Raises:
        Unreadable: if nothing of it can be read.
        OSError: if a file cannot be opened.
    """
    names, problems = Names(), Problems()
    count = 0
    for one in held_back(_passages(source, names, problems), problems):
        count += 1
        yield one
    if not count:
        why = "; ".join(problems.take()[:3]) or "it is empty"
        raise Unreadable(f"{source.id}: expected passages, found none that can be read: {why}")


def _passages(source: Source, names: Names, problems: Problems) -> Iterator[Loaded]:
    for part in _files(source):
        if part.path.suffix.lower() == ".jsonl":
            yield from _json_lines(part, names, problems)
        else:
            yield from _trec(part, names, problems)


def _files(source: Source) -> list[Source]:
    if not source.path.is_dir():
        return [source]
    if (source.path / CORPUS).exists():
        found = [source.path / CORPUS]
    else:
        found = sorted(one for one in source.path.iterdir() if one.suffix.lower() == ".trec")
    if not found:
        raise Unreadable(
            f"{source.id}: expected {CORPUS} or files ending in .trec in this folder, found none;"
            " give a BEIR, TREC or labelled set's folder, or the file itself"
        )
    return [replace(source, path=one, id=f"{source.id}/{one.name}".lstrip("/")) for one in found]


def _json_lines(source: Source, names: Names, problems: Problems) -> Iterator[Loaded]:
    for number, line in _lines(source, problems):
        where = f"{source.id}, line {number}"
        try:
            record = json.loads(line, parse_int=Written, parse_float=Written)
        except json.JSONDecodeError as error:
            problems.add(f"{where}: {error.msg} at character {error.pos + 1}")
            continue
        except RecursionError:
            problems.add(f"{where}: nested too deeply")
            continue
        one = _passage(record, where, number, source, names, problems)
        if one is not None:
            yield one


def _lines(source: Source, problems: Problems) -> Iterator[tuple[int, str]]:
    """The lines that are UTF-8, without the whole file in memory."""
    _check(source)
    left = source.limits.file_bytes
    with source.path.open("rb") as file:
        number = 0
        while raw := file.readline(min(LINE_BYTES, left) + 1):
            number += 1
            left -= len(raw)
            if left < 0:
                problems.add(
                    f"{source.id}: grew beyond {source.limits.file_bytes} bytes while it was read;"
                    f" not read from line {number} on"
                )
                return
            if len(raw) > LINE_BYTES and not raw.endswith(b"\n"):
                problems.add(
                    f"{source.id}, line {number}: longer than {LINE_BYTES} bytes; not read"
                )
                while (more := file.readline(LINE_BYTES)) and not more.endswith(b"\n"):
                    left -= len(more)
                continue
            if number == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            try:
                line = raw.decode().strip()
            except UnicodeDecodeError as error:
                problems.add(
                    f"{source.id}, line {number}: byte {error.start + 1} is not UTF-8; not read"
                )
                continue
            if line:
                yield number, line


def _check(source: Source) -> None:
    found = os.stat(source.path)
    if not stat.S_ISREG(found.st_mode):
        raise Unreadable(f"{source.id}: expected a regular file")
    if found.st_size > source.limits.file_bytes:
        raise Unreadable(
            f"{source.id}: the file has {found.st_size} bytes, the limit is"
            f" {source.limits.file_bytes}; raise the limit 'file_bytes'"
        )


def _passage(
    record: object, where: str, number: int, source: Source, names: Names, problems: Problems
) -> Loaded | None:
    if not isinstance(record, dict):
        problems.add(f"{where}: expected an object, found {record!s:.40}")
        return None
    key = "_id" if "_id" in record else "id"
    name = record.get(key)
    text = record.get("text")
    if not isinstance(name, str | int) or isinstance(name, bool) or not str(name):
        problems.add(f"{where}: expected '_id' or 'id' with a text, found {name!s:.40}")
        return None
    if not isinstance(text, str) or isinstance(text, Written) or not text.strip():
        problems.add(f"{where}: expected 'text' with words, found {str(text)!r:.40}; left out")
        return None
    if len(text) > source.limits.characters:
        problems.add(
            f"{where}: {len(text)} characters, the limit is {source.limits.characters}; left out"
        )
        return None
    labels: dict[str, Scalar] = {}
    meta = record.get("meta", record.get("metadata"))
    role = meta.get("visible_to") if isinstance(meta, dict) else None
    if role is not None and (not isinstance(role, str) or isinstance(role, Written) or not role):
        problems.add(
            f"{where}: 'visible_to' is not the name of a role; left out, since it would be unclear"
            " who may read it"
        )
        return None
    for field, value in meta.items() if isinstance(meta, dict) else ():
        flat = label(value)
        if flat is not None:
            labels[field] = flat
        elif value not in (None, [], {}):
            problems.add(f"{where}: label '{field:.60}' is nested and left out")
    for field in record:
        if field not in (key, "text", "title", "meta", "metadata"):
            problems.add(f"{where}: field '{field:.60}' is not of the format and left out")
    return _made(
        names.unique(str(name), where, problems),
        written(text) or "",
        written(record.get("title")) or "",
        labels,
        {"line": number},
        problems,
    )


def _made(
    name: str,
    text: str,
    title: str,
    labels: dict[str, Scalar],
    place: dict[str, Scalar],
    problems: Problems,
) -> Loaded:
    said = labels.get("date")
    return Loaded(
        text=text,
        blocks=tuple(paragraphs(text, place)),
        title=" ".join(title.split()),
        id=name,
        date=iso_day(said) if isinstance(said, str) else None,
        metadata=labels,
        problems=problems.take(),
        whole=True,
    )


def _trec(source: Source, names: Names, problems: Problems) -> Iterator[Loaded]:
    text, said = decode(read(source), source.id)
    for sentence in said:
        problems.add(sentence)
    line, counted, behind = 1, 0, 0
    opened = _OPEN_DOC.search(text)
    while opened:
        line += text.count("\n", counted, opened.start())
        counted = opened.start()
        where = f"{source.id}, line {line}"
        if text[behind : opened.start()].strip():
            problems.add(f"{where}: text before <DOC> belongs to no document and is left out")
        following = _OPEN_DOC.search(text, opened.end())
        limit = following.start() if following else len(text)
        closed = _CLOSE_DOC.search(text, opened.end(), limit)
        if closed is None:
            problems.add(f"{where}: expected </DOC> before the next <DOC>, found none")
        end = closed.start() if closed else limit
        behind = closed.end() if closed else limit
        one = _trec_document(text[opened.end() : end], where, line, source, names, problems)
        if one is not None:
            yield one
        opened = following
    if text[behind:].strip():
        problems.add(f"{source.id}: text behind the last </DOC> is left out")


def _trec_document(
    body: str, where: str, line: int, source: Source, names: Names, problems: Problems
) -> Loaded | None:
    name, title = "", ""
    pieces: list[str] = []
    labels: dict[str, Scalar] = {}
    for tag, raw in _elements(body):
        said = html.unescape(_TAG.sub("\n", raw)).strip()
        flat = " ".join(said.split())
        if not said:
            continue
        if tag == "docno":
            name = name or flat
        elif tag in _TITLES:
            title = f"{title} {flat}".strip()
        elif tag in ("", "text") or len(said) > LABEL_CHARACTERS:
            pieces.append(said)
        else:
            labels[tag] = f"{labels[tag]}; {flat}" if tag in labels else flat
    text = "\n\n".join(pieces or [str(said) for said in labels.values()])
    if not name or not (text or title):
        missing = "<DOCNO>" if not name else "text"
        problems.add(f"{where}: expected {missing} in the document, found none; left out")
        return None
    if len(text) > source.limits.characters:
        problems.add(
            f"{where}: {len(text)} characters, the limit is {source.limits.characters}; left out"
        )
        return None
    unique = names.unique(name, where, problems)
    return _made(unique, text or title, title, labels, {"line": line}, problems)


def _elements(body: str) -> Iterator[tuple[str, str]]:
    """The elements directly in a document with what is in them, and text between them under ''.

    One pass: an element that is not closed goes to the document's end.
    """
    current, start = "", 0
    for found in _TAG.finditer(body):
        closing, tag = bool(found[1]), found[2].lower()
        if not current and not closing:
            yield "", body[start : found.start()]
            current, start = tag, found.end()
        elif closing and tag == current:
            yield current, body[start : found.start()]
            current, start = "", found.end()
    yield current, body[start:]


def is_collection(folder: Path) -> bool:
    """Whether a folder is such a collection: it has corpus.jsonl and judgements or questions."""
    if not (folder / CORPUS).is_file():
        return False
    return any((folder / name).exists() for name in ("queries.jsonl", "qrels", "qrels.tsv"))
