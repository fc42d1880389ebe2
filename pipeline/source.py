"""A YAML file as plain data, each value with its line and column.

Only data: no tags, no anchors or aliases, no duplicate keys, at most one
document and a megabyte. Comments survive no round trip.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from assay.pipeline.errors import Problem

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
Path = tuple[str | int, ...]
Place = tuple[int, int]

_PLAIN_TAGS = {
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")
}


@dataclass(slots=True)
class Source:
    """What a file says and where.

    Args:
        file: path as the user gave it.
        data: the plain value, None where the file cannot be read as data.
        places: path of keys and indexes to (line, column), counted from 1.
        problems: everything that is wrong with the file as data.
    """

    file: str
    data: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: Path, message: str) -> None:
        """Note a problem at a path, or at its nearest ancestor that has a place."""
        while path and path not in self.places:
            path = path[:-1]
        line, column = self.places.get(path, (1, 1))
        self.problems.append(Problem(self.file, line, column, message))


def read(text: str, file: str) -> Source:
    """Read YAML text; never raises for what the text holds."""
    source = Source(file)
    if len(text.encode()) > MAX_BYTES:
        source.problem((), f"the file is larger than {MAX_BYTES} bytes; a pipeline is not")
        return source
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                message = "anchors and aliases are not allowed; write the value out"
                source.problems.append(Problem(file, *_place(event.start_mark), message))
                return source
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        place = _place(error.problem_mark or error.context_mark)
        source.problems.append(Problem(file, *place, f"not YAML: {error.problem or error.context}"))
        return source
    except (yaml.YAMLError, RecursionError) as error:
        source.problem((), f"not YAML: {str(error).splitlines()[0]}")
        return source
    if root is not None:
        source.data = _value(root, (), source)
    return source


def _place(mark: Any) -> Place:
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def _value(node: yaml.Node, path: Path, source: Source) -> Any:
    place = _place(node.start_mark)
    source.places.setdefault(path, place)
    if len(path) > MAX_DEPTH:
        source.problem(path, f"nested deeper than {MAX_DEPTH} levels")
        return None
    if node.tag not in _PLAIN_TAGS:
        source.problem(path, f"tag '{node.tag}' is not allowed: pipeline files are plain data")
        return None
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key_place = _place(key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag not in _PLAIN_TAGS:
                source.problems.append(Problem(source.file, *key_place, "keys must be plain words"))
                continue
            key = str(key_node.value)
            if key in result:
                source.problems.append(
                    Problem(source.file, *key_place, f"key '{key}' stands twice")
                )
                continue
            source.places[(*path, key)] = key_place
            result[key] = _value(value_node, (*path, key), source)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), source) for index, item in enumerate(node.value)]
    constructor = yaml.SafeLoader("")
    try:
        return constructor.construct_object(node)
    except ValueError as error:
        source.problem(path, f"cannot read '{node.value}': {error}")
        return None
