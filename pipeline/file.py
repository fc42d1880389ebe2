"""The shape of a pipeline file: a closed world.

::

    assay: 1                      # version of this format
    name: my-pipeline
    description: one line         # optional
    include: [<file>, ...]        # optional; taken in by compose.py before this is checked
    resources:                    # models and corpora, loaded once
      <name>: {use: <component>, config: {...}, resources: {<parameter>: <resource>}}
    nodes:                        # steps; 'query' is the question that comes in
      <name>:
        use: ...
        config: ...
        resources: ...
        inputs: {<port>: <node> | {<key>: <node>}}
        when: <condition>                       # pipeline/condition.py has the grammar
        on_skipped: skip | leave_out            # a named join without what did not run
        policy: {timeout, retry, budget, cache, fallback}       # pipeline/policy.py
    output: <node>
    thresholds: {<name>: <node>.<field>}        # what calibration may set
    certificate: {path: <file>, on_invalid: refuse | abstain | uncertified, canaries: true | false}
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from assay.pipeline.errors import nearest
from assay.pipeline.source import Path, Source

FORMAT_VERSION = 1
INPUT = "query"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
"""Names of resources, nodes and thresholds; no dot, since ``node.field`` has one."""

OnInvalid = Literal["refuse", "abstain", "uncertified"]

_TOP = (
    "assay",
    "include",
    "name",
    "description",
    "resources",
    "nodes",
    "output",
    "thresholds",
    "certificate",
)
_RESOURCE = ("use", "config", "resources")
_NODE = (*_RESOURCE, "inputs", "when", "on_skipped", "policy")
_SKIPPED = ("skip", "leave_out")
_REACTIONS = ("refuse", "abstain", "uncertified")


@dataclass(frozen=True, slots=True)
class ComponentEntry:
    """One entry under ``resources`` or ``nodes``, as written.

    Args:
        path: where it stands in the file.
        use: registered name.
        config: as written, not yet validated.
        resources: constructor parameter to resource name.
        inputs: port to node name, or to a mapping of key to node name.
        when: a condition, as written; None for always.
        leaves_out: whether a named join leaves skipped inputs out.
        policy: as written, not yet validated.
    """

    path: Path
    use: str
    config: Mapping[str, Any]
    resources: Mapping[str, str]
    inputs: Mapping[str, str | Mapping[str, str]]
    when: str | None = None
    leaves_out: bool = False
    policy: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CertificateEntry:
    """Where the certificate lies and what to do when it does not hold.

    Args:
        path: of its file.
        on_invalid: what to do then.
        canaries: whether its canaries are asked at each start.
    """

    path: str
    on_invalid: OnInvalid
    canaries: bool = False


@dataclass(frozen=True, slots=True)
class PipelineFile:
    """A pipeline file whose shape is right."""

    name: str
    description: str
    resources: Mapping[str, ComponentEntry]
    nodes: Mapping[str, ComponentEntry]
    output: str
    thresholds: Mapping[str, str]
    certificate: CertificateEntry | None


def parse(source: Source) -> PipelineFile:
    """Check a file's shape; every problem is noted in ``source.problems``."""
    data = source.data
    if not isinstance(data, dict):
        if not source.problems:  # else the file could not be read, and that is said already
            source.problem((), f"a pipeline file must be a mapping, found {_kind(data)}")
        return PipelineFile("", "", {}, {}, "", {}, None)
    _closed(source, (), data, _TOP)
    version = data.get("assay")
    if "assay" not in data:
        source.problem((), f"missing key 'assay'; begin the file with 'assay: {FORMAT_VERSION}'")
    elif type(version) is not int or version != FORMAT_VERSION:
        source.problem(("assay",), f"format {_shown(version)} is unknown; this is {FORMAT_VERSION}")
    nodes = _entries(source, "nodes", data.get("nodes"), _NODE)
    if "nodes" not in data:
        source.problem((), "missing key 'nodes'; a pipeline needs at least one")
    elif not nodes and not data["nodes"]:
        source.problem(("nodes",), "a pipeline needs at least one node under 'nodes'")
    if INPUT in nodes:
        source.problem(
            ("nodes", INPUT), f"'{INPUT}' is the question that comes in; rename the node"
        )
    thresholds = _names(source, ("thresholds",), data.get("thresholds"))
    for name in thresholds:
        _named(source, ("thresholds", name))
    certificate = data.get("certificate")
    return PipelineFile(
        name=_text(source, (), data, "name"),
        description=_text(source, (), data, "description", default=""),
        resources=_entries(source, "resources", data.get("resources"), _RESOURCE),
        nodes=nodes,
        output=_text(source, (), data, "output"),
        thresholds=thresholds,
        certificate=None if certificate is None else _certificate(source, certificate),
    )


def _certificate(source: Source, value: Any) -> CertificateEntry | None:
    path: Path = ("certificate",)
    if not isinstance(value, dict):
        _mapping(source, path, value, "'certificate'")
        return None
    data: dict[str, Any] = value
    _closed(source, path, data, ("path", "on_invalid", "canaries"))
    reaction = data.get("on_invalid", "refuse")
    if reaction not in _REACTIONS:
        source.problem(
            (*path, "on_invalid"),
            f"{_shown(reaction)} is unknown; expected {', '.join(_REACTIONS)}",
        )
        reaction = "refuse"
    canaries = data.get("canaries", False)
    if not isinstance(canaries, bool):
        source.problem((*path, "canaries"), f"expected true or false, found {_shown(canaries)}")
        canaries = False
    return CertificateEntry(_text(source, path, data, "path"), reaction, canaries)


def _entries(
    source: Source, key: str, value: Any, keys: Collection[str]
) -> dict[str, ComponentEntry]:
    entries: dict[str, ComponentEntry] = {}
    for name, item in _mapping(source, (key,), value, f"'{key}'").items():
        path: Path = (key, name)
        _named(source, path)
        if not isinstance(item, dict):
            found = _kind(item)
            source.problem(path, f"{_shown(name)} must be a mapping with 'use', found {found}")
            entries[name] = ComponentEntry(path, "", {}, {}, {})
            continue
        data: dict[str, Any] = item
        _closed(source, path, data, keys)
        entries[name] = ComponentEntry(
            path=path,
            use=_text(source, path, data, "use"),
            config=_mapping(source, (*path, "config"), data.get("config"), "'config'"),
            resources=_names(source, (*path, "resources"), data.get("resources")),
            inputs=_inputs(source, (*path, "inputs"), data.get("inputs")),
            when=_text(source, path, data, "when") if "when" in data else None,
            leaves_out=_on_skipped(source, path, data),
            policy=_mapping(source, (*path, "policy"), data.get("policy"), "'policy'"),
        )
    return entries


def _on_skipped(source: Source, path: Path, data: Mapping[str, Any]) -> bool:
    written = data.get("on_skipped", "skip")
    if written not in _SKIPPED:
        source.problem(
            (*path, "on_skipped"), f"{_shown(written)} is unknown; expected {', '.join(_SKIPPED)}"
        )
    return bool(written == "leave_out")


def _inputs(source: Source, path: Path, value: Any) -> dict[str, str | Mapping[str, str]]:
    result: dict[str, str | Mapping[str, str]] = {}
    for port, item in _mapping(source, path, value, "'inputs'").items():
        if isinstance(item, dict):
            result[port] = _names(source, (*path, port), item)
        elif isinstance(item, str):
            result[port] = item
        else:
            source.problem(
                (*path, port), f"{_shown(port)} must be a node's name, found {_kind(item)}"
            )
    return result


def _names(source: Source, path: Path, value: Any) -> dict[str, str]:
    result: dict[str, str] = {}
    for key, item in _mapping(source, path, value, f"'{path[-1]}'").items():
        if isinstance(item, str):
            result[key] = item
        else:
            source.problem((*path, key), f"{_shown(key)} must be a name, found {_kind(item)}")
    return result


def _mapping(source: Source, path: Path, value: Any, what: str) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    source.problem(path, f"{what} must be a mapping of keys to values, found {_kind(value)}")
    return {}


def _named(source: Source, path: Path) -> None:
    if not NAME.fullmatch(str(path[-1])):
        source.problem(
            path,
            f"{_shown(path[-1])} is no name; write a letter, then letters, digits, '_' or '-',"
            " 64 characters at most",
        )


def _closed(source: Source, path: Path, data: Mapping[str, Any], keys: Collection[str]) -> None:
    for key in data:
        if key not in keys:
            source.problem((*path, key), f"unknown key {_shown(key)}; {nearest(key, keys)}")


def _text(
    source: Source, path: Path, data: Mapping[str, Any], key: str, default: str | None = None
) -> str:
    value = data.get(key, default)
    if key not in data and default is None:
        source.problem(path, f"missing key '{key}'")
    elif not isinstance(value, str):
        source.problem((*path, key), f"'{key}' must be text, found {_kind(value)}")
    elif not value and default is None:
        source.problem((*path, key), f"'{key}' must not be empty")
    else:
        return value
    return ""


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    names = {dict: "a mapping", list: "a list", str: "text", bool: "a truth value"}
    return names.get(type(value)) or f"the number {_shown(value)}"


def _shown(value: Any) -> str:
    """A value as it is quoted in a message: on one line, and not longer than one."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of more than 4300 digits
        return "of too many digits"
    return text if len(text) <= 80 else f"{text[:77]}..."
