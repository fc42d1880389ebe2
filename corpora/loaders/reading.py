"""Reads a file into memory once, whole, and never a byte more than its limit."""

from __future__ import annotations

import os
import stat

from assay.corpora.loaders.loaded import Source, Unreadable

_TRIES = 2  # a file that changes under our hands gets one more chance


def read(source: Source) -> bytes:
    """The bytes of a file, as they stood at one moment.

    Size and time of change are compared before and after, so that half of an old and half of a
    new version are never taken for one file.

    Args:
        source: the file; ``source.limits.file_bytes`` is the most that is read.

    Returns:
        All of it, at most ``file_bytes`` long.

    Raises:
        Unreadable: if it is larger than the limit, is no regular file (a folder, a pipe, a
            device), or changed during both of two attempts.
        OSError: if it cannot be opened.
    """
    for _ in range(_TRIES):
        before = os.stat(source.path)
        if not stat.S_ISREG(before.st_mode):
            # asked before it is opened: opening a pipe waits for a writer for ever
            raise Unreadable(
                f"{source.id}: expected a regular file, found {_named(before.st_mode)}; "
                "name the file that holds the text"
            )
        _refuse_large(source, before.st_size)
        with open(source.path, "rb") as file:
            raw = file.read(source.limits.file_bytes + 1)
        _refuse_large(source, len(raw))
        after = os.stat(source.path)
        if _state(before) == _state(after) and len(raw) == after.st_size:
            return raw
    raise Unreadable(
        f"{source.id}: changed while it was read, in {_TRIES} attempts "
        f"({before.st_size} bytes before, {len(raw)} read, {after.st_size} after); "
        "index it again when nothing writes to it"
    )


def refuse_long(text: str, source: Source) -> None:
    """Nothing for a text within ``source.limits.characters``.

    Raises:
        Unreadable: if it is longer; the message has both numbers.
    """
    limit = source.limits.characters
    if len(text) > limit:
        raise Unreadable(
            f"{source.id}: its text has {len(text)} characters, the limit is {limit}; "
            "split the file or raise the limit 'characters'"
        )


def _refuse_large(source: Source, size: int) -> None:
    limit = source.limits.file_bytes
    if size > limit:
        raise Unreadable(
            f"{source.id}: the file has at least {size} bytes, the limit is {limit}; "
            "split the file or raise the limit 'file_bytes'"
        )


def _state(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _named(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device"
