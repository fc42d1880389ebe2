"""The shape of a pipeline file: a closed world.

::

    assay: 1                      # version of this format
    name: my-pipeline
    description: one line         # optional
    resources:                    # models and corpora, loaded once
      <name>: {use: <component>, config: {...}, resources: {<parameter>: <resource>}}
    nodes:                        # steps; 'query' is the question that comes in
      <name>: {use: ..., config: ..., resources: ..., inputs: {<port>: <node> | {<key>: <node>}}}
    output: <node>
    thresholds: {<name>: <node>.<field>}        # what calibration may set
    certificate: {path: <file>, on_invalid: refuse | abstain | uncertified}
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from assay.pipeline.errors import nearest
from assay.pipeline.source import Path, Source

FORMAT_VERSION = 1
INPUT = "query"
OnInvalid = Literal["refuse", "abstain", "uncertified"]

_TOP = ("assay", "name", "description", "resources", "nodes", "output", "thresholds", "certificate")
_RESOURCE = ("use", "config", "resources")
_NODE = (*_RESOURCE, "inputs")
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
    """

    path: Path
    use: str
    config: Mapping[str, Any]
    resources: Mapping[str, str]
    inputs: Mapping[str, str | Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class CertificateEntry:
    """Where the certificate lies and what to do when it does not hold."""

    path: str
    on_invalid: OnInvalid


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
    data = _mapping(source, (), source.data, "a pipeline file")
    _closed(source, (), data, _TOP)
    version = data.get("assay")
    if version is None:
        source.problem((), f"missing key 'assay'; begin the file with 'assay: {FORMAT_VERSION}'")
    elif version != FORMAT_VERSION or isinstance(version, bool):
        source.problem(("assay",), f"format {version!r} is unknown; this is {FORMAT_VERSION}")
    nodes = _entries(source, "nodes", data.get("nodes"), _NODE)
    if not nodes:
        source.problem(("nodes",), "a pipeline needs at least one node under 'nodes'")
    if INPUT in nodes:
        source.problem(
            ("nodes", INPUT), f"'{INPUT}' is the question that comes in; rename the node"
        )
    certificate = data.get("certificate")
    return PipelineFile(
        name=_text(source, (), data, "name"),
        description=_text(source, (), data, "description", default=""),
        resources=_entries(source, "resources", data.get("resources"), _RESOURCE),
        nodes=nodes,
        output=_text(source, (), data, "output"),
        thresholds=_names(source, ("thresholds",), data.get("thresholds")),
        certificate=None if certificate is None else _certificate(source, certificate),
    )


def _certificate(source: Source, value: Any) -> CertificateEntry:
    path: Path = ("certificate",)
    data = _mapping(source, path, value, "'certificate'")
    _closed(source, path, data, ("path", "on_invalid"))
    reaction = data.get("on_invalid", "refuse")
    if reaction not in _REACTIONS:
        source.problem(
            (*path, "on_invalid"), f"{reaction!r} is unknown; expected {', '.join(_REACTIONS)}"
        )
        reaction = "refuse"
    return CertificateEntry(_text(source, path, data, "path"), reaction)


def _entries(
    source: Source, key: str, value: Any, keys: Collection[str]
) -> dict[str, ComponentEntry]:
    entries: dict[str, ComponentEntry] = {}
    for name, item in _mapping(source, (key,), value, f"'{key}'").items():
        path: Path = (key, name)
        data = _mapping(source, path, item, f"'{name}'")
        _closed(source, path, data, keys)
        entries[name] = ComponentEntry(
            path=path,
            use=_text(source, path, data, "use"),
            config=_mapping(source, (*path, "config"), data.get("config"), "'config'"),
            resources=_names(source, (*path, "resources"), data.get("resources")),
            inputs=_inputs(source, (*path, "inputs"), data.get("inputs")),
        )
    return entries


def _inputs(source: Source, path: Path, value: Any) -> dict[str, str | Mapping[str, str]]:
    result: dict[str, str | Mapping[str, str]] = {}
    for port, item in _mapping(source, path, value, "'inputs'").items():
        if isinstance(item, dict):
            result[port] = _names(source, (*path, port), item)
        elif isinstance(item, str):
            result[port] = item
        else:
            source.problem((*path, port), f"expected a node's name, found {_kind(item)}")
    return result


def _names(source: Source, path: Path, value: Any) -> dict[str, str]:
    result: dict[str, str] = {}
    for key, item in _mapping(source, path, value, f"'{path[-1]}'").items():
        if isinstance(item, str):
            result[key] = item
        else:
            source.problem((*path, key), f"expected a name, found {_kind(item)}")
    return result


def _mapping(source: Source, path: Path, value: Any, what: str) -> dict[str, Any]:
    if value is None and path:
        return {}
    if isinstance(value, dict):
        return value
    if not source.problems or path:
        source.problem(path, f"{what} must be a mapping of keys to values, found {_kind(value)}")
    return {}


def _closed(source: Source, path: Path, data: Mapping[str, Any], keys: Collection[str]) -> None:
    for key in data:
        if key not in keys:
            source.problem((*path, key), f"unknown key '{key}'; {nearest(key, keys)}")


def _text(
    source: Source, path: Path, data: Mapping[str, Any], key: str, default: str | None = None
) -> str:
    value = data.get(key, default)
    if isinstance(value, str):
        return value
    if key not in data:
        if data or not path:
            source.problem(path, f"missing key '{key}'")
    else:
        source.problem((*path, key), f"'{key}' must be text, found {_kind(value)}")
    return ""


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    names = {dict: "a mapping", list: "a list", str: "text", bool: "a truth value"}
    return names.get(type(value), f"the number {value}")
