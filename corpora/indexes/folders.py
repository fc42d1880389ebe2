"""Folders that never change: linking what stays, putting all of it on the disk, noticing damage."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from assay.pipeline.errors import CorpusError


def link(old: Path, new: Path, *, wanted: Callable[[str], bool] = lambda name: True) -> None:
    """Let the files of one folder stand in another, too, without a copy where the disk can.

    Neither folder may write into such a file afterwards; replacing it by another file is fine.

    Args:
        old: a folder with files and no folders.
        new: a folder that is there.
        wanted: says by a file's name whether it is to be linked.
    """
    for item in sorted(old.iterdir()):
        if not wanted(item.name):
            continue
        try:
            os.link(item, new / item.name)
        except OSError:
            shutil.copy2(item, new / item.name)  # no links on this disk, or across two


def flush_names(folder: Path) -> None:
    """Put on the disk what a folder's own entries are called, not what is in them."""
    _sync(folder)


def flush(folder: Path) -> None:
    """Put a folder and everything in it on the disk."""
    for item in sorted(folder.rglob("*")):
        if item.is_file():
            _sync(item)
    for item in (*sorted((one for one in folder.rglob("*") if one.is_dir()), reverse=True), folder):
        _sync(item)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


SEAL = "files.json"
"""The file in which ``seal`` notes a folder's other files."""

DIGESTED = 32 * 1024 * 1024
"""Bytes up to which a file's content is digested; of a larger one only its size is noted."""


def seal(folder: Path) -> None:
    """Note every file's size and, up to ``DIGESTED``, its sha256, for ``verify``.

    Call it when everything else is written, before ``flush``. A seal that is there already is
    replaced, never written into: it may be linked. Cost: one read of the smaller files.

    Args:
        folder: with no folders in it.
    """
    files = {
        item.name: {"size": item.stat().st_size, "sha256": _digest(item)}
        for item in sorted(folder.iterdir())
        if item.name != SEAL
    }
    fresh = folder / f"{SEAL}.new"
    fresh.write_text(json.dumps(files, indent=0), encoding="utf-8")
    fresh.replace(folder / SEAL)


def verify(folder: Path) -> None:
    """Nothing, where every file is as it was when the folder was sealed.

    Files that came later (locks of a library) are no concern. Cost: as ``seal``.

    Raises:
        CorpusError: naming the first file that is missing or differs.
    """
    try:
        files = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        noted = [(name, facts["size"], facts["sha256"]) for name, facts in files.items()]
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise damaged(folder, f"{SEAL} cannot be read ({type(error).__name__})") from error
    for name, size, digest in noted:
        item = folder / name
        try:
            found = item.stat().st_size
            if found != size:
                raise damaged(folder, f"{name} has {found} bytes instead of {size}")
            if digest is not None and _digest(item) != digest:
                raise damaged(folder, f"the content of {name} is not what was written")
        except OSError as error:
            raise damaged(folder, f"{name} cannot be read ({type(error).__name__})") from error


def damaged(folder: Path, finding: str) -> CorpusError:
    """The error for an index folder that is not as it was written.

    Args:
        folder: which one.
        finding: what is wrong with it, without a full stop.
    """
    return CorpusError(
        f"the index in {folder} is damaged: {finding}; index again with"
        " 'assay index PIPELINE --docs PATH'"
    )


def _digest(path: Path) -> str | None:
    if path.stat().st_size > DIGESTED:
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
