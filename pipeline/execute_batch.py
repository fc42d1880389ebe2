"""Many queries carried through a plan node by node, so that models see full batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from assay.pipeline.context import DeadlineExceeded
from assay.pipeline.errors import NodeError
from assay.pipeline.execute import CAUGHT, Executor
from assay.pipeline.frame import Frame, node_spans
from assay.pipeline.limits import out_of_time
from assay.pipeline.plan import Task
from assay.pipeline.readable import HOLDERS
from assay.pipeline.words import Abstention, Skipped


def run_batch(executor: Executor, frames: Sequence[Frame]) -> dict[int, NodeError]:
    """Carry many queries through the nodes, node by node.

    A node with ``run_batch`` sees all queries that reach it at once. A query on
    which a node fails leaves; the others go on.

    Returns:
        Place of the frame to its error.
    """
    failed: dict[int, NodeError] = {}
    for task in executor.plan.usual if frames else ():
        whole = getattr(task.step.node, "run_batch", None)
        if whole is not None and task.plain:
            _together(executor, task, whole, frames, failed)
            continue
        quick = task.simple and frames[0].deadline is None and frames[0].trace is None
        if quick:
            _one_by_one(executor, task, frames, failed)
            continue
        _each(executor, task, dict(enumerate(frames)), failed)
    return failed


def _one_by_one(
    executor: Executor, task: Task, frames: Sequence[Frame], failed: dict[int, NodeError]
) -> None:
    """``task`` for each query, without what a node of one value never needs."""
    run, port, source, place_of = task.run, task.feeds[0].port, task.feeds[0].place, task.place
    classes = task.classes or ()
    begin = time.perf_counter()
    for place, frame in enumerate(frames):
        if place in failed:
            continue
        value = frame.values[source]
        kind = type(value)
        try:
            if kind is Abstention or kind is Skipped:
                executor.task(task, frame)
                continue
            output = run(**{port: value})
            if not isinstance(output, classes) or type(output) in HOLDERS:
                executor.settle(task, frame, output, begin)
                continue
        except NodeError as error:
            failed[place] = error
            continue
        except DeadlineExceeded as error:
            output = out_of_time(task, error)
        except CAUGHT as error:
            failed[place] = frame.failure(task, error)
            continue
        frame.values[place_of] = output
        end = time.perf_counter()
        frame.seconds[place_of] = end - begin
        begin = end


def _together(
    executor: Executor,
    task: Task,
    whole: Callable[..., Sequence[Any]],
    frames: Sequence[Frame],
    failed: dict[int, NodeError],
) -> None:
    """One call of ``run_batch``; if it fails, each query by itself, so that one is named."""
    begin = time.perf_counter()
    items = _ready(executor, task, frames, failed, begin)
    if not items:
        return
    contexts = [frames[place].contexts[task.place] for place in items]
    with node_spans(task, [frames[place] for place in items]):
        try:
            outputs = list(whole(list(items.values()), contexts))
            if len(outputs) != len(items):
                raise TypeError(
                    f"{task.step.node.name} gave {len(outputs)} outputs for {len(items)} queries"
                )
        except CAUGHT:
            _each(executor, task, {place: frames[place] for place in items}, failed)
            return
        share = (time.perf_counter() - begin) / len(items)
        for place, output in zip(items, outputs, strict=True):
            try:
                executor.settle(task, frames[place], output, time.perf_counter() - share)
            except NodeError as error:
                failed[place] = error


def _ready(
    executor: Executor,
    task: Task,
    frames: Sequence[Frame],
    failed: Mapping[int, NodeError],
    begin: float,
) -> dict[int, dict[str, Any]]:
    """Place to arguments of the queries that reach a node; the others are settled."""
    items: dict[int, dict[str, Any]] = {}
    for place, frame in enumerate(frames):
        if place in failed:
            continue
        try:
            found = executor.arguments(task, frame)
        except DeadlineExceeded as error:
            found = out_of_time(task, error)
        if isinstance(found, dict):
            if task.context is not None:
                del found[task.context]
            else:
                frame.context(task)
            items[place] = found
        else:
            executor.settle(task, frame, found, begin)
    return items


def _each(
    executor: Executor,
    task: Task,
    frames: Mapping[int, Frame],
    failed: dict[int, NodeError],
) -> None:
    """Run a node on each query that has not failed yet."""
    for place, frame in frames.items():
        if place in failed:
            continue
        try:
            executor.task(task, frame)
        except NodeError as error:
            failed[place] = error
