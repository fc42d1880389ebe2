"""A model folder that appears whole or not at all.

It is made beside its place and renamed into it, so two processes may bring the same model
at once, and what is stopped half-way leaves nothing behind.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from assay.models.files.manifest import ENVIRONMENT
from assay.pipeline.errors import ModelError

_WORK_PREFIX = ".pull-"
_STALE_SECONDS = 24 * 3600.0
_ATTEMPTS = 10


def place_whole(
    place: Path,
    fill: Callable[[Path, Path], None],
    settled: Callable[[], bool],
    *,
    key: str,
    size: str,
) -> None:
    """Make a model's folder.

    Args:
        place: where it shall lie; the folders above it are made.
        fill: writes the model into its first argument, an empty folder; may use its second,
            another one, for what is not kept.
        settled: whether what lies at ``place`` is the whole model, brought by another process.
        key: the model's name, for messages.
        size: how much room it takes, for messages.

    Raises:
        ModelError: if the disk refuses.
    """
    with disk_errors(place.parent, key=key, size=size):
        place.parent.mkdir(parents=True, exist_ok=True)
        _sweep(place.parent)
        work = _work(place)
        try:
            fresh, spare = work / "model", work / "spare"
            fresh.mkdir()
            spare.mkdir()
            fill(fresh, spare)
            _publish(fresh, work / "old", place, settled, key)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def take_away(place: Path, *, key: str) -> bool:
    """Delete a model's folder; False if it was not there.

    Raises:
        ModelError: if it may not be deleted.
    """
    if not place.exists():
        return False
    with disk_errors(place.parent, key=key, size="no room"):
        doomed = _work(place)
        os.replace(place, doomed / "old")
        shutil.rmtree(doomed)
    return True


@contextmanager
def disk_errors(folder: Path, *, key: str, size: str) -> Iterator[None]:
    """Turn what the disk refuses into one sentence with a way out."""
    other = f"or set {ENVIRONMENT} to another folder"
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = (
                f"no space left in {folder}: {key} needs {size} and about"
                f" 100 MB while it is pulled; free some {other}"
            )
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            message = f"{folder} cannot be written to ({error.strerror}): change that {other}"
        else:
            message = f"{folder} cannot hold {key} ({error}): repair that {other}"
        raise ModelError(message) from error


def _work(place: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"{_WORK_PREFIX}{place.name}-", dir=place.parent))


def _publish(fresh: Path, aside: Path, place: Path, settled: Callable[[], bool], key: str) -> None:
    """Rename the finished folder into place, unless another process was first."""
    for _ in range(_ATTEMPTS):
        try:
            os.rename(fresh, place)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES):
                raise
            if not place.exists():
                raise
            if settled():
                return
            os.replace(place, aside)
            shutil.rmtree(aside, ignore_errors=True)
            continue
        _flush_folder(place.parent)
        return
    raise ModelError(f"{place} keeps changing: stop other pulls of {key} and try again")


def _sweep(folder: Path) -> None:
    """Delete work folders that a killed process left more than a day ago."""
    limit = time.time() - _STALE_SECONDS
    for path in folder.glob(f"{_WORK_PREFIX}*"):
        if path.stat().st_mtime < limit:
            shutil.rmtree(path, ignore_errors=True)


def _flush_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
