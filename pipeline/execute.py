"""Following a plan: one query or many, plain or asynchronous, always with the same record.

Every way of running goes through the same three steps for each node: ``arguments``
(or why it does not run), the node's ``run``, ``settle`` (check the promise, book the
time). They differ only in who waits for whom.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from assay.pipeline.context import DeadlineExceeded
from assay.pipeline.errors import AssayError, NodeError
from assay.pipeline.frame import Frame, cost_of
from assay.pipeline.limits import limited, out_of_time, too_slow, within
from assay.pipeline.plan import Feed, Plan, Task
from assay.pipeline.policy import transient
from assay.pipeline.record import stage
from assay.pipeline.tracing import report
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
            _collect(frame, functools.partial(self.branch, level[0], frame), futures)

    def branch(self, branch: Iterable[Task], frame: Frame) -> None:
        """Run a branch's nodes one after the other."""
        for task in branch:
            self.task(task, frame)

    def task(self, task: Task, frame: Frame) -> None:
        """Run one node on one query, in a span where somebody listens."""
        if frame.trace is None:
            self._task(task, frame)
            return
        with frame.trace.node(task.step.name, task.step.node.name) as span:
            self._task(task, frame)
            entry = stage(frame.values[task.place], frame.contexts.get(task.place))
            report(span, entry, cost_of(task, frame))

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
            NodeError: if the output is of a type that the node did not promise.
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
            import asyncio

            asyncio.run(self._atask(other, frame))  # plain nodes run on threads without a loop
        else:
            self.task(other, frame)
        return frame.values[other.place]

    # -- many queries ---------------------------------------------------------

    def batch(self, frames: Sequence[Frame]) -> dict[int, NodeError]:
        """Carry many queries through the nodes, node by node.

        A node with ``run_batch`` sees all queries that reach it at once. A query on
        which a node fails leaves; the others go on.

        Returns:
            Place of the frame to its error.
        """
        failed: dict[int, NodeError] = {}
        for task in self.plan.usual if frames else ():
            whole = getattr(task.step.node, "run_batch", None)
            if whole is not None and task.plain:
                self._together(task, whole, frames, failed)
                continue
            quick = task.simple and frames[0].deadline is None and frames[0].trace is None
            if quick:
                self._one_by_one(task, frames, failed)
                continue
            self._each(self.task, task, dict(enumerate(frames)), failed)
        return failed

    def _one_by_one(
        self, task: Task, frames: Sequence[Frame], failed: dict[int, NodeError]
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
                    self.task(task, frame)
                    continue
                output = run(**{port: value})
                if not isinstance(output, classes):
                    self.settle(task, frame, output, begin)
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
        self,
        task: Task,
        whole: Callable[..., Sequence[Any]],
        frames: Sequence[Frame],
        failed: dict[int, NodeError],
    ) -> None:
        """One call of ``run_batch``; if it fails, each query by itself, so that one is named."""
        begin = time.perf_counter()
        items = self._ready(task, frames, failed, begin)
        if not items:
            return
        contexts = [frames[place].contexts[task.place] for place in items]
        with _spans(task, [frames[place] for place in items]):
            try:
                outputs = list(whole(list(items.values()), contexts))
                if len(outputs) != len(items):
                    raise TypeError(
                        f"{task.step.node.name} gave {len(outputs)} outputs for"
                        f" {len(items)} queries"
                    )
            except CAUGHT:
                self._each(self.task, task, {place: frames[place] for place in items}, failed)
                return
            share = (time.perf_counter() - begin) / len(items)
            for place, output in zip(items, outputs, strict=True):
                try:
                    self.settle(task, frames[place], output, time.perf_counter() - share)
                except NodeError as error:
                    failed[place] = error

    def _ready(
        self,
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
                found = self.arguments(task, frame)
            except DeadlineExceeded as error:
                found = out_of_time(task, error)
            if isinstance(found, dict):
                if task.context is not None:
                    del found[task.context]
                else:
                    frame.context(task)
                items[place] = found
            else:
                self.settle(task, frame, found, begin)
        return items

    def _each(
        self,
        work: Callable[[Task, Frame], None],
        task: Task,
        frames: Mapping[int, Frame],
        failed: dict[int, NodeError],
    ) -> None:
        """Run a node on each query that has not failed yet."""
        for place, frame in frames.items():
            if place in failed:
                continue
            try:
                work(task, frame)
            except NodeError as error:
                failed[place] = error

    async def abatch(self, frames: Sequence[Frame]) -> dict[int, NodeError]:
        """As ``batch``, for plans with asynchronous nodes: queries side by side."""
        import asyncio

        gate = asyncio.Semaphore(64)

        async def one(frame: Frame) -> NodeError | None:
            async with gate:
                try:
                    await self.arun(frame)
                except NodeError as error:
                    return error
            return None

        errors = await asyncio.gather(*(one(frame) for frame in frames))
        return {place: error for place, error in enumerate(errors) if error is not None}

    # -- asynchronous ---------------------------------------------------------

    async def arun(self, frame: Frame) -> None:
        """As ``run``: asynchronous nodes as tasks, the others on threads.

        Raises:
            NodeError: of the first node, in the order of the plan, that failed.
        """
        import asyncio

        for level in self.plan.levels:
            branches = [asyncio.ensure_future(self._abranch(one, frame)) for one in level]
            try:
                for branch in branches:
                    await branch
            except BaseException:
                frame.cancelled.set()
                for branch in branches:
                    branch.cancel()
                await asyncio.gather(*branches, return_exceptions=True)
                raise

    async def _abranch(self, branch: Iterable[Task], frame: Frame) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        for task in branch:
            if task.asynchronous:
                await self._atask(task, frame)
            else:
                await loop.run_in_executor(self.pool, copy_context().run, self.task, task, frame)

    async def _atask(self, task: Task, frame: Frame) -> None:
        """As ``task``, for a node that must be awaited."""
        if frame.trace is None:
            await self._awaited(task, frame)
            return
        with frame.trace.node(task.step.name, task.step.node.name) as span:
            await self._awaited(task, frame)
            entry = stage(frame.values[task.place], frame.contexts.get(task.place))
            report(span, entry, cost_of(task, frame))

    async def _awaited(self, task: Task, frame: Frame) -> None:
        begin = time.perf_counter()
        try:
            arguments = self.arguments(task, frame)
            output = (
                await self._akept(task, arguments, frame) if type(arguments) is dict else arguments
            )
        except DeadlineExceeded as error:
            output = out_of_time(task, error)
        except CAUGHT as error:
            name = task.step.policy.fallback_for(error)
            if name is None:
                raise frame.failure(task, error) from error
            if name in self.plan.reserve:
                await self._abranch([self.plan.reserve[name]], frame)
            output = frame.values[self.plan.places[name]]
        self.settle(task, frame, output, begin)

    async def _akept(self, task: Task, arguments: dict[str, Any], frame: Frame) -> Any:
        if self.stored is None or not task.step.policy.cache:
            return await self._atried(task, arguments, frame)
        place = self.stored.place(task, arguments, frame)
        found = self.stored.find(task, place, frame)
        if found is not None:
            return found.output
        output = await self._atried(task, arguments, frame)
        self.stored.keep(task, place, output, frame)
        return output

    async def _atried(self, task: Task, arguments: dict[str, Any], frame: Frame) -> Any:
        import asyncio

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

    # -- piece by piece ---------------------------------------------------------

    def stream(self, frame: Frame) -> Iterator[tuple[Task, str | None]]:
        """As ``run``; yields each node when it is done, and before that its pieces of text.

        Branches of one level are run at the same time and yielded in the order of the plan.
        """
        for level in self.plan.levels:
            if len(level) > 1 and self.pool is not None:
                futures = [
                    self.pool.submit(copy_context().run, self.branch, branch, frame)
                    for branch in level
                ]
                _collect(frame, None, futures)
                for branch in level:
                    for task in branch:
                        yield task, None
                continue
            for branch in level:
                for task in branch:
                    if hasattr(task.step.node, "stream") and task.plain:
                        yield from self._streamed(task, frame)
                    else:
                        self.task(task, frame)
                    yield task, None

    def _streamed(self, task: Task, frame: Frame) -> Iterator[tuple[Task, str | None]]:
        """Run a node with ``stream``; its span is never the current one of who reads the pieces."""
        spans, apart = _spans(task, [frame]), copy_context()
        apart.run(spans.__enter__)
        try:
            yield from self._pieces(task, frame)
        finally:
            apart.run(spans.__exit__, None, None, None)

    def _pieces(self, task: Task, frame: Frame) -> Iterator[tuple[Task, str | None]]:
        begin = time.perf_counter()
        output: Any = None
        try:
            arguments = self.arguments(task, frame)
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
            output = self._instead(task, error, frame)
        self.settle(task, frame, output, begin)


@contextmanager
def _spans(task: Task, frames: Sequence[Frame]) -> Iterator[None]:
    """A span of a node for each query that it works on together, where somebody listens."""
    with ExitStack() as stack:
        opened = [
            (frame, stack.enter_context(frame.trace.node(task.step.name, task.step.node.name)))
            for frame in frames
            if frame.trace is not None
        ]
        yield
        for frame, span in opened:
            entry = stage(frame.values[task.place], frame.contexts.get(task.place))
            report(span, entry, cost_of(task, frame))


def _collect(
    frame: Frame, mine: Callable[[], None] | None, futures: Sequence[Future[None]]
) -> None:
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
