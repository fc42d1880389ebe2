"""Versions of an index on disk: written aside, then swapped in at once.

::

    <folder>/CURRENT                 which generation counts, and its manifest's digest
    <folder>/generations/000007/     manifest.json and the files that it lists
    <folder>/generations/000008.partial/   a run that did not finish; the next one removes it
    <folder>/lock.sqlite             held by the run that writes

The generation before the current one is kept for readers that are just loading it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assay.pipeline.errors import CorpusError
from assay.pipeline.files import write_atomically

FORMAT = 1
POINTER = "CURRENT"
KEPT = 2


def sha256_of(path: Path) -> str:
    """sha256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system frees it if the process dies.

    Raises:
        CorpusError: if another run holds it, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # SQLite's file lock works alike on every system and between threads.
        database = sqlite3.connect(folder / "lock.sqlite", timeout=0, isolation_level=None)
    except (OSError, sqlite3.OperationalError) as error:
        raise CorpusError(f"the corpus folder '{folder}' cannot be written: {error}") from error
    try:
        try:
            database.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            raise CorpusError(
                f"another index run is writing to '{folder}' ({error}); "
                "wait until it has ended and try again"
            ) from error
        yield
    finally:
        database.close()


def write_generation(
    folder: Path, manifest: dict[str, Any], write_files: Callable[[Path], None]
) -> None:
    """Write a generation and make it current; call it under the lock.

    Args:
        folder: the corpus folder.
        manifest: what to say about it; format and file digests are added.
        write_files: writes the files into the folder that it is given.

    Raises:
        CorpusError: if the disk refuses; the old generation still counts.
    """
    generations = folder / "generations"
    try:
        generations.mkdir(parents=True, exist_ok=True)
        for partial in generations.glob("*.partial"):
            shutil.rmtree(partial)
        number = max((int(item.name) for item in _complete(generations)), default=0) + 1
        name = f"{number:06d}"
        partial = generations / f"{name}.partial"
        partial.mkdir()
        write_files(partial)
        files = sorted(item for item in partial.rglob("*") if item.is_file())
        digests = {item.relative_to(partial).as_posix(): sha256_of(item) for item in files}
        content = json.dumps(
            {"format": FORMAT, **manifest, "files": digests}, ensure_ascii=False, indent=1
        ).encode()
        (partial / "manifest.json").write_bytes(content)
        for item in (*files, partial / "manifest.json"):
            _flush(item)
        partial.rename(generations / name)
        pointer = {"generation": name, "manifest": hashlib.sha256(content).hexdigest()}
        write_atomically(folder / POINTER, json.dumps(pointer).encode())
        for old in _complete(generations)[:-KEPT]:
            shutil.rmtree(old)
    except OSError as error:
        raise CorpusError(f"the index in '{folder}' cannot be written: {error}") from error


def has_generation(folder: Path) -> bool:
    """Whether an index was ever finished here."""
    return (folder / POINTER).exists()


def current(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The current generation's folder and manifest, all digests checked.

    Raises:
        CorpusError: if there is no index, or if it is damaged.
    """
    try:
        pointer = json.loads((folder / POINTER).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CorpusError(
            f"no index in '{folder}': make one with 'assay index PIPELINE --docs PATH'"
        ) from error
    except (OSError, ValueError) as error:
        raise _damaged(folder, f"CURRENT cannot be read: {error}") from error
    try:
        generation = folder / "generations" / pointer["generation"]
        content = (generation / "manifest.json").read_bytes()
        if hashlib.sha256(content).hexdigest() != pointer["manifest"]:
            raise _damaged(folder, "manifest.json was altered")
        manifest: dict[str, Any] = json.loads(content)
        if manifest["format"] != FORMAT:
            raise _damaged(folder, f"format {manifest['format']}, expected {FORMAT}")
        for name, expected in manifest["files"].items():
            if sha256_of(generation / name) != expected:
                raise _damaged(folder, f"{name} was altered")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise _damaged(folder, str(error)) from error
    return generation, manifest


def _damaged(folder: Path, reason: str) -> CorpusError:
    return CorpusError(
        f"the index in '{folder}' is damaged ({reason}): "
        "index again with 'assay index PIPELINE --docs PATH'"
    )


def _complete(generations: Path) -> list[Path]:
    return sorted(item for item in generations.iterdir() if item.name.isdigit())


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
