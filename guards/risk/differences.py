"""What changed between two pipelines, named by node, resource and field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.pipeline.canonical import canonical_json, digest

READABLE = 64
"""Values up to this many bytes of JSON are kept as they are; longer ones as digests."""

Leaves = dict[str, str]
"""Path of a field, its keys joined by '/', to its value or digest."""


def leaves(parts: Mapping[str, Any]) -> Leaves:
    """``Pipeline.parts`` as a flat mapping of fields.

    >>> leaves({"nodes": {"gate": {"config": {"kind": "logit"}}}})
    {'nodes/gate/config/kind': '"logit"'}
    """
    found: Leaves = {}

    def descend(path: tuple[str, ...], value: Any) -> None:
        if isinstance(value, Mapping) and (value or len(path) == 1):
            for key, item in value.items():
                descend((*path, str(key).replace("/", "∕")), item)
            return
        text = canonical_json(value).decode()
        found["/".join(path)] = text if len(text) <= READABLE else f"sha256:{digest(value)[:16]}"

    descend((), parts)
    return found


def differences(certified: Mapping[str, str], present: Mapping[str, str]) -> list[str]:
    """One line for each field that changed; a whole component that came or went is one line.

    Args:
        certified: leaves of the certified pipeline.
        present: leaves of the pipeline at hand.
    """
    before, after = _components(certified), _components(present)
    lines: dict[str, None] = {}
    for path in sorted({*certified, *present}):
        old, new = certified.get(path), present.get(path)
        if old == new:
            continue
        owner, field = _owner(path)
        if owner not in after:
            lines[f"{owner} was removed"] = None
        elif owner not in before:
            lines[f"{owner} was added"] = None
        elif field == "code":
            lines[f"{owner}: its code changed"] = None
        else:
            lines[f"{owner}: {field} was {old or 'absent'}, now {new or 'absent'}"] = None
    return list(lines)


def _components(fields: Mapping[str, str]) -> set[str]:
    return {_owner(path)[0] for path in fields}


def _owner(path: str) -> tuple[str, str]:
    head, *rest = path.split("/")
    if head in ("nodes", "resources") and len(rest) > 1:
        return f"{head[:-1]} '{rest[0]}'", ".".join(rest[1:])
    return "the pipeline", ".".join((head, *rest))
