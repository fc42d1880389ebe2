"""Small pieces of a JSON Schema, each with its description."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Schema = dict[str, Any]


def closed(description: str, properties: Schema, required: Iterable[str] = ()) -> Schema:
    """A closed mapping; where no key is required, nothing at all is one too."""
    needed = sorted(required)
    return {
        "type": "object" if needed else ["object", "null"],
        "description": description,
        "properties": properties,
        "additionalProperties": False,
        **({"required": needed} if needed else {}),
    }


def mapping(description: str, value: Schema, *, pattern: str = "") -> Schema:
    """A mapping whose keys the writer of the file chooses."""
    return {
        "type": ["object", "null"],
        "description": description,
        "additionalProperties": value,
        **({"propertyNames": {"pattern": pattern}} if pattern else {}),
    }


def text(description: str, **more: Any) -> Schema:
    """Text; further keywords as they are."""
    return {"type": "string", "description": description, **more}


def ref(name: str, description: str) -> Schema:
    """What a definition says; the description is this place's own."""
    return {"$ref": f"#/$defs/{name}", "description": description}


def spelled(*names: str) -> list[str]:
    """The names as a file may write them: version 1 may be left out."""
    return sorted({*names, *(name.removesuffix("@1") for name in names)})
