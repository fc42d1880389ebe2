"""Plans with nodes that must be awaited, and callers that await; loaded where one is met."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from assay.pipeline.context import DeadlineExceeded
from assay.pipeline.errors import NodeError
from assay.pipeline.execute import CAUGHT, Executor
from assay.pipeline.frame import Frame, node_spans
from assay.pipeline.limits import limited, out_of_time, too_slow
from assay.pipeline.plan import Task
from assay.pipeline.policy import transient

Result = TypeVar("Result")

AT_ONCE = 64
"""Most queries of a batch that are under way together."""


async def run_async(executor: Executor, frame: Frame) -> None:
    """As ``run``: asynchronous nodes as tasks, the others on threads.

    Raises:
        NodeError: of the first node, in the order of the plan, that failed.
    """
    for level in executor.plan.levels:
        branches = [asyncio.ensure_future(_abranch(executor, one, frame)) for one in level]
        try:
            for branch in branches:
                await branch
        except BaseException:
            frame.cancelled.set()
            for branch in branches:
                branch.cancel()
            await asyncio.gather(*branches, return_exceptions=True)
            raise


async def _abranch(executor: Executor, branch: Iterable[Task], frame: Frame) -> None:
    loop = asyncio.get_running_loop()
    for task in branch:
        if task.asynchronous:
            await run_task(executor, task, frame)
        else:
            await loop.run_in_executor(
                executor.pool, copy_context().run, executor.task, task, frame
            )


async def run_task(executor: Executor, task: Task, frame: Frame) -> None:
    """As ``Executor.task``, for a node that must be awaited."""
    if frame.trace is None:
        await _awaited(executor, task, frame)
        return
    with node_spans(task, [frame]):
        await _awaited(executor, task, frame)


async def _awaited(executor: Executor, task: Task, frame: Frame) -> None:
    begin = time.perf_counter()
    try:
        arguments = executor.arguments(task, frame)
        output = (
            await _akept(executor, task, arguments, frame) if type(arguments) is dict else arguments
        )
    except DeadlineExceeded as error:
        output = out_of_time(task, error)
    except CAUGHT as error:
        name = task.step.policy.fallback_for(error)
        if name is None:
            raise frame.failure(task, error) from error
        if name in executor.plan.reserve:
            await _abranch(executor, [executor.plan.reserve[name]], frame)
        output = frame.values[executor.plan.places[name]]
    executor.settle(task, frame, output, begin)


async def _akept(executor: Executor, task: Task, arguments: dict[str, Any], frame: Frame) -> Any:
    if executor.stored is None or not task.step.policy.cache:
        return await _atried(executor, task, arguments, frame)
    place = executor.stored.place(task, arguments, frame)
    found = executor.stored.find(task, place, frame)
    if found is not None:
        return found.output
    output = await _atried(executor, task, arguments, frame)
    executor.stored.keep(task, place, output, frame)
    return output


async def _atried(executor: Executor, task: Task, arguments: dict[str, Any], frame: Frame) -> Any:
    policy = task.step.policy
    limit = None if policy.timeout is None else time.monotonic() + policy.timeout
    for tried in range(policy.times + 1):
        try:
            return await limited(task, task.run(**arguments), frame, limit)
        except CAUGHT as error:
            if tried == policy.times or not transient(error):
                raise
        pause = policy.pause(tried, task.step.name)
        if limit is not None and time.monotonic() + pause > limit:
            raise too_slow(task)
        await asyncio.sleep(pause)
        frame.forget_notes(task)
    raise AssertionError("the last try returns or raises")


async def run_batch_async(executor: Executor, frames: Sequence[Frame]) -> dict[int, NodeError]:
    """As ``batch``, for plans with asynchronous nodes: queries side by side."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(frame: Frame) -> NodeError | None:
        async with gate:
            try:
                await run_async(executor, frame)
            except NodeError as error:
                return error
        return None

    errors = await asyncio.gather(*(one(frame) for frame in frames))
    return {place: error for place, error in enumerate(errors) if error is not None}


def outside_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end, on a thread of its own if this one has a loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as one:
        return one.submit(asyncio.run, work).result()
