"""One query on its way through a plan."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from assay.pipeline.canonical import digest
from assay.pipeline.context import Cost, DeadlineExceeded, RunContext
from assay.pipeline.errors import NodeError
from assay.pipeline.plan import Plan, Task
from assay.pipeline.record import stage
from assay.pipeline.tracing import Tracer, report
from assay.pipeline.words import Query


class Frame:
    """One query on its way: a value, a context and the seconds for each node."""

    __slots__ = (
        "cancelled",
        "contexts",
        "deadline",
        "query",
        "seconds",
        "seed",
        "trace",
        "values",
    )

    def __init__(
        self,
        plan: Plan,
        query: Query,
        seed: int,
        deadline: float | None,
        trace: Tracer | None = None,
        cancelled: threading.Event | None = None,
    ) -> None:
        size = len(plan.places)
        self.query = query
        self.seed = seed
        self.deadline = deadline
        self.trace = trace
        self.cancelled = cancelled or threading.Event()
        self.values: list[Any] = [query, *[None] * (size - 1)]
        self.contexts: dict[int, RunContext] = {}
        self.seconds: list[float] = [0.0] * size

    def context(self, task: Task) -> RunContext:
        """A context for one node."""
        deadline, budget = self.deadline, task.step.policy.budget
        if budget is not None and budget.seconds is not None:
            mine = time.monotonic() + budget.seconds
            deadline = mine if deadline is None else min(mine, deadline)
        made = RunContext(
            seed=self.seed, deadline=deadline, cancelled=self.cancelled, budget=budget
        )
        self.contexts[task.place] = made
        return made

    def forget_notes(self, task: Task) -> None:
        """Before another try: what the last one spent stays on the account, its notes go."""
        if task.place in self.contexts:
            self.contexts[task.place].notes.clear()

    def check(self) -> None:
        """Stop here if the caller gave up or time is up.

        Raises:
            DeadlineExceeded: in both cases.
        """
        if self.cancelled.is_set():
            raise DeadlineExceeded("the request was cancelled")
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise DeadlineExceeded(
                "the request's deadline passed: raise it with --deadline or lower the node's k"
            )

    def failure(self, task: Task, error: Exception) -> NodeError:
        """The error of a node, with the digest of what was asked and never its text."""
        made = NodeError(task.step.name, digest(self.query.text)[:12], error)
        made.__cause__ = error
        return made

    def stage(self, task: Task) -> dict[str, Any]:
        """A node's entry under ``stages`` of the record."""
        return stage(self.values[task.place], self.contexts.get(task.place))

    def cost(self, task: Task) -> Cost:
        """A node's account, with its seconds."""
        context = self.contexts.get(task.place)
        cost = Cost() if context is None else context.cost
        cost.seconds = self.seconds[task.place]
        return cost


@contextmanager
def node_spans(task: Task, frames: Sequence[Frame]) -> Iterator[None]:
    """A span of a node for each query that it works on together, where somebody listens."""
    with ExitStack() as stack:
        opened = [
            (frame, stack.enter_context(frame.trace.node(task.step.name, task.step.node.name)))
            for frame in frames
            if frame.trace is not None
        ]
        yield
        for frame, span in opened:
            report(span, frame.stage(task), frame.cost(task))
