"""The record beside a model's files: what they are, whence, and when they were last checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.models.files.catalogue import CatalogueEntry
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


@dataclass(frozen=True, slots=True)
class HubRecord:
    """What was pulled from the hub.

    Args:
        key: its name, as ``assay.models.files.hub.HubName`` writes it.
        source: where the files came from, for people.
        commit: the revision's commit, None where the files did not come from the hub itself.
        licence: as the model's card says, None if it says none.
        weights: the file that holds the weights, None where the whole folder is the model.
        files: sha256 of each file, by its path in the folder.
        size: bytes of all files.
    """

    key: str
    source: str
    commit: str | None
    licence: str | None
    weights: str | None
    files: Mapping[str, str]
    size: int

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> HubRecord:
        """The record that a manifest holds."""
        files = manifest["files"]
        return cls(
            key=manifest["key"],
            source=manifest["from"],
            commit=manifest["commit"],
            licence=manifest["licence"],
            weights=manifest["weights"],
            files={name: stamp["sha256"] for name, stamp in files.items()},
            size=sum(stamp["size"] for stamp in files.values()),
        )


def write_hub_manifest(place: Path, record: HubRecord) -> None:
    """Record that the files of a model of the hub were just checked; atomic."""
    files = {}
    for name, sha256 in record.files.items():
        found = (place / name).stat()
        files[name] = {"sha256": sha256, "size": found.st_size, "mtime_ns": found.st_mtime_ns}
    manifest = {
        "key": record.key,
        "licence": record.licence,
        "from": record.source,
        "commit": record.commit,
        "weights": record.weights,
        "files": files,
    }
    write_atomically(place / MANIFEST, json.dumps(manifest, indent=1).encode())


def unchanged(place: Path) -> bool:
    """Whether every file that a manifest names has the size and time of its last check."""
    manifest = read_manifest(place)
    if manifest is None:
        return False
    for name, stamp in manifest["files"].items():
        try:
            found = (place / name).stat()
        except FileNotFoundError:
            return False
        if (found.st_size, found.st_mtime_ns) != (stamp.get("size"), stamp.get("mtime_ns")):
            return False
    return True


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
