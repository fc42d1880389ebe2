"""The space of a search: which fields of a pipeline file may take which values.

::

    fields:                                  # config fields, as --set names them
      sparse.k: [20, 50, 100]                # one of these
      chosen.k: {low: 1, high: 10, int: true}
      gate.threshold: {low: -2.0, high: 4.0}         # step: 0.5 and log: true are possible
    nodes:                                   # whole nodes, beside the one in the file
      fused:
        weighted: {use: fuse.weighted@1}     # inputs, resources and so on as in the file
        damped:
          use: fuse.rrf@1
          fields:                            # only where this alternative is taken
            k: [10, 60, 200]

A closed world: every unknown key, node, resource and field is an error that names its place.
The node of the file is always an alternative of itself, called ``unchanged``.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.evaluation.search.domain import Domain, domain_of
from assay.pipeline.compose import read_limited
from assay.pipeline.errors import BuildError, UsageError, nearest
from assay.pipeline.file import NAME
from assay.pipeline.source import Source, decode, read

UNCHANGED = "unchanged"
_TOP = ("fields", "nodes")
_ENTRY = ("use", "config", "resources", "inputs", "when", "on_skipped", "policy")

Settings = Mapping[str, Any]
"""Parameter to value: ``node.field``, ``node`` (name of an alternative), ``node=name.field``.
What is not named stays as it is in the file."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another node in a node's place.

    Args:
        entry: what replaces keys of the entry in the file; ``config`` as a whole.
        fields: config field to its domain, looked at only where this one is taken.
    """

    entry: Mapping[str, Any]
    fields: Mapping[str, Domain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Space:
    """What a search may change.

    Args:
        fields: ``node.field`` to its domain.
        nodes: node to its alternatives by name, without ``unchanged``.
        source: the file, for the places of what stands in it.
    """

    fields: Mapping[str, Domain]
    nodes: Mapping[str, Mapping[str, Alternative]]
    source: Source = field(compare=False, repr=False, default_factory=lambda: Source("space"))

    @property
    def domains(self) -> dict[str, Domain]:
        """Every parameter that is a config field."""
        inner = {
            f"{node}={name}.{key}": domain
            for node, alternatives in self.nodes.items()
            for name, one in alternatives.items()
            for key, domain in one.fields.items()
        }
        return {**self.fields, **inner}

    @property
    def size(self) -> float:
        """How many pipelines the space holds beside the unchanged one; may be infinite."""
        total = 1.0
        for name in {key.partition(".")[0] for key in self.fields} | set(self.nodes):
            own = 1.0
            for key, domain in self.fields.items():
                own *= domain.size if key.partition(".")[0] == name else 1
            for one in self.nodes.get(name, {}).values():
                other = 1.0
                for domain in one.fields.values():
                    other *= domain.size
                own += other
            total *= own
        return total


def read_space(path: Path, pipeline: Source) -> Space:
    """Read a space file for a pipeline.

    Args:
        path: the file.
        pipeline: the pipeline file with what it includes.

    Raises:
        UsageError: if the file cannot be read.
        BuildError: with every problem, each with file, line and column.
    """
    try:
        content = read_limited(path)
    except OSError as error:
        raise UsageError(f"cannot read the space {path}: {error.strerror or error}") from error
    text = decode(content, str(path))
    source = text if isinstance(text, Source) else read(text, str(path))
    data = source.data
    space = Space({}, {}, source)
    if not isinstance(data, dict):
        if not source.problems:
            source.problem((), "a space must be a mapping with 'fields' or 'nodes'")
    else:
        for key in data:
            if key not in _TOP:
                source.problem((key,), f"unknown key '{key}'; {nearest(str(key), _TOP)}")
        nodes = _nodes(source, pipeline)
        space = Space(_fields(source, pipeline), nodes, source)
        if not space.fields and not space.nodes and not source.problems:
            source.problem((), "the space is empty: name at least one field or alternative")
    if source.problems:
        raise BuildError(source.problems)
    return space


def _entries(pipeline: Source, section: str) -> dict[str, Any]:
    found = pipeline.data.get(section) if isinstance(pipeline.data, dict) else None
    return found if isinstance(found, dict) else {}


def _mapping(source: Source, path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    source.problem(path, f"'{path[-1]}' must be a mapping of keys to values")
    return {}


def _fields(source: Source, pipeline: Source) -> dict[str, Domain]:
    found: dict[str, Domain] = {}
    nodes, resources = _entries(pipeline, "nodes"), _entries(pipeline, "resources")
    known = {**resources, **nodes}
    for key, written in _mapping(source, ("fields",), source.data.get("fields")).items():
        path = ("fields", key)
        name, dot, inner = key.partition(".")
        if not dot or not inner or "." in inner:
            source.problem(path, f"expected NAME.FIELD, such as chosen.k, found '{key}'")
        elif name not in known:
            source.problem(path, f"no node or resource '{name}'; {nearest(name, known)}")
        elif name in nodes and name in resources:
            source.problem(
                path, f"'{name}' is a resource and a node: rename one of them to search over it"
            )
        else:
            domain, problem = domain_of(written)
            if domain is None:
                source.problem(path, f"'{key}': {problem}")
            else:
                found[key] = domain
    return found


def _nodes(source: Source, pipeline: Source) -> dict[str, dict[str, Alternative]]:
    found: dict[str, dict[str, Alternative]] = {}
    nodes = _entries(pipeline, "nodes")
    for node, written in _mapping(source, ("nodes",), source.data.get("nodes")).items():
        if node not in nodes:
            source.problem(("nodes", node), f"no node '{node}'; {nearest(node, nodes)}")
            continue
        found[node] = {}
        for name, entry in _mapping(source, ("nodes", node), written).items():
            alternative = _alternative(source, ("nodes", node, name), name, entry)
            if alternative is not None:
                found[node][name] = alternative
        if not written:
            source.problem(("nodes", node), f"'{node}' has no alternative: name at least one")
    return found


def _alternative(
    source: Source, path: tuple[str | int, ...], name: str, entry: Any
) -> Alternative | None:
    if name == UNCHANGED or not NAME.fullmatch(name):
        source.problem(
            path,
            f"'{name}' cannot name an alternative: '{UNCHANGED}' is the node of the file, and a"
            " name is letters, digits, '_' or '-'",
        )
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("use"), str):
        source.problem(path, f"'{name}' must be a mapping with 'use', such as {{use: fuse.rrf@1}}")
        return None
    for key in entry:
        if key not in (*_ENTRY, "fields"):
            source.problem(
                (*path, key), f"unknown key '{key}'; {nearest(str(key), (*_ENTRY, 'fields'))}"
            )
    domains: dict[str, Domain] = {}
    for key, written in _mapping(source, (*path, "fields"), entry.get("fields")).items():
        domain, problem = domain_of(written)
        if domain is None:
            source.problem((*path, "fields", key), f"'{key}': {problem}")
        else:
            domains[key] = domain
    return Alternative({key: one for key, one in entry.items() if key != "fields"}, domains)


def applied(data: Mapping[str, Any], space: Space, settings: Settings) -> dict[str, Any]:
    """A pipeline file's data with settings in it; the data given stays as it is.

    Args:
        data: of the file, with what it includes.
        space: where the alternatives are described.
        settings: what to change.
    """
    made: dict[str, Any] = copy.deepcopy(dict(data))
    for node in space.nodes:
        name = settings.get(node, UNCHANGED)
        if name != UNCHANGED:
            entry = copy.deepcopy(dict(space.nodes[node][name].entry))
            kept = {key: one for key, one in made["nodes"][node].items() if key != "config"}
            made["nodes"][node] = kept | entry
    for key, value in settings.items():
        target, dot, inner = key.partition(".")
        if not dot:
            continue
        name = target.partition("=")[0]
        section = "nodes" if name in made["nodes"] else "resources"
        entry = made[section][name]
        entry["config"] = {**(entry.get("config") or {}), inner: copy.deepcopy(value)}
    return made


def shown(settings: Settings) -> str:
    """Settings in one line.

    >>> shown({"fused": "weighted", "chosen.k": 2}), shown({})
    ('fused: weighted, chosen.k: 2', 'unchanged')
    """
    return ", ".join(f"{key}: {value}" for key, value in settings.items()) or UNCHANGED
