"""What ends a node before it is done: its own timeout, the request's deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable
from concurrent.futures import Future
from typing import Any, TypeVar

from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.frame import Frame
from assay.pipeline.plan import Task
from assay.pipeline.policy import NodeTimeout
from assay.pipeline.words import Abstention, AbstentionReason

Result = TypeVar("Result")


def out_of_time(task: Task, error: DeadlineExceeded) -> Abstention:
    """The abstention of a node that had no time or budget left."""
    return Abstention(
        stage=task.step.name,
        reason=AbstentionReason.BUDGET,
        detail=str(error),
        next_step="ask again with more time",
    )


def within(task: Task, arguments: dict[str, Any], limit: float) -> Any:
    """``run`` on a thread of its own, waited for until ``limit``; the thread is told to stop."""
    done: Future[Any] = Future()

    def work() -> None:
        try:
            done.set_result(task.run(**arguments))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            done.set_exception(error)

    own = arguments.get(task.context) if task.context is not None else None
    if isinstance(own, RunContext):
        own.deadline = limit if own.deadline is None else min(limit, own.deadline)
    threading.Thread(target=work, name=f"assay-{task.step.name}", daemon=True).start()
    try:
        return done.result(timeout=max(0.0, limit - time.monotonic()))
    except TimeoutError as error:
        if done.done() and done.exception() is error:
            raise
        raise too_slow(task) from None
    except DeadlineExceeded:
        if time.monotonic() >= limit:
            raise too_slow(task) from None
        raise


async def limited(task: Task, work: Awaitable[Result], frame: Frame, limit: float | None) -> Result:
    """Await a node until its own limit or the request's deadline."""
    import asyncio

    ends = [one for one in (limit, frame.deadline) if one is not None]
    if not ends:
        return await work
    try:
        return await asyncio.wait_for(work, max(0.0, min(ends) - time.monotonic()))
    except TimeoutError:
        frame.check()
        raise too_slow(task) from None


def too_slow(task: Task) -> NodeTimeout:
    """The error of a node that took longer than its policy allows."""
    return NodeTimeout(
        f"{task.step.node.name} took longer than its {task.step.policy.timeout:g} s: raise"
        " 'policy.timeout' or give it less to do"
    )
