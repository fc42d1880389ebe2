"""What the parent and the worker that reads PDF files tell each other: JSON, never objects."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from datetime import date as Day
from pathlib import Path
from typing import Any

from assay.corpora.block import Block
from assay.corpora.loaders.loaded import Limits, Loaded, Source, Unreadable
from assay.corpora.loaders.reasons import reason_of


def request_of(source: Source) -> dict[str, Any]:
    """A file to read, as JSON."""
    return {
        "path": os.path.abspath(source.path),
        "id": source.id,
        "limits": dataclasses.asdict(source.limits),
    }


def source_of(request: Mapping[str, Any]) -> Source:
    """The same, back."""
    return Source(Path(request["path"]), request["id"], Limits(**request["limits"]))


def answer_of(loaded: Loaded) -> dict[str, Any]:
    """A document as JSON."""
    return {
        "text": loaded.text,
        "blocks": [
            [one.start, one.end, one.kind, one.level, dict(one.place)] for one in loaded.blocks
        ],
        "title": loaded.title,
        "date": loaded.date.isoformat() if loaded.date else None,
        "metadata": dict(loaded.metadata),
        "problems": list(loaded.problems),
    }


def refusal_of(error: Exception, source: Source) -> dict[str, Any]:
    """Why there is none, as JSON."""
    if isinstance(error, OSError) and error.errno is not None:
        return {"system": [error.errno, error.strerror or ""]}
    told = str(error) if isinstance(error, Unreadable) else ""
    return {"unreadable": told or f"{source.id}: {reason_of(error, source.id)}"}


def loaded_of(answer: Mapping[str, Any], source: Source) -> Loaded:
    """The document that an answer holds.

    Raises:
        Unreadable: if the answer says that it is.
        OSError: if the answer says that the file could not be opened.
    """
    if "system" in answer:
        number, sentence = answer["system"]
        raise OSError(number, sentence, str(source.path))
    if "unreadable" in answer:
        raise Unreadable(answer["unreadable"])
    return Loaded(
        text=answer["text"],
        blocks=tuple(Block(*one) for one in answer["blocks"]),
        title=answer["title"],
        date=Day.fromisoformat(answer["date"]) if answer["date"] else None,
        metadata=answer["metadata"],
        problems=tuple(answer["problems"]),
    )
