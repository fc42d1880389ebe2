"""The files below a folder, in name order, each once."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from assay.corpora.loaders.labelled import is_collection

_QUESTIONS = ("queries", "qrels", "topics", "spans.jsonl", "info.json")
"""How the names of a collection's files begin that are no evidence."""

_FORMS = ("", ".jsonl", ".json", ".tsv", ".txt")


def is_question(name: str) -> bool:
    """Whether a file or folder of a collection holds questions, judgements or the like."""
    return name.lower().startswith(_QUESTIONS) and Path(name).suffix.lower() in _FORMS


def walk(folder: Path, refused: Callable[[OSError], None]) -> Iterator[Path]:
    """Every file below a folder, whatever it is.

    Folders are followed through links, but none is walked twice. Names that begin with a
    dot are left out, and of a labelled set its questions and judgements: what answers them is
    elsewhere.

    Args:
        folder: where to begin.
        refused: told of each folder that cannot be listed.
    """
    seen: set[tuple[int, int]] = set()
    for place, folders, names in os.walk(folder, followlinks=True, onerror=refused):
        try:
            status = os.stat(place)
        except OSError as error:
            refused(error)
            folders.clear()
            continue
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        collection = is_collection(Path(place)) or any(one.endswith(".trec") for one in names)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and not (collection and is_question(name))
        )
        for name in sorted(names):
            if not name.startswith(".") and not (collection and is_question(name)):
                yield Path(place) / name


def special(mode: int) -> str:
    """What a file is that must not be opened, such as ``a named pipe``; '' for a regular one."""
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    if stat.S_ISSOCK(mode):
        return "a socket"
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        return "a device"
    return "" if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else "a special file"
