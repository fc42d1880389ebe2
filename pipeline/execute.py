"""Following a plan: one query or many, plain or asynchronous, always with the same record.

Every way of running goes through the same three steps for each node: ``arguments``
(or why it does not run), the node's ``run``, ``settle`` (check the promise, book the
time). They differ only in who waits for whom.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from assay.pipeline.context import DeadlineExceeded
from assay.pipeline.errors import AssayError, ScopeError
from assay.pipeline.frame import Frame, node_spans
from assay.pipeline.limits import out_of_time, too_slow, within
from assay.pipeline.plan import Feed, Plan, Task
from assay.pipeline.policy import transient
from assay.pipeline.readable import HOLDERS, require_readable
from assay.pipeline.types import describe
from assay.pipeline.words import Abstention, Skipped

if TYPE_CHECKING:
    from assay.pipeline.kept import Kept

CAUGHT = (
    AssayError,
    ArithmeticError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a node may raise to fail on a query; anything else is a bug and passes through."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Executor:
    """Runs plans.

    Args:
        plan: what to run.
        pool: for branches that run at the same time; None where there are none.
        stored: how a node's output is looked up and kept; None without a cache.
    """

    plan: Plan
    pool: ThreadPoolExecutor | None
    stored: Kept | None = None

    # -- one query ------------------------------------------------------------

    def run(self, frame: Frame) -> None:
        """Run every node; branches of one level at the same time, on threads.

        Raises:
            NodeError: of the first node, in the order of the plan, that failed.
        """
        for level in self.plan.levels:
            if len(level) == 1 or self.pool is None:
                for branch in level:
                    self.branch(branch, frame)
                continue
            futures = [
                self.pool.submit(copy_context().run, self.branch, branch, frame)
                for branch in level[1:]
            ]
            collect(frame, functools.partial(self.branch, level[0], frame), futures)

    def branch(self, branch: Iterable[Task], frame: Frame) -> None:
        """Run a branch's nodes one after the other."""
        for task in branch:
            self.task(task, frame)

    def task(self, task: Task, frame: Frame) -> None:
        """Run one node on one query, in a span where somebody listens."""
        if frame.trace is None:
            self._task(task, frame)
            return
        with node_spans(task, [frame]):
            self._task(task, frame)

    def _task(self, task: Task, frame: Frame) -> None:
        begin = time.perf_counter()
        try:
            arguments = self.arguments(task, frame)
            if type(arguments) is not dict:
                output = arguments
            elif task.plain:
                output = task.run(**arguments)
            else:
                output = self._guarded(task, arguments, frame)
        except DeadlineExceeded as error:
            output = out_of_time(task, error)
        except CAUGHT as error:
            output = self._instead(task, error, frame)
        self.settle(task, frame, output, begin)

    def arguments(self, task: Task, frame: Frame) -> dict[str, Any] | Abstention | Skipped:
        """The arguments of ``run``, or what the node gives because it does not run.

        Raises:
            DeadlineExceeded: if there is no time left.
        """
        if frame.deadline is not None or frame.cancelled.is_set():
            frame.check()
        values = frame.values
        condition = task.step.condition
        if condition is not None:
            places = self.plan.places
            if not condition.test({name: values[places[name]] for name in condition.names}):
                return Skipped(task.step.name, f"condition '{condition.text}' does not hold")
        arguments: dict[str, Any] = {}
        for feed in task.feeds:
            if feed.places is None:
                value = values[feed.place]
                kind = type(value)
                if kind is Abstention and not feed.takes_abstention:
                    return cast(Abstention, value)
                if kind is Skipped and not feed.takes_skipped:
                    return Skipped(task.step.name, f"'{value.stage}' was skipped")
            else:
                value = _joined(task, feed, feed.places, values)
                if type(value) is not dict:
                    return cast(Abstention | Skipped, value)
            arguments[feed.port] = value
        if task.context is not None:
            arguments[task.context] = frame.context(task)
        return arguments

    def settle(self, task: Task, frame: Frame, output: Any, begin: float) -> None:
        """Check a node's promise and put its output into the frame.

        Raises:
            NodeError: if the output is of a type that the node did not promise, or holds a
                passage that the asker may not read.
        """
        if (
            task.classes is not None
            and not isinstance(output, task.classes)
            and type(output) is not Abstention
            and type(output) is not Skipped
        ):
            raise frame.failure(
                task,
                TypeError(
                    f"{task.step.node.name} promised {describe(task.step.signature.output)} and"
                    f" gave {type(output).__name__}"
                ),
            )
        if type(output) in HOLDERS:
            try:
                require_readable(output, frame.query.scope, task.step.node.name)
            except ScopeError as error:
                raise frame.failure(task, error) from error
        frame.values[task.place] = output
        frame.seconds[task.place] += time.perf_counter() - begin

    # -- policies -------------------------------------------------------------

    def _guarded(self, task: Task, arguments: dict[str, Any], frame: Frame) -> Any:
        """``run`` under a policy: kept outputs, tries, time limit."""
        if self.stored is None or not task.step.policy.cache:
            return self.tried(task, arguments, frame)
        place = self.stored.place(task, arguments, frame)
        found = self.stored.find(task, place, frame)
        if found is not None:
            return found.output
        output = self.tried(task, arguments, frame)
        self.stored.keep(task, place, output, frame)
        return output

    def tried(self, task: Task, arguments: dict[str, Any], frame: Frame) -> Any:
        """``run`` with its tries and its time limit."""
        policy = task.step.policy
        limit = None if policy.timeout is None else time.monotonic() + policy.timeout
        for tried in range(policy.times + 1):
            try:
                if limit is None:
                    return task.run(**arguments)
                return within(task, arguments, limit)
            except CAUGHT as error:
                if tried == policy.times or not transient(error):
                    raise
            pause = policy.pause(tried, task.step.name)
            if limit is not None and time.monotonic() + pause > limit:
                raise too_slow(task)
            if frame.cancelled.wait(pause):
                frame.check()
            frame.forget_notes(task)
        raise AssertionError("the last try returns or raises")

    def _instead(self, task: Task, error: Exception, frame: Frame) -> Any:
        """What a failed node gives: its fallback's output.

        Raises:
            NodeError: if it has none for this error.
        """
        name = task.step.policy.fallback_for(error)
        if name is None:
            raise frame.failure(task, error) from error
        other = self.plan.reserve.get(name)
        if other is None:  # it runs anyway, and did so before
            return frame.values[self.plan.places[name]]
        if other.asynchronous:
            from assay.pipeline.execute_async import outside_loop, run_task

            outside_loop(run_task(self, other, frame))
        else:
            self.task(other, frame)
        return frame.values[other.place]


def collect(frame: Frame, mine: Callable[[], None] | None, futures: Sequence[Future[None]]) -> None:
    """Run one branch here, wait for the others; the first failure in their order is raised.

    A failure stops the branches after it, never those before, so that the error that
    comes out does not depend on which branch was faster.
    """
    done = mine is None
    try:
        if mine is not None:
            mine()
            done = True
    finally:
        if not done:
            frame.cancelled.set()
            wait(futures)
    errors = []
    for future in futures:
        error = future.exception()
        if error is not None:
            frame.cancelled.set()
            errors.append(error)
    if errors:
        raise errors[0]


def _joined(
    task: Task, feed: Feed, places: tuple[tuple[str, int], ...], values: Sequence[Any]
) -> dict[str, Any] | Abstention | Skipped:
    """The value of a named join, or what passes the node by."""
    joined: dict[str, Any] = {}
    for key, place in places:
        one = values[place]
        if type(one) is Abstention and not feed.takes_abstention:
            return one
        if type(one) is not Skipped or feed.takes_skipped:
            joined[key] = one
        elif not task.step.leaves_out:
            return Skipped(task.step.name, f"'{one.stage}' was skipped")
    return joined or Skipped(task.step.name, f"every input of '{feed.port}' was skipped")
