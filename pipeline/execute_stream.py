"""One query, told piece by piece."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any

from assay.pipeline.context import DeadlineExceeded
from assay.pipeline.execute import CAUGHT, Executor, collect
from assay.pipeline.frame import Frame, node_spans
from assay.pipeline.limits import out_of_time
from assay.pipeline.plan import Task


def stream_run(executor: Executor, frame: Frame) -> Iterator[tuple[Task, str | None]]:
    """As ``run``; yields each node when it is done, and before that its pieces of text.

    Branches of one level are run at the same time and yielded in the order of the plan.
    """
    for level in executor.plan.levels:
        if len(level) > 1 and executor.pool is not None:
            futures = [
                executor.pool.submit(copy_context().run, executor.branch, branch, frame)
                for branch in level
            ]
            collect(frame, None, futures)
            for branch in level:
                for task in branch:
                    yield task, None
            continue
        for branch in level:
            for task in branch:
                if hasattr(task.step.node, "stream") and task.plain:
                    yield from _streamed(executor, task, frame)
                else:
                    executor.task(task, frame)
                yield task, None


def _streamed(executor: Executor, task: Task, frame: Frame) -> Iterator[tuple[Task, str | None]]:
    """Run a node with ``stream``; its span is never the current one of who reads the pieces."""
    spans, apart = node_spans(task, [frame]), copy_context()
    apart.run(spans.__enter__)
    try:
        yield from _pieces(executor, task, frame)
    finally:
        apart.run(spans.__exit__, None, None, None)


def _pieces(executor: Executor, task: Task, frame: Frame) -> Iterator[tuple[Task, str | None]]:
    begin = time.perf_counter()
    output: Any = None
    try:
        arguments = executor.arguments(task, frame)
        if type(arguments) is dict:
            for piece in task.step.node.stream(**arguments):  # type: ignore[attr-defined]
                if isinstance(piece, str):
                    yield task, piece
                else:
                    output = piece
        else:
            output = arguments
    except DeadlineExceeded as error:
        output = out_of_time(task, error)
    except CAUGHT as error:
        output = executor._instead(task, error, frame)
    executor.settle(task, frame, output, begin)
