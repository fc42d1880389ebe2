"""A YAML file as plain data, each value with the place where it was written.

Only data: no tags, no anchors or aliases, no duplicate keys, at most one
document, a megabyte and 40 levels. Comments survive no round trip.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from assay.pipeline.errors import Problem

MAX_BYTES = 1_000_000
"""Largest file that is read, in bytes of UTF-8."""
MAX_DEPTH = 40
"""Most levels of mappings and lists inside one another."""
MAX_NUMBER = 400
"""Most characters of a number; reading one takes time that grows with the square."""

Path = tuple[str | int, ...]

_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")}
_TAGGED = "tags are not allowed: pipeline files are plain data; quote a text that begins with '!'"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written.

    Args:
        file: path as the user gave it, or ``--set NAME.FIELD``.
        line: counted from 1; 0 on the command line.
        column: counted from 1; 0 on the command line.
    """

    file: str
    line: int = 1
    column: int = 1

    @property
    def origin(self) -> str:
        """``file:line``, or ``--set`` for what the command line says."""
        return f"{self.file}:{self.line}" if self.line else self.file.split(" ", 1)[0]

    def problem(self, message: str) -> Problem:
        """A problem at this place; what a terminal would obey is written as an escape."""
        shown = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in message)
        return Problem(self.file, self.line, self.column, shown)


@dataclass(slots=True)
class Source:
    """What a file says and where.

    Args:
        file: path as the user gave it.
        data: the plain value, None where the file cannot be read as data.
        places: path of keys and indexes to the place where it was written.
        problems: everything that is wrong with the file as data.
        whole: False where a file that belongs to it could not be read, so that
            names may seem to be missing that are not.
    """

    file: str
    data: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    whole: bool = True

    def problem(self, path: Path, message: str) -> None:
        """Note a problem at a path, or at its nearest ancestor that has a place."""
        self.problems.append(self.place(path).problem(message))

    def place(self, path: Path) -> Place:
        """Where a path was written, or its nearest ancestor that has a place."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(self.file))


def decode(content: bytes, file: str) -> Source | str:
    """A file's text; or, where it has none, a source that says why."""
    source = Source(file)
    if len(content) > MAX_BYTES:
        source.problem((), _too_large())
        return source
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        source.problems.append(_at(file, before).problem(f"not UTF-8 text: {error.reason}"))
        return source


def read(text: str, file: str) -> Source:
    """Read YAML text; never raises for what the text holds."""
    source = Source(file)
    root = _compose(text, source)
    if root is not None:
        source.data = _Reader(source).value(root, ())
    return source


def read_value(text: str) -> Source:
    """Read one scalar or flow collection, such as ``1.5`` or ``[a, b]``."""
    source = Source("")
    root = _compose(text, source)
    if root is None:
        if not source.problems:
            source.problem((), "no value; write null for none and '' for an empty text")
    elif isinstance(root, yaml.CollectionNode) and not root.flow_style:
        source.problem((), "expected a scalar, [a list] or {a: mapping}; quote a text with ': '")
    else:
        source.data = _Reader(source).value(root, ())
    return source


class _Refused(yaml.MarkedYAMLError):
    """YAML that is well-formed and not taken."""


class _Loader(yaml.SafeLoader):
    """Refuses what is no plain data before anything is made of it."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        mark: Any = event.start_mark
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            message = "anchors and aliases are not allowed; write the value out"
            raise _Refused(problem=message, problem_mark=mark)
        if getattr(event, "tag", None) is not None:
            raise _Refused(problem=_TAGGED, problem_mark=mark)
        collection = isinstance(event, yaml.CollectionStartEvent)
        if collection and self.depth == MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels"
            raise _Refused(problem=message, problem_mark=mark)
        self.depth += collection
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= collection
        return node


def _compose(text: str, source: Source) -> yaml.Node | None:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        source.problem((), _too_large())
        return None
    loader: Any = None
    try:
        loader = _Loader(text)
        root: yaml.Node | None = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        place = _at(source.file, text[: error.position])
        source.problems.append(place.problem(f"not YAML: character U+{error.character:04X}"))
    except yaml.MarkedYAMLError as error:
        place = _place(source.file, error.problem_mark or error.context_mark)
        source.problems.append(place.problem(_sentence(error)))
    except (ValueError, OverflowError):  # "\U99999999", or a %YAML version of 5000 digits
        place = _place(source.file, loader.get_mark())
        source.problems.append(place.problem("not YAML: an escape or number out of range"))
    else:
        return root
    return None


def _sentence(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or ""
    if isinstance(error, _Refused):
        return problem
    if "tag handle" in problem or (error.context or "").endswith(" a tag"):
        return _TAGGED
    if "'\\t'" in problem:
        return "not YAML: a tab stands here; indent and separate with spaces"
    if problem.startswith("but "):
        return f"not YAML: {error.context} {problem}"
    return f"not YAML: {problem or error.context}"


def _too_large() -> str:
    return f"the file is larger than {MAX_BYTES} bytes; a pipeline is not"


def _place(file: str, mark: Any) -> Place:
    return Place(file) if mark is None else Place(file, mark.line + 1, mark.column + 1)


def _at(file: str, before: str) -> Place:
    """The place that comes after a text."""
    return Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))


class _Reader:
    """YAML nodes to plain values; notes the place of each."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.constructor = SafeConstructor()

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.source.places.setdefault(path, _place(self.source.file, node.start_mark))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = _place(self.source.file, key_node.start_mark)
            key = str(key_node.value)
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag not in _PLAIN:
                self.source.problems.append(place.problem("keys must be plain words"))
            elif key in result:
                self.source.problems.append(place.problem(f"key '{key}' stands twice"))
            elif _broken(key):
                self.source.problems.append(place.problem("half a character (a surrogate)"))
            else:
                self.source.places[(*path, key)] = place
                result[key] = self.value(value_node, (*path, key))
        return result

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        # The messages leave the text out: it may be a secret that stands in the wrong place.
        kind = node.tag.rsplit(":", 1)[1]
        place = _place(self.source.file, node.start_mark)
        if node.tag not in _PLAIN:
            problem = f"reads as a {kind}, which is no plain data; quote it"
        elif kind in ("int", "float") and len(node.value) > MAX_NUMBER:
            problem = f"a number of more than {MAX_NUMBER} characters; quote it if it is text"
        elif _broken(node.value):
            problem = "half a character (a surrogate)"
        else:
            try:
                return self.constructor.construct_object(node)
            except (ValueError, ArithmeticError):
                problem = f"reads as {kind} and is none; quote it if it is text"
        self.source.problems.append(place.problem(problem))
        return None


def _broken(text: str) -> bool:
    """Whether a text holds half of a surrogate pair, which no file can carry."""
    return any("\ud800" <= character <= "\udfff" for character in text)
