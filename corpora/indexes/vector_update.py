"""What updates of indexes over vectors begin with: what stays, and vectors for a new segment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assay.corpora.indexes.dense import checked_blocks
from assay.corpora.indexes.index import Rows
from assay.corpora.indexes.segments import ROWS, Held, Layout, Segment, absorbed, keep, named
from assay.corpora.indexes.vector_files import VECTORS, VectorWriter, blocks, stored
from assay.models.protocols import Floats


@dataclass(frozen=True, slots=True)
class Staged:
    """Vectors of a segment that is being made, as float32.

    Args:
        path: their file.
        rows: their rows; none where there is nothing to add.
        added: how many of them are new; the others come from segments that it takes the place of.
        dimension: of the vectors; 0 where none was ever added.
        kept: segments that stay, linked already.
        removed: removed rows in segments that stay.
        highest: the highest row that was ever added.
    """

    path: Path
    rows: Rows
    added: int
    dimension: int
    kept: tuple[Segment, ...]
    removed: Rows
    highest: int

    def place(self, new: Path) -> Segment:
        """Make them a segment whose vectors stay as they are."""
        made = Segment(named(self.rows), len(self.rows))
        self.path.rename(made.file(new, VECTORS))
        write_rows(new, made, self.rows)
        return made


def write_rows(new: Path, segment: Segment, rows: Rows) -> None:
    """Write the rows of a segment."""
    np.save(segment.file(new, ROWS), rows, allow_pickle=False)


def stage(
    held: Held | None,
    new: Path,
    added: Iterable[tuple[int, Floats]],
    *,
    fits: Callable[[Segment], bool],
    most: int | None = None,
) -> Staged | None:
    """Link what stays, and write the vectors of the next segment.

    Args:
        held: the old folder; None where there is none.
        new: the folder that is made.
        added: new rows with their vectors; ``checked_blocks`` looks at them.
        fits: whether a segment of the old folder may be written anew.
        most: how many rows may come; None for any.

    Returns:
        None where more rows came; the new folder is then not to be used.

    Raises:
        CorpusError: for a row or vector that cannot be added, or damage.
    """
    layout = Layout("") if held is None else held.layout
    dimension = int(layout.facts.get("dimension", 0))
    path = new / "staged"
    with VectorWriter(path) as writer:
        for rows, vectors in checked_blocks(added, dimension=dimension, highest=layout.highest):
            if most is not None and len(writer) + len(rows) > most:
                return None
            writer.append(rows, vectors)
    dimension = dimension or writer.dimension
    every, kept, removed = writer.rows, layout.segments, np.empty(0, dtype=np.int64)
    if held is not None:
        count = len(kept) - absorbed(kept, len(writer), fits)
        kept, again = kept[:count], kept[count:]
        removed = keep(held, new, kept)
        if again:
            every = _join(held, again, path, every, dimension)
    highest = max(layout.highest, int(every[-1]) if len(writer) else -1)
    if not len(writer):
        path.unlink()
    return Staged(path, every, len(writer), dimension, kept, removed, highest)


def _join(held: Held, again: Sequence[Segment], path: Path, fresh: Rows, dimension: int) -> Rows:
    """Put what is left of the newest segments before what was staged; the rows of both."""
    whole = path.with_name("whole")
    open_places = held.rows.open_places(None)
    first = len(held.layout.segments) - len(again)
    with VectorWriter(whole) as writer:
        for number, segment in enumerate(again, start=first):
            rows = held.rows.all[held.rows.bounds[number] : held.rows.bounds[number + 1]]
            chosen = open_places[number]
            rows = rows if chosen is None else rows[chosen]
            done = 0
            for block in blocks(stored(held, segment, dimension), chosen):
                writer.append(rows[done : done + len(block)], block)
                done += len(block)
        writer.append(fresh, np.load(path, mmap_mode="r", allow_pickle=False))
    whole.replace(path)
    return writer.rows
