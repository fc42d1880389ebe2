"""The folder where model files lie, each checked against the catalogue.

Layout: ``<folder>/<key>/`` with the model's files and ``manifest.json`` (source,
version, sha256, licence, and for each file the size and time of the last check).
A model folder appears whole or not at all: it is made beside its place and
renamed into it, so two processes may pull at once and a stopped pull leaves
nothing behind.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from assay.models.catalogue import CATALOGUE, CatalogueEntry, ModelFile, find
from assay.models.fetch import Progress, fetch, gather, sha256_of, silent
from assay.models.manifest import ENVIRONMENT, read_manifest, write_manifest
from assay.pipeline.errors import ModelError, nearest
from assay.pipeline.files import cache_path

_WORK_PREFIX = ".pull-"
_STALE_SECONDS = 24 * 3600.0


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
        entry: its catalogue entry, None for the user's own files.
    """

    path: Path
    entry: CatalogueEntry | None

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
        """Digest of one of its files: the catalogue's, or read from the user's own file."""
        known = self.entry.files if self.entry is not None else ()
        for file in known:
            if file.name == path.name:
                return file.sha256
        return sha256_of(path)


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
            key: a key of the catalogue.
            progress: told how far it is.
            source: a local file or folder to take it from, instead of the network.

        Returns:
            The model's folder.

        Raises:
            UsageError: for an unknown key.
            ModelError: if it cannot be brought, written, or has wrong bytes.
        """
        entry = find(key, self.catalogue)
        place = self.folder / key
        if self._unchanged(entry):
            return place
        with _disk_errors(self.folder, entry):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            work = Path(tempfile.mkdtemp(prefix=f"{_WORK_PREFIX}{key}-", dir=self.folder))
            try:
                fresh = work / "model"
                fresh.mkdir()
                archives = work / "archives"
                archives.mkdir()
                if source is None:
                    fetch(entry, fresh, archives, progress)
                else:
                    gather(entry, fresh, source.expanduser(), progress)
                for file in entry.files:
                    if file.required or (fresh / file.name).exists():
                        _check_sum(fresh / file.name, file, entry)
                write_manifest(fresh, entry, "index" if source is None else str(source))
                self._publish(fresh, work / "old", entry)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        return place

    def verify(self, key: str) -> None:
        """Read every file of a model and compare its sha256.

        Raises:
            UsageError: for an unknown key.
            ModelError: if it is not in the cache, or a file is missing or wrong.
        """
        entry = find(key, self.catalogue)
        place = self.folder / key
        manifest = read_manifest(place)
        if manifest is None:
            raise ModelError(_missing(entry, self.folder))
        for file in entry.files:
            if file.required or file.name in manifest["files"]:
                _check_sum(place / file.name, file, entry)
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

    def remove(self, key: str) -> bool:
        """Delete a model from the cache.

        Returns:
            False if it was not there.

        Raises:
            UsageError: for an unknown key.
            ModelError: if it may not be deleted.
        """
        entry = find(key, self.catalogue)
        place = self.folder / key
        if not place.exists():
            return False
        with _disk_errors(self.folder, entry):
            doomed = Path(tempfile.mkdtemp(prefix=f"{_WORK_PREFIX}{key}-", dir=self.folder))
            os.replace(place, doomed / "old")
            shutil.rmtree(doomed)
        return True

    def locate(self, model: str, base: Path | None = None) -> Located:
        """A model by path or key, in this order; one from the cache is checked.

        The check reads whole files once; later it compares size and time.

        Args:
            model: a path, or a key of the catalogue.
            base: folder that a relative path is seen from, None for the current one.

        Raises:
            ModelError: if it is not there (with the command that brings it) or
                its bytes are wrong.
        """
        path = (base or Path()) / Path(model).expanduser()
        if path.exists():
            return Located(path, None)
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

    def _publish(self, fresh: Path, aside: Path, entry: CatalogueEntry) -> None:
        """Rename the finished folder into place, unless another process was first."""
        place = self.folder / entry.key
        for _ in range(10):
            try:
                os.rename(fresh, place)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES):
                    raise
                if not place.exists():
                    raise
                if self._unchanged(entry):
                    return
                os.replace(place, aside)
                shutil.rmtree(aside, ignore_errors=True)
                continue
            _flush_folder(self.folder)
            return
        raise ModelError(f"{place} keeps changing: stop other pulls of {entry.key} and try again")

    def _sweep(self) -> None:
        """Delete work folders that a killed process left more than a day ago."""
        limit = time.time() - _STALE_SECONDS
        for path in self.folder.glob(f"{_WORK_PREFIX}*"):
            if path.stat().st_mtime < limit:
                shutil.rmtree(path, ignore_errors=True)


def default_store() -> ModelStore:
    """The store in the user's cache folder."""
    return ModelStore(default_folder())


def checked_name(model: str, context: object) -> str:
    """What a pipeline file says about a model, made independent of the working folder.

    For the validators of configs: a mistyped key is found when a file is built.

    Args:
        model: a key of the catalogue or a path.
        context: the validation context, which may bring ``base``, the file's folder.

    Returns:
        An absolute path where something lies there or a path is meant, else the key.

    Raises:
        ValueError: for a bare word that is no key, with the nearest one.
    """
    base = context.get("base") if isinstance(context, Mapping) else None
    path = ((base or Path()) / Path(model).expanduser()).absolute()
    meant = "/" in model or os.sep in model or path.suffix in (".gguf", ".onnx")
    if meant or path.exists():
        return str(path)
    if model in CATALOGUE:
        return model
    raise ValueError(f"no such path, and no such key in the catalogue; {nearest(model, CATALOGUE)}")


def _missing(entry: CatalogueEntry, folder: Path) -> str:
    return (
        f"the model {entry.key} ({entry.display_size}) is not in {folder}: run"
        f" `assay models pull {entry.key}`"
    )


def _check_sum(path: Path, file: ModelFile, entry: CatalogueEntry) -> None:
    again = f"run `assay models rm {entry.key} && assay models pull {entry.key}`"
    try:
        found = sha256_of(path)
    except FileNotFoundError:
        raise ModelError(f"{path} is missing from {entry.key}: {again}") from None
    if found != file.sha256:
        raise ModelError(
            f"{path} has wrong bytes: expected sha256 {file.sha256}, got {found}; {again}"
        )


def _flush_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _disk_errors(folder: Path, entry: CatalogueEntry) -> Iterator[None]:
    """Turn what the disk refuses into one sentence with a way out."""
    other = f"or set {ENVIRONMENT} to another folder"
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = (
                f"no space left in {folder}: {entry.key} needs {entry.display_size} and about"
                f" 100 MB while it is pulled; free some {other}"
            )
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            message = f"{folder} cannot be written to ({error.strerror}): change that {other}"
        else:
            message = f"{folder} cannot hold {entry.key} ({error}): repair that {other}"
        raise ModelError(message) from error
