"""Which field of a record is its text, its title, its id, its date and its labels.

A field map stands in ``Source.options``::

    text: body                  or [title, body], joined by a blank line
    title: head.main
    id: key
    date: published
    metadata: [lang, "authors.name", "tags[0]"]

A path goes into objects by name and into lists by ``[n]`` from 0; a name on a list goes into all
of its members. A field whose own name has dots is found by that name first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date as Day

from assay.corpora.block import Block
from assay.corpora.filters import iso_day
from assay.corpora.loaders.loaded import Limits, Loaded
from assay.pipeline.errors import AssayError, UsageError
from assay.pipeline.words import Scalar

KEYS = ("text", "title", "id", "date", "metadata")
LABEL_CHARACTERS = 1000
"""Longest label; labels are repeated with each passage."""

MOST_PROBLEMS = 20
"""Problems that are said one by one; the others are counted."""

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_PARAGRAPH = re.compile(r"\S(?:[^\n]|\n(?!\s*\n))*")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class FieldMap:
    """Paths to the parts of a record; '' where it has no such part."""

    text: tuple[str, ...]
    title: str = ""
    id: str = ""
    date: str = ""
    metadata: tuple[str, ...] = ()


class Written(str):
    """A number as the file writes it: ``1.50`` stays ``1.50``."""

    __slots__ = ()

    def scalar(self) -> Scalar:
        """A whole number of 64 bits, a finite real number, else the text."""
        if self.lstrip("-").isdigit():
            number = int(self) if len(self) < 21 else 2**64
            return number if -(2**63) <= number < 2**63 else str(self)
        real = float(self)
        return real if abs(real) < float("inf") else str(self)


class Problems:
    """Collects sentences; many of them end as a number."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._more = 0

    def __bool__(self) -> bool:
        return bool(self._said)

    def add(self, sentence: str) -> None:
        """One more."""
        if len(self._said) < MOST_PROBLEMS:
            self._said.append(sentence)
        else:
            self._more += 1

    def take(self) -> tuple[str, ...]:
        """All since the last call."""
        said = tuple(self._said)
        if self._more:
            said += (f"{self._more} more problems of this kind",)
        self._said, self._more = [], 0
        return said


class Names:
    """Gives each record an id that is its own."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}

    def unique(self, wanted: str, place: str, problems: Problems) -> str:
        """The id, changed and said where it was given before."""
        if wanted not in self._first:
            self._first[wanted] = place
            return wanted
        number = 2
        while (name := f"{wanted}~{number}") in self._first:
            number += 1
        self._first[name] = place
        problems.add(
            f"{place}: id '{wanted:.60}' stands already in {self._first[wanted]};"
            f" this one is called '{name:.70}'"
        )
        return name


def field_map(options: Mapping[str, object]) -> FieldMap | None:
    """The field map in a source's options, None where it has none.

    Raises:
        UsageError: if it has no text or a path is not a text.
    """
    if not any(key in options for key in KEYS):
        return None
    paths = {key: _paths(key, options[key]) for key in KEYS if options.get(key)}
    if not paths.get("text"):
        raise UsageError(
            "field map: expected 'text' with the field that holds the text, such as"
            f" {{'text': 'body'}}, found {', '.join(paths) or 'nothing'}"
        )
    for key in ("title", "id", "date"):
        if len(paths.get(key, ())) > 1:
            raise UsageError(f"field map, '{key}': expected one path, found {len(paths[key])}")
    one = {key: paths[key][0] for key in ("title", "id", "date") if key in paths}
    return FieldMap(text=paths["text"], metadata=paths.get("metadata", ()), **one)


def _paths(key: str, given: object) -> tuple[str, ...]:
    found = [given] if isinstance(given, str) else given
    if isinstance(found, list | tuple) and all(isinstance(one, str) and one for one in found):
        return tuple(found)
    raise UsageError(f"field map, '{key}': expected a path or a list of paths, found {given!r:.60}")


def at(record: object, path: str) -> object:
    """What stands at a path; None where there is nothing.

    >>> at({"a": [{"b": 1}, {"b": 2}]}, "a.b"), at({"a": [{"b": 1}]}, "a[0].b"), at({}, "a.b")
    ([1, 2], 1, None)
    """
    if isinstance(record, Mapping) and path in record:
        return record[path]
    value = record
    for name, index in _STEP.findall(path):
        if index:
            members = value if isinstance(value, list) and len(index) < 10 else []
            value = members[int(index)] if int(index[:10]) < len(members) else None
        elif isinstance(value, list):
            found = [one[name] for one in value if isinstance(one, Mapping) and name in one]
            value = found or None
        else:
            value = value.get(name) if isinstance(value, Mapping) else None
    return value


def written(value: object, between: str = "; ") -> str | None:
    """A scalar or a list of scalars as text; None for nothing and for anything nested."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list) and value:
        parts = [None if isinstance(one, list) else written(one) for one in value]
        said = [part for part in parts if part is not None]
        return between.join(said) if len(said) == len(value) else None
    return None


def label(value: object) -> Scalar | None:
    """A value as a label: numbers and truth values as such; None for what is not flat."""
    if isinstance(value, Written):
        return value.scalar()
    return value if isinstance(value, bool | int | float) else written(value)


def paragraphs(text: str, place: Mapping[str, Scalar]) -> Iterator[Block]:
    """The stretches of a text between blank lines; the text itself is not changed."""
    for found in _PARAGRAPH.finditer(text):
        end = found.start() + len(found[0].rstrip())
        yield Block(found.start(), end, "paragraph", place=place)


def to_loaded(
    record: Mapping[str, object],
    fields: FieldMap,
    *,
    place: Mapping[str, Scalar],
    limits: Limits,
    names: Names,
    problems: Problems,
    whole: bool = False,
) -> Loaded | None:
    """A record by its map; None, and a problem, where it has no text.

    Args:
        record: one object, or one row by column name.
        fields: where its parts stand.
        place: of the record in its file, for instance ``{"line": 3}``; named in problems.
        limits: a longer text is cut at ``characters``, and said.
        names: the ids that were given before.
        problems: where sentences go; all that are there become the document's.
        whole: as in ``Loaded``.
    """
    where = " ".join(f"{key} {value}" for key, value in place.items())
    pieces = []
    for path in fields.text:
        value = at(record, path)
        said = written(value, "\n\n")
        if said is None and value not in (None, [], {}):
            problems.add(f"{where}: text '{path}' is nested; name the field inside it")
        pieces.append(said or "")
    text = "\n\n".join(piece for piece in pieces if piece.strip())
    if not text:
        problems.add(f"{where}: expected text in {', '.join(map(repr, fields.text))}, found none")
        return None
    if len(text) > limits.characters:
        problems.add(f"{where}: only the first {limits.characters} of {len(text)} characters read")
        text = text[: limits.characters]
    labels: dict[str, Scalar] = {}
    for path in fields.metadata:
        _put(labels, path, at(record, path), where, problems)
    day: Day | None = None
    if fields.date and (said := written(at(record, fields.date))):
        day = iso_day(said.strip())
        if day is None:
            problems.add(f"{where}: date '{said:.40}' is not like 2024-01-31; kept as a label")
            _put(labels, fields.date, said, where, problems)
    wanted = written(at(record, fields.id)) if fields.id else ""
    if fields.id and not wanted:
        problems.add(f"{where}: expected an id in '{fields.id}', found none; the place is its id")
    name = names.unique(wanted or where.replace(" ", "-"), where, problems)
    title = written(at(record, fields.title)) if fields.title else ""
    return Loaded(
        text=text,
        blocks=tuple(paragraphs(text, place)),
        title=" ".join((title or "").split()),
        id=name,
        date=day,
        metadata=labels,
        problems=problems.take(),
        whole=whole,
    )


def _put(
    labels: dict[str, Scalar], path: str, value: object, where: str, problems: Problems
) -> None:
    if value is None or value in ([], {}):
        return
    found = label(value)
    if found is None:
        problems.add(f"{where}: label '{path}' is nested and left out; name a field inside it")
    elif isinstance(found, str) and len(found) > LABEL_CHARACTERS:
        problems.add(
            f"{where}: label '{path}' has {len(found)} characters and is left out (at most"
            f" {LABEL_CHARACTERS}); name it as text"
        )
    else:
        labels[path] = found


def held_back(documents: Iterator[Loaded], problems: Problems) -> Iterator[Loaded]:
    """The same documents; what goes wrong behind the last one is said by the last one."""
    last: Loaded | None = None
    try:
        for one in documents:
            if last is not None:
                yield last
            last = one
    except AssayError:
        if last is not None:
            yield last
        raise
    if last is not None:
        yield replace(last, problems=last.problems + problems.take())
