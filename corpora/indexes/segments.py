"""Segments: how an index whose files never change takes additions and removals.

A folder is a list of segments, in rising order of their rows. An update links the segments that
stay, writes one for what was added, and notes which rows were removed; searches pass those by.
The newest segments are written anew together with what is added as long as they are small beside
it, so that their number grows with the logarithm of the updates (the log-structured merge tree of
O'Neil et al. 1996, section 2, with one file a level).

Beside what the kind of index keeps, a segment has its rows in ``<name>.rows.npy``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.corpora.indexes.folders import damaged, flush, link, seal, verify
from assay.corpora.indexes.index import Rows
from assay.corpora.indexes.rows import RowMap

LAYOUT, REMOVED, ROWS = "segments.json", "removed.npy", "rows.npy"

WORN = 0.2
"""Share of removed rows above which an index is better begun anew."""

GROWTH = 2
"""A segment is written anew with what follows it unless it is more than so many times as large."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows with what is kept of them, in files of their own.

    Args:
        name: the first part of its files' names.
        rows: how many rows it holds, removed ones included.
        facts: what its kind of index must know of it; JSON.
    """

    name: str
    rows: int
    facts: Mapping[str, Any] = field(default_factory=dict)

    def file(self, folder: Path, part: str) -> Path:
        """Where one of its files lies."""
        return folder / f"{self.name}.{part}"


@dataclass(frozen=True, slots=True)
class Layout:
    """What a folder holds.

    Args:
        form: name and version of what wrote it.
        segments: in rising order of rows.
        highest: the highest row that was ever added; -1 for none.
        facts: of the whole index; JSON.
    """

    form: str
    segments: tuple[Segment, ...] = ()
    highest: int = -1
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """A folder that was read: its layout, and where its rows lie."""

    folder: Path
    layout: Layout
    rows: RowMap

    @property
    def worn(self) -> bool:
        """Whether so many rows were removed that it is better begun anew."""
        return len(self.rows.removed) > WORN * len(self.rows)


def read(folder: Path, form: str, *, removed: Rows | None = None) -> Held:
    """Read a folder's layout and rows, after a look for damage.

    Args:
        folder: that ``write`` finished.
        form: what must have written it.
        removed: further rows to leave out.

    Raises:
        CorpusError: if it is damaged or has another form.
    """
    verify(folder)
    try:
        said = json.loads((folder / LAYOUT).read_text(encoding="utf-8"))
        if said["form"] != form:
            raise damaged(folder, f"it was written as '{said['form']}', expected '{form}'")
        segments = tuple(
            Segment(one["name"], int(one["rows"]), one["facts"]) for one in said["segments"]
        )
        layout = Layout(form, segments, int(said["highest"]), said["facts"])
        gone = np.load(folder / REMOVED, allow_pickle=False)
        parts = [np.load(one.file(folder, ROWS), allow_pickle=False) for one in segments]
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise damaged(folder, f"{type(error).__name__} while it was read: {error}") from error
    if [len(part) for part in parts] != [one.rows for one in segments]:
        raise damaged(folder, "a segment holds more or fewer rows than were written")
    rows: Rows = np.concatenate([np.empty(0, dtype=np.int64), *parts])
    if rows.dtype != np.int64 or not bool((np.diff(rows) > 0).all()):
        raise damaged(folder, "its rows do not rise")
    if removed is not None and len(removed):
        gone = np.union1d(gone, removed)
    return Held(folder, layout, RowMap([one.rows for one in segments], rows, gone))


def absorbed(segments: Sequence[Segment], added: int, fits: Callable[[Segment], bool]) -> int:
    """How many of the newest segments are written anew together with what is added.

    Args:
        segments: all of them.
        added: how many rows are added.
        fits: whether a segment may be written anew at all.

    >>> sizes = [Segment(str(n), n) for n in (200, 30, 12, 10)]
    >>> absorbed(sizes, 5, lambda one: True), absorbed(sizes, 2, lambda one: True)
    (3, 0)
    """
    count, total = 0, added
    for one in reversed(segments):
        if not added or one.rows > GROWTH * total or not fits(one):
            break
        count, total = count + 1, total + one.rows
    return count


def named(rows: Rows) -> str:
    """A name for a segment of these rows, which no other segment of its folder has."""
    return f"{int(rows[0])}-{int(rows[-1])}"


def keep(held: Held, new: Path, kept: Sequence[Segment]) -> Rows:
    """Link the files of segments that stay; the removed rows among them."""
    starts = tuple(f"{one.name}." for one in kept)
    link(held.folder, new, wanted=lambda name: name.startswith(starts))
    places = sum(one.rows for one in kept)  # those that stay are always the oldest
    last = held.rows.all[places - 1] if places else -1
    removed = held.rows.removed
    return removed[removed <= last]


def write(new: Path, layout: Layout, removed: Rows) -> None:
    """Finish a folder whose segments are written: layout, removed rows, seal, and to the disk."""
    said = {
        "form": layout.form,
        "segments": [
            {"name": one.name, "rows": one.rows, "facts": dict(one.facts)}
            for one in layout.segments
        ],
        "highest": layout.highest,
        "facts": dict(layout.facts),
    }
    np.save(new / REMOVED, removed.astype(np.int64), allow_pickle=False)
    (new / LAYOUT).write_text(json.dumps(said, indent=1), encoding="utf-8")
    seal(new)
    flush(new)


def mapped(folder: Path, path: Path, dtypes: Sequence[str], shape: tuple[int, ...]) -> NDArray[Any]:
    """An array in a file, read as it is used; it stays when the file is deleted.

    Args:
        folder: the index's, for messages.
        path: of the ``.npy`` file.
        dtypes: what its numbers may be, such as ``float32``.
        shape: what it must have; -1 for any length.

    Raises:
        CorpusError: if it is no such array.
    """
    try:
        found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise damaged(folder, f"{path.name} is no array of numbers ({error})") from error
    fits = len(found.shape) == len(shape) and all(
        want in (-1, size) for size, want in zip(found.shape, shape, strict=True)
    )
    if str(found.dtype) not in dtypes or not fits or not found.flags.c_contiguous:
        raise damaged(
            folder,
            f"{path.name} holds {found.dtype} of shape {found.shape},"
            f" expected {' or '.join(dtypes)} of shape {shape}",
        )
    return found.view(np.ndarray)
