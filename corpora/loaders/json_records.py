"""JSON and JSON Lines: each record a document, by a field map or by common names.

``.jsonl`` and ``.ndjson`` hold a record a line; a line that cannot be read is said, and the others
are read. A ``.json`` file is a list of records, one record, or any other document. Options: a
field map (``field_map``), and ``records``, the path of the list of records inside a ``.json``.

Without a field map the first of these names that an object has is taken: text, body, content,
contents as text; title, name as title; id, _id as id; date, published, created as date. Its other
fields become labels, flat, under their path. An object without such a text, and a document that
is no list of objects with one, becomes lines such as ``a.b[0]: value``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from assay.corpora.loaders.decoding import decode
from assay.corpora.loaders.field_map import (
    FieldMap,
    Names,
    Problems,
    Written,
    at,
    field_map,
    held_back,
    to_loaded,
    written,
)
from assay.corpora.loaders.loaded import Loaded, Source, TextBuilder, Unreadable
from assay.corpora.loaders.reading import read
from assay.pipeline.words import Scalar

TEXT_NAMES = ("text", "body", "content", "contents")
TITLE_NAMES = ("title", "name")
ID_NAMES = ("id", "_id")
DATE_NAMES = ("date", "published", "created")

DEEPEST = 100
"""Most objects and lists inside one another."""

MOST_LABELS = 100
"""Most labels of a record that are found without a field map."""

MOST_VALUES = 5_000_000
"""Most values of one JSON text (a line of JSON Lines is one): some 100 bytes each in memory."""

PART_LINES = 100_000
MOST_PARTS = 20
"""Lines of one document that is written as paths and values, and how many such documents."""

PATH_CHARACTERS = 300
"""Longest path that is shown; of a longer one its end."""

_END = object()

LINES = (".jsonl", ".ndjson")
_SPACE = re.compile(r"[ \t\r\n]*")


def load(source: Source) -> Iterator[Loaded]:
    """The records of a JSON or JSON Lines file, or the one document that it is.

    Raises:
        Unreadable: if nothing of it can be read.
        UsageError: if the field map cannot be understood.
        OSError: if the file cannot be opened.
    """
    fields = field_map(source.options)
    problems = Problems()
    text, said = decode(read(source), source.id)
    for sentence in said:
        problems.add(sentence)
    if not text.strip():
        raise Unreadable(f"{source.id}: expected JSON, found an empty file")
    reader = _Reader(source, fields, problems)
    lines = source.path.suffix.lower() in LINES
    found = 0
    for one in held_back(reader.lines(text) if lines else reader.document(text), problems):
        found += 1
        yield one
    if not found:
        why = "; ".join(problems.take()[:3]) or "an empty list"
        raise Unreadable(f"{source.id}: expected records, found none that can be read: {why}")


class _Reader:
    """One file: its map, its ids, its problems."""

    def __init__(self, source: Source, fields: FieldMap | None, problems: Problems) -> None:
        self.source = source
        self.fields = fields
        self.problems = problems
        self.names = Names()
        self.where = ""
        self.decoder = json.JSONDecoder(
            parse_int=Written,
            parse_float=Written,
            parse_constant=self.constant,
            object_pairs_hook=self.unite,
        )

    def constant(self, word: str) -> str:
        """NaN and the infinities, which are no JSON."""
        self.problems.add(f"{self.where}: {word} is no JSON number; kept as text")
        return word

    def unite(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        """An object; of a name that stands in it twice both values are kept, as a list."""
        made = dict(pairs)
        if len(made) < len(pairs):
            both: dict[str, list[object]] = {}
            for name, value in pairs:
                both.setdefault(name, []).append(value)
            twice = [name for name, values in both.items() if len(values) > 1]
            self.problems.add(f"{self.where}: '{twice[0]:.60}' stands twice in an object")
            made = {name: values if len(values) > 1 else values[0] for name, values in both.items()}
        return made

    def decode(self, text: str, start: int) -> tuple[object, int]:
        """The value that begins at an offset, and where it ends.

        Raises:
            Unreadable: saying what is wrong there.
        """
        try:
            value, end = self.decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            raise Unreadable(f"{error.msg} at character {error.pos - start + 1}") from error
        except RecursionError as error:
            raise Unreadable(f"nested too deeply; at most {DEEPEST} levels are read") from error
        return value, _space(text, end)

    def lines(self, text: str) -> Iterator[Loaded]:
        start, number = 0, 0
        while start < len(text):
            end = text.find("\n", start)  # not splitlines: a JSON text may hold U+2028
            line = text[start : end if end >= 0 else len(text)].strip()
            start = end + 1 if end >= 0 else len(text)
            number += 1
            if not line:
                continue
            self.where = f"line {number}"
            try:
                self.check_size(line, "too much")
                value, behind = self.decode(line, 0)
                if behind < len(line):
                    raise Unreadable(f"expected one value, found more at character {behind + 1}")
            except Unreadable as error:
                self.problems.add(f"line {number}: {error}")
                continue
            yield from self.record(value, {"line": number})

    def document(self, text: str) -> Iterator[Loaded]:
        start = _space(text, 0)
        self.check_size(text, self.source.id)
        if "records" not in self.source.options and text[start] == "[":
            first = _space(text, start + 1)
            if text[first : first + 1] == "{" and self.of_records(text, first):
                yield from self.members(text, first)
                return
        limit = self.source.limits.characters
        if len(text) > limit:
            raise Unreadable(
                f"{self.source.id}: one JSON document of {len(text)} characters, the limit is"
                f" {limit}; write it as JSON Lines, a record a line"
            )
        self.where = self.source.id
        try:
            value, end = self.decode(text, start)
        except Unreadable as error:
            raise Unreadable(f"{self.source.id}: {error}") from error
        if end < len(text):
            self.problems.add(f"{self.source.id}: more than one value; read as JSON Lines")
            yield from self.lines(text)
            return
        path = self.source.options.get("records")
        if path is not None:
            value = at(value, str(path))
            if not isinstance(value, list):
                raise Unreadable(f"{self.source.id}: expected a list at '{path}', found none")
            for number, one in enumerate(value, 1):
                yield from self.record(one, {"record": number})
        elif isinstance(value, dict) and (self.fields or _default(value)):
            yield from self.record(value, {"record": 1})
        else:
            if value in ([], {}, None, ""):
                return
            title = _named(value, TITLE_NAMES) if isinstance(value, dict) else ""
            yield from self.readable(value, {}, "", title or self.source.path.name)

    def of_records(self, text: str, start: int) -> bool:
        """Whether the first member of a list is a record with a text."""
        if self.fields:
            return True
        self.where = "record 1"
        try:
            first, _ = self.decode(text, start)
        except Unreadable:
            return True  # it is said where the members are read
        self.problems.take()  # so is what is wrong inside it
        return isinstance(first, dict) and _default(first) is not None

    def members(self, text: str, start: int) -> Iterator[Loaded]:
        """The members of a list, one at a time: the whole is never in memory twice."""
        number = 1
        while True:
            self.where = f"record {number}"
            try:
                value, start = self.decode(text, start)
                sign = text[start : start + 1]
                if sign not in (",", "]") or (not sign):
                    raise Unreadable(f"expected ',' or ']' behind it, found '{sign}'")
            except Unreadable as error:
                line = text.count("\n", 0, start) + 1
                self.problems.add(f"record {number} (line {line}): {error}; the rest is not read")
                return
            yield from self.record(value, {"record": number})
            if sign == "]":
                if _space(text, start + 1) < len(text):
                    self.problems.add(f"more text behind the list of {number} records; not read")
                return
            start = _space(text, start + 1)
            number += 1

    def record(self, value: object, place: Mapping[str, Scalar]) -> Iterator[Loaded]:
        if not isinstance(value, dict) and self.fields:
            self.problems.add(f"{self.where}: expected an object, found {value!s:.40}")
            return
        fields = self.fields
        if fields is None and isinstance(value, dict):
            fields = _default(value)
        if fields is None:
            wanted, title = self.where.replace(" ", "-"), ""
            if isinstance(value, dict):
                wanted = _named(value, ID_NAMES) or wanted
                title = _named(value, TITLE_NAMES)
            yield from self.readable(value, place, wanted, title)
            return
        if self.fields is None:
            fields = replace(fields, metadata=self.labels(value, fields))
        one = to_loaded(
            value,  # type: ignore[arg-type]
            fields,
            place=place,
            limits=self.source.limits,
            names=self.names,
            problems=self.problems,
        )
        if one is not None:
            yield one

    def labels(self, value: object, fields: FieldMap) -> tuple[str, ...]:
        """The paths of all other fields."""
        taken = {*fields.text, fields.title, fields.id, fields.date}
        found = list(
            dict.fromkeys(
                re.sub(r"\[\d+\]$", "", path)
                for path, one in self.leaves(value)
                if path not in taken and one not in ("", "null", "[]", "{}")
            )
        )
        if len(found) > MOST_LABELS:
            self.problems.add(
                f"{self.where}: {len(found)} fields, {MOST_LABELS} are kept as labels; name the"
                " ones that matter in a field map"
            )
        kept = tuple(found[:MOST_LABELS])
        for path in kept:
            if at(value, path) is None:
                self.problems.add(
                    f"{self.where}: '{path[:80]}' cannot be told apart from a path (a name with a"
                    " dot or a bracket, or a very long one); left out"
                )
        return kept

    def readable(
        self, value: object, place: Mapping[str, Scalar], name: str, title: str
    ) -> Iterator[Loaded]:
        """Any value as lines of path and value, in parts where they are very many."""
        made, length, count, part = TextBuilder(), 0, 0, 1
        prefix = f"{name}-part-" if name else "part-"
        for path, said in self.leaves(value):
            shown = path if len(path) <= PATH_CHARACTERS else f"…{path[-PATH_CHARACTERS:]}"
            line = " ".join((f"{shown}: {said}" if path else said).split())
            if count and (
                count >= PART_LINES or length + len(line) > self.source.limits.characters
            ):
                if part == MOST_PARTS:
                    self.problems.add(
                        f"{self.where}: not read from '{shown}' on: more than {MOST_PARTS} parts;"
                        " write it as JSON Lines, a record a line"
                    )
                    break
                yield self.part(made, f"{prefix}{part}", title)
                made, length, count, part = TextBuilder(), 0, 0, part + 1
            made.add(line, "table_row", place={**place, "path": shown})
            count += 1
            length += len(line) + 1
        if made.text:
            yield self.part(made, name if part == 1 else f"{prefix}{part}", title)

    def part(self, made: TextBuilder, name: str, title: str) -> Loaded:
        where = self.where or "the document"
        unique = self.names.unique(name, where, self.problems) if name else ""
        problems = self.problems.take()
        return Loaded(made.text, made.blocks, title=title, id=unique, problems=problems)

    def leaves(self, value: object) -> Iterator[tuple[str, str]]:
        """Each scalar with its path, in the file's order; deeper than ``DEEPEST`` is said."""
        if not isinstance(value, dict | list) or not value:
            yield "", _leaf(value)
            return
        waiting = [_inside("", value)]
        while waiting:
            path, one = next(waiting[-1], ("", _END))
            if one is _END:
                waiting.pop()
            elif not isinstance(one, dict | list) or not one:
                yield path, _leaf(one)
            elif len(waiting) >= DEEPEST:
                self.problems.add(
                    f"{self.where}: '{path[:60]}…' is nested more than {DEEPEST} deep; not read"
                )
            else:
                waiting.append(_inside(path, one))

    def check_size(self, text: str, where: str) -> None:
        """Nothing for a text that fits into memory as values.

        Raises:
            Unreadable: for one with too many.
        """
        if len(text) > MOST_VALUES:
            count = text.count(",") + text.count("[") + text.count("{")
            if count > MOST_VALUES:
                raise Unreadable(
                    f"{where}: about {count} values in one JSON text, the limit is {MOST_VALUES};"
                    " write it as JSON Lines, a record a line"
                )


def _inside(path: str, value: object) -> Iterator[tuple[str, object]]:
    """The members of an object or a list with their paths, made one at a time."""
    path = path[-2 * PATH_CHARACTERS :]
    if isinstance(value, dict):
        return ((f"{path}.{name}" if path else name, one) for name, one in value.items())
    members = value if isinstance(value, list) else []
    return ((f"{path}[{index}]", one) for index, one in enumerate(members))


def _leaf(value: object) -> str:
    if value is None:
        return "null"
    return (
        ("{}" if isinstance(value, dict) else "[]") if value in ([], {}) else written(value) or ""
    )


def _default(record: Mapping[str, object]) -> FieldMap | None:
    """The map by common names; None where no text is there."""
    text = next((name for name in TEXT_NAMES if _filled(record.get(name))), "")
    if not text:
        return None

    def first(names: tuple[str, ...]) -> str:
        return next((name for name in names if written(record.get(name))), "")

    return FieldMap((text,), first(TITLE_NAMES), first(ID_NAMES), first(DATE_NAMES))


def _filled(value: object) -> bool:
    return bool((written(value) or "").strip()) and not isinstance(value, bool)


def _named(record: Mapping[str, object], names: tuple[str, ...]) -> str:
    return next((said for name in names if (said := written(record.get(name)))), "")


def _space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return found.end() if found else start
