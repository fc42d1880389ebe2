"""Read what is new in a log of JSON lines that may still be written, cut or renamed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import BaseModel, ConfigDict, Field

from assay.pipeline.errors import DataError, UsageError

TAIL = 4096
"""Bytes before a position that must still be the same."""


class Position(BaseModel):
    """How far a log was read."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    offset: int = Field(ge=0, description="bytes, just after a line")
    lines: int = Field(ge=0)
    tail: str = Field(description="digest of the last bytes before the offset")


@dataclass(slots=True)
class Log:
    """The new lines of one file, each a JSON object, in order.

    A log is known by its first line, so a renamed one goes on where it was left. One whose bytes
    before that place changed is read from its start; whoever reads must bear lines twice. A last
    line without its end is left for the next time.

    Args:
        path: the file.
        known: digest of a first line to the position that was reached.
    """

    path: Path
    known: Mapping[str, Position] = field(default_factory=dict)
    head: str | None = field(default=None, init=False)
    position: Position | None = field(default=None, init=False)
    unfinished: bool = field(default=False, init=False)

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Line number from 1, and the object.

        Raises:
            UsageError: if there is no such file.
            DataError: for a whole line that is no JSON object; the position is not moved.
        """
        try:
            with self.path.open("rb") as file:
                yield from self._read(file)
        except (FileNotFoundError, IsADirectoryError) as error:
            raise UsageError(f"{self.path} is no file ({error.strerror}): check the path") from None

    def _read(self, file: BinaryIO) -> Iterator[tuple[int, dict[str, Any]]]:
        first = file.readline()
        if not first.endswith(b"\n"):
            self.unfinished = bool(first)
            return
        self.head = hashlib.sha256(first).hexdigest()[:16]
        offset, number = self._start(file)
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                self.unfinished = True
                break
            number += 1
            offset += len(line)
            if line.strip():
                yield number, self._object(line, number)
        self.position = Position(offset=offset, lines=number, tail=_tail(file, offset))

    def _start(self, file: BinaryIO) -> tuple[int, int]:
        known = self.known.get(self.head or "")
        if known is None or _tail(file, known.offset) != known.tail:
            return 0, 0
        return known.offset, known.lines

    def _object(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{self.path}:{number} is no JSON: {error}; mend or remove the line"
            ) from error
        if not isinstance(found, dict):
            raise DataError(f"{self.path}:{number}: expected a JSON object, found {found!r:.60}")
        return found


def _tail(file: BinaryIO, offset: int) -> str:
    """Digest of the bytes before a place; of fewer bytes if the file is shorter than that."""
    start = max(0, offset - TAIL)
    file.seek(start)
    return hashlib.sha256(file.read(offset - start)).hexdigest()[:16]
