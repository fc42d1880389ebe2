"""Vectors in files: written as they come, read as they are used.

A file is a ``.npy`` array of shape ``(n, dimension)``, float32 or float16.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

import numpy as np
from numpy.typing import NDArray

from assay.corpora.indexes.dense import BLOCK, Places
from assay.corpora.indexes.index import Rows
from assay.corpora.indexes.segments import Held, Segment, mapped
from assay.models.protocols import Floats

Stored = NDArray[np.floating]
"""Vectors as they are stored: float32 or float16, shape ``(n, dimension)``."""

Precision = Literal["float32", "float16"]

VECTORS = "vectors.npy"


class VectorWriter:
    """Writes an array whose length is known only at its end.

    Args:
        path: a file that is not there yet.
        precision: what numbers are rounded to.
    """

    def __init__(self, path: Path, precision: Precision = "float32") -> None:
        self._path = path
        self._type = np.dtype(precision).newbyteorder("<")
        self._file: IO[bytes] | None = None
        self._shape = (0, 0)
        self._rows: list[Rows] = []

    def __enter__(self) -> Self:
        self._file = self._path.open("xb")
        self._head()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._file is not None
        if kind is None:
            self._file.seek(0)
            self._head()
        self._file.close()

    def append(self, rows: Rows, vectors: Stored) -> None:
        """Add vectors, shape ``(n, dimension)``, and remember their rows."""
        assert self._file is not None
        self._rows.append(rows)
        self._shape = (self._shape[0] + len(vectors), vectors.shape[1])
        for start in range(0, len(vectors), BLOCK):
            block = np.ascontiguousarray(vectors[start : start + BLOCK], dtype=self._type)
            self._file.write(block.tobytes())

    def __len__(self) -> int:
        return self._shape[0]

    @property
    def dimension(self) -> int:
        """Length of a vector; 0 while there is none."""
        return self._shape[1]

    @property
    def rows(self) -> Rows:
        """All rows so far."""
        return np.concatenate([np.empty(0, dtype=np.int64), *self._rows])

    def _head(self) -> None:
        # numpy leaves room for a length of 21 digits, so that the header keeps its size.
        assert self._file is not None
        np.lib.format.write_array_header_1_0(
            self._file,
            {"descr": self._type.str, "fortran_order": False, "shape": self._shape},
        )


def blocks(vectors: Stored, chosen: Places | None = None) -> Iterator[Floats]:
    """Vectors in float32, at most ``BLOCK`` at once; all, or those at chosen places."""
    for start in range(0, len(vectors) if chosen is None else len(chosen), BLOCK):
        part = slice(start, start + BLOCK)
        yield vectors[part if chosen is None else chosen[part]].astype(np.float32)


def stored(held: Held, segment: Segment, dimension: int) -> Stored:
    """The vectors of a segment.

    Raises:
        CorpusError: if its file is damaged.
    """
    return mapped(
        held.folder,
        segment.file(held.folder, VECTORS),
        ("float32", "float16"),
        (segment.rows, dimension),
    )


def gather(parts: Sequence[Stored], bounds: Places, places: Places, dimension: int) -> Floats:
    """Vectors at places of all segments, in the order asked.

    Args:
        parts: the vectors of each segment.
        bounds: where each segment begins among all places, and where the last one ends.
        places: any.
        dimension: of the vectors.
    """
    found = np.empty((len(places), dimension), dtype=np.float32)
    owners = np.searchsorted(bounds, places, side="right") - 1
    for owner in np.unique(owners):
        mine = owners == owner
        found[mine] = parts[owner][places[mine] - bounds[owner]]
    return found
