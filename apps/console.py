"""What a person sees: one console for results, one for progress and notes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

out = Console(highlight=False, soft_wrap=True)
"""Results, on standard output."""

notes = Console(stderr=True, highlight=False, soft_wrap=True)
"""Progress, warnings and errors, on standard error."""


class Advance(Protocol):
    """Called with a stage's name, items done and items in all."""

    def __call__(self, stage: str, done: int, total: int, /) -> None:
        """Show how far a stage has come."""


@contextmanager
def progress() -> Iterator[Advance]:
    """A bar per stage on a terminal, a plain line at each tenth elsewhere."""
    if notes.is_terminal:
        with Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=notes,
        ) as bars:
            tasks: dict[str, int] = {}

            def draw(stage: str, done: int, total: int) -> None:
                if stage not in tasks:
                    tasks[stage] = int(bars.add_task(stage, total=total))
                bars.update(bars.task_ids[tasks[stage]], completed=done, total=total)

            yield draw
        return
    shown: dict[str, int] = {}

    def line(stage: str, done: int, total: int) -> None:
        tenth = 10 * done // total if total else 10
        if shown.get(stage) != tenth:
            shown[stage] = tenth
            notes.print(f"{stage}: {done} of {total}", markup=False)

    yield line
