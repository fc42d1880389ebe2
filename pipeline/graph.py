"""A built pipeline: a fixed plan over started components, run one query at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from assay.pipeline.canonical import digest
from assay.pipeline.component import Component, Resource
from assay.pipeline.errors import NodeError, UsageError
from assay.pipeline.events import Event, Finished, Piece
from assay.pipeline.execute import Executor
from assay.pipeline.execute_batch import run_batch
from assay.pipeline.execute_stream import stream_run
from assay.pipeline.file import CertificateEntry
from assay.pipeline.frame import Frame
from assay.pipeline.identity import parts_of
from assay.pipeline.lazily import Lazily
from assay.pipeline.plan import Step, Task, make_plan
from assay.pipeline.record import RunRecord, stamped
from assay.pipeline.tracing import NOTHING, Span, SpanApart, Tracer, tracer
from assay.pipeline.words import (
    Abstention,
    AbstentionReason,
    Query,
)

if TYPE_CHECKING:
    from assay.pipeline.kept import Kept
    from assay.pipeline.runnable import PipelineRunnable

CHUNK = 256
"""Most queries that ``batch`` carries through the nodes together."""


@dataclass(slots=True)
class Pipeline:
    """What ``build`` makes. Use it as a context manager, or call start and close.

    Args:
        name: as in the file.
        description: as in the file.
        base: folder that relative paths are seen from.
        resources: by name, in an order in which each comes after what it needs.
        steps: by name, in an order in which each comes after what feeds it.
        output: name of the node whose output is the outcome.
        thresholds: threshold name to ``node.field``.
        certificate: where the certificate lies, None if the file names none.
        resource_uses: resource name to the resources that it uses itself.
        certificate_id: id of the certificate in force, None when uncertified.
        void: why every query is answered by an abstention, None normally.
    """

    name: str
    description: str
    base: Path
    resources: Mapping[str, Resource]
    steps: Mapping[str, Step]
    output: str
    thresholds: Mapping[str, str]
    certificate: CertificateEntry | None
    resource_uses: Mapping[str, Mapping[str, str]]
    certificate_id: str | None = None
    void: str | None = None
    _started: list[Component] = field(default_factory=list)
    _starting: threading.RLock = field(default_factory=threading.RLock)
    _pool: ThreadPoolExecutor | None = None
    _fingerprint: str | None = None
    _running: Executor | None = None

    @property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """Nodes by the earliest level at which all that feeds them is there."""
        depth: dict[str, int] = {}
        for name, step in self.steps.items():
            depth[name] = 1 + max(
                (depth[one] for one in step.feeders() if one in depth), default=-1
            )
        height = max(depth.values()) + 1
        return tuple(tuple(one for one in depth if depth[one] == level) for level in range(height))

    # -- life ---------------------------------------------------------------

    def start(
        self,
        *,
        only: Collection[str] | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        """Load resources and nodes, each once, on however many threads this is called.

        Args:
            only: names of the resources that are wanted; None for all, and the nodes.
            notify: told the name of each resource before it is loaded.

        Raises:
            AssayError: what the resource raised; whatever was loaded is closed.
        """
        with self._starting:
            self._start(only, notify)

    def _start(self, only: Collection[str] | None, notify: Callable[[str], None] | None) -> None:
        try:
            for name, resource in self.resources.items():
                if (only is not None and name not in only) or resource in self._started:
                    continue
                if notify is not None:
                    notify(name)
                resource.start()
                self._started.append(resource)
            if only is None:
                for step in self.steps.values():
                    if step.node not in self._started:
                        step.node.start()
                        self._started.append(step.node)
        except BaseException:
            self.close()
            raise
        if only is None:
            self._executor()

    def needs(self, name: str) -> frozenset[str]:
        """Names of the resources that a resource uses, directly or through others."""
        used = self.resource_uses[name].values()
        return frozenset(used).union(*(self.needs(one) for one in used))

    def close(self) -> None:
        """Release everything, in reverse order of loading."""
        with self._starting:
            if self._pool is not None:
                self._pool.shutdown(wait=True, cancel_futures=True)
                self._pool = None
            if self._running is not None and self._running.stored is not None:
                self._running.stored.close()
            self._running = None
            while self._started:
                self._started.pop().close()

    def __enter__(self) -> Pipeline:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- identity -----------------------------------------------------------

    def parts(self) -> dict[str, Any]:
        """Everything that outputs depend on, by name; the pipeline must be started.

        In: code, config and wiring of every node, fingerprints of models and
        indexes, versions of numeric libraries. Out: the values of the
        thresholds, which the certificate brings; paths; batch sizes.
        """
        return parts_of(self)

    def fingerprint(self) -> str:
        """sha256 in hex over ``parts``; computed once after ``start``."""
        if self._fingerprint is None:
            self._fingerprint = digest(self.parts())
        return self._fingerprint

    def gates(self) -> dict[str, tuple[str, float | None]]:
        """Threshold name to its target (``NODE.FIELD``) and the value in force, None if open."""
        return {
            name: (target, getattr(self.steps[node].node.config, field))
            for name, target in self.thresholds.items()
            for node, field in [target.split(".", 1)]
        }

    def with_thresholds(
        self, values: Mapping[str, float | None], *, certificate_id: str | None = None
    ) -> Pipeline:
        """The same pipeline, sharing its loaded resources, with thresholds set.

        Args:
            values: threshold name to value, None for an open threshold; names as
                under ``thresholds``.
            certificate_id: stamped on every outcome.

        Raises:
            UsageError: for a name that the file does not declare.
        """
        steps = dict(self.steps)
        for name, value in values.items():
            if name not in self.thresholds:
                raise UsageError(f"the pipeline declares no threshold '{name}'")
            node_name, key = self.thresholds[name].split(".", 1)
            step = steps[node_name]
            node = step.node.with_config(step.node.config.model_copy(update={key: value}))
            steps[node_name] = replace(step, node=node)
        return replace(
            self, steps=steps, certificate_id=certificate_id, _fingerprint=None, _running=None
        )

    # -- running ------------------------------------------------------------

    def run(
        self, query: Query, *, seed: int = 0, timeout: float | None = None, record: bool = True
    ) -> RunRecord:
        """Answer one query.

        Independent branches run at the same time, on threads.

        Args:
            query: the question; its text must not be empty.
            seed: for every random choice on the way.
            timeout: seconds until the run is given up, None for no limit.
            record: False leaves ``stages`` and ``cost`` of the record empty.

        Returns:
            The record; its ``outcome`` is an Answer or an Abstention.

        Raises:
            NodeError: if a node failed; the rest of the run is given up.
        """
        begin = time.perf_counter()
        if self.void is not None:
            return self._refused(query, seed)
        with self._traced(query) as (trace, span):
            frame = self._frame(query, seed, timeout, trace)
            executor = self._executor()
            if executor.plan.asynchronous:
                from assay.pipeline.execute_async import outside_loop, run_async

                outside_loop(run_async(executor, frame))
            else:
                executor.run(frame)
            made = self._record(frame, begin, record=record)
            span.set("assay.outcome", made.kind)
        return made

    async def arun(self, query: Query, *, seed: int = 0, timeout: float | None = None) -> RunRecord:
        """As ``run``, for asynchronous callers: plain nodes run on threads.

        Raises:
            NodeError: if a node failed; the rest of the run is given up.
        """
        from assay.pipeline.execute_async import run_async

        begin = time.perf_counter()
        if self.void is not None:
            return self._refused(query, seed)
        with self._traced(query) as (trace, span):
            frame = self._frame(query, seed, timeout, trace)
            await run_async(self._executor(), frame)
            made = self._record(frame, begin, record=True)
            span.set("assay.outcome", made.kind)
        return made

    def batch(
        self, queries: Sequence[Query], *, seed: int = 0, timeout: float | None = None
    ) -> list[RunRecord]:
        """Answer many queries, node by node, so that models see full batches.

        The records are those of ``run``, in the order of the queries; a query on which
        a node failed has a record that says so, and the others go on.

        Args:
            queries: the questions.
            seed: for every random choice on the way.
            timeout: seconds until the whole batch is given up, None for no limit.
        """
        if self.void is not None:
            return [self._refused(query, seed) for query in queries]
        deadline = None if timeout is None else time.monotonic() + timeout
        records: list[RunRecord] = []
        for start in range(0, len(queries), CHUNK):
            records += self._chunk(queries[start : start + CHUNK], seed, deadline)
        return records

    def _chunk(
        self, queries: Sequence[Query], seed: int, deadline: float | None
    ) -> list[RunRecord]:
        """Some queries of a batch, carried through the nodes together."""
        begin = time.perf_counter()
        executor = self._executor()
        plan = executor.plan
        quiet = tracer() is NOTHING
        spans = [] if quiet else [SpanApart(self._traced(one)) for one in queries]
        traces = [None] * len(queries) if quiet else [span.trace for span in spans]
        stop = None if plan.asynchronous else threading.Event()
        frames = [
            Frame(plan, one, seed, deadline, trace, stop)
            for one, trace in zip(queries, traces, strict=True)
        ]
        if plan.asynchronous:
            from assay.pipeline.execute_async import outside_loop, run_batch_async

            failed = outside_loop(run_batch_async(executor, frames))
        else:
            failed = run_batch(executor, frames)
        share = (time.perf_counter() - begin) / len(frames)
        records = [
            self.failed(frame.query, failed[place], seed=seed)
            if place in failed
            else self._record(frame, time.perf_counter() - share, record=True)
            for place, frame in enumerate(frames)
        ]
        for span, record in zip(spans, records, strict=False):
            span.end(record.kind)
        return records

    def stream(
        self, query: Query, *, seed: int = 0, timeout: float | None = None
    ) -> Iterator[Event]:
        """As ``run``, telling what happens: pieces of text, finished nodes, the record last.

        Pieces are what a node writes before anybody checked it: show them only where an
        answer may still be taken back. Branches that run at the same time are told when all
        of them are done, without pieces; so is everything of a pipeline with asynchronous nodes.

        Raises:
            NodeError: if a node failed; the rest of the run is given up.
        """
        begin = time.perf_counter()
        if self.void is not None:
            yield self._refused(query, seed)
            return
        span = SpanApart(self._traced(query))
        frame = self._frame(query, seed, timeout, span.trace)
        outcome = "failed"
        try:
            yield from self._told(frame)
            made = self._record(frame, begin, record=True)
            outcome = made.kind
            yield made
        finally:
            span.end(outcome)

    def _told(self, frame: Frame) -> Iterator[Event]:
        """Run one query, telling pieces and finished nodes."""
        executor = self._executor()
        told: Iterable[tuple[Task, str | None]]
        if executor.plan.asynchronous:
            from assay.pipeline.execute_async import outside_loop, run_async

            outside_loop(run_async(executor, frame))
            told = [(task, None) for task in executor.plan.usual]
        else:
            told = stream_run(executor, frame)
        for task, piece in told:
            name = task.step.name
            if piece is not None:
                yield Piece(name, piece)
            else:
                yield Finished(name, frame.stage(task))

    def as_runnable(
        self, *, tenant: str | None = None, seed: int = 0, timeout: float | None = None
    ) -> PipelineRunnable:
        """This pipeline as a Runnable of langchain-core (extra ``langchain``).

        Args:
            tenant: on whose behalf texts are asked; a query of another tenant is then refused.
            seed: as for ``run``.
            timeout: as for ``run``.
        """
        from assay.pipeline.runnable import as_runnable

        return as_runnable(self, tenant=tenant, seed=seed, timeout=timeout)

    def without_cache(self) -> Pipeline:
        """The same pipeline, sharing its loaded resources, computing everything anew."""
        steps = {
            name: replace(step, policy=replace(step.policy, cache=False))
            for name, step in self.steps.items()
        }
        return replace(self, steps=steps, _running=None)

    def failed(self, query: Query, error: NodeError, *, seed: int = 0) -> RunRecord:
        """The record of a query on which a node failed."""
        details = {
            "node": error.node,
            "type": type(error.cause).__name__,
            "message": str(error.cause),
        }
        return RunRecord(
            query=query,
            outcome=None,
            error=details,
            stages={},
            pipeline=self.fingerprint(),
            certificate=self.certificate_id,
            seed=seed,
        )

    def _refused(self, query: Query, seed: int) -> RunRecord:
        """The record of a void pipeline, which answers nothing."""
        refusal = Abstention(
            stage="certificate",
            reason=AbstentionReason.CERTIFICATE_VOID,
            detail=self.void or "",
            next_step="calibrate this pipeline anew with 'assay calibrate run'",
        )
        return RunRecord(query, refusal, None, {}, pipeline=self.fingerprint(), seed=seed)

    def _executor(self) -> Executor:
        """The plan with its threads, made once."""
        if self._running is None:
            with self._starting:
                plan = make_plan(self.steps, self.output)
                if plan.width > 1 and self._pool is None:
                    self._pool = ThreadPoolExecutor(
                        plan.width, thread_name_prefix=f"assay-{self.name}"
                    )
                self._running = self._running or Executor(plan, self._pool, self._stored())
        return self._running

    def _stored(self) -> Kept | None:
        """Outputs kept by content, if any node's policy asks for it."""
        if not any(step.policy.cache for step in self.steps.values()):
            return None
        from assay.pipeline.kept import Kept  # SQLite is loaded where it is used

        return Kept(self)

    def _frame(self, query: Query, seed: int, timeout: float | None, trace: Tracer | None) -> Frame:
        deadline = None if timeout is None else time.monotonic() + timeout
        return Frame(self._executor().plan, query, seed, deadline, trace)

    @contextmanager
    def _traced(self, query: Query) -> Iterator[tuple[Tracer | None, Span]]:
        trace = tracer()
        if trace is NOTHING:
            yield None, NOTHING
            return
        with trace.run(self.name, query.id) as span:
            try:
                yield trace, span
            except NodeError:
                span.set("assay.outcome", "failed")
                raise

    def _record(self, frame: Frame, begin: float, *, record: bool) -> RunRecord:
        plan = self._executor().plan
        return RunRecord(
            query=frame.query,
            outcome=stamped(frame.values[plan.places[self.output]], self.certificate_id),
            error=None,
            stages=Lazily(plan.tasks, frame, Frame.stage) if record else {},
            cost=Lazily(plan.tasks, frame, Frame.cost) if record else {},
            seconds=time.perf_counter() - begin,
            pipeline=self.fingerprint(),
            certificate=self.certificate_id,
            seed=frame.seed,
            gates=self.gates(),
        )
