"""Entries of a run record that are made when somebody reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from assay.pipeline.frame import Frame
from assay.pipeline.plan import Task


class Lazily(Mapping[str, Any]):
    """A record's entries by node, made when first looked at; equal to a dict of them."""

    __slots__ = ("_frame", "_made", "_make", "_tasks")

    def __init__(
        self, tasks: Sequence[Task], frame: Frame, make: Callable[[Frame, Task], Any]
    ) -> None:
        self._tasks = tasks
        self._frame: Frame | None = frame
        self._make = make
        self._made: dict[str, Any] = {}

    def _all(self) -> dict[str, Any]:
        frame = self._frame
        if frame is not None:
            self._made = {
                task.step.name: self._make(frame, task)
                for task in self._tasks
                if frame.values[task.place] is not None
            }
            self._frame = None
        return self._made

    def __getitem__(self, name: str) -> Any:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and self._all() == dict(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._all())
