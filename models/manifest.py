"""The record beside a model's files: what they are, whence, and when they were last checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assay.models.catalogue import CatalogueEntry
from assay.pipeline.errors import ModelError
from assay.pipeline.files import write_atomically

MANIFEST = "manifest.json"
ENVIRONMENT = "ASSAY_MODELS"
"""Variable that names another folder for models."""


def write_manifest(place: Path, entry: CatalogueEntry, source: str) -> None:
    """Record that the files of a model folder were just checked; atomic.

    Args:
        place: the model's folder.
        entry: what it holds.
        source: where the files came from, for people.
    """
    files = {}
    for file in entry.files:
        path = place / file.name
        if path.exists():
            found = path.stat()
            files[file.name] = {
                "sha256": file.sha256,
                "size": found.st_size,
                "mtime_ns": found.st_mtime_ns,
                "packages": list(dict.fromkeys(part.requirement for part in file.parts)),
            }
    manifest = {
        "key": entry.key,
        "title": entry.title,
        "licence": entry.licence,
        "from": source,
        "files": files,
    }
    write_atomically(place / MANIFEST, json.dumps(manifest, indent=1).encode())


def read_manifest(place: Path) -> dict[str, Any] | None:
    """The manifest, or None where there is no readable one: the model is then absent."""
    try:
        manifest = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except PermissionError as error:
        raise ModelError(f"{place} cannot be read: allow it or set {ENVIRONMENT}") from error
    whole = isinstance(manifest, dict) and isinstance(manifest.get("files"), dict)
    return manifest if whole else None
