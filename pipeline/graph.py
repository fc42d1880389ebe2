"""A built pipeline: a fixed plan over started components, run one query at a time."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import inspect
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

from assay.pipeline.canonical import digest
from assay.pipeline.component import Node, Resource
from assay.pipeline.context import Cost, DeadlineExceeded, RunContext
from assay.pipeline.errors import AssayError, NodeError, UsageError
from assay.pipeline.file import INPUT, CertificateEntry
from assay.pipeline.record import RunRecord, stage
from assay.pipeline.types import Signature, describe, holds, refused
from assay.pipeline.words import Abstention, AbstentionReason, Answer, Outcome, Query

NUMERIC_LIBRARIES = ("numpy", "onnxruntime", "llama-cpp-python", "bm25s")
"""Libraries whose major.minor version is part of a pipeline's fingerprint."""


@dataclass(frozen=True, slots=True)
class Step:
    """One node in its place.

    Args:
        name: the node's name in the file.
        node: the component.
        signature: its ports and output.
        inputs: port to feeding node, or to a mapping for a named join.
        resources: constructor parameter to resource name.
    """

    name: str
    node: Node
    signature: Signature
    inputs: Mapping[str, str | Mapping[str, str]]
    resources: Mapping[str, str]


@dataclass(slots=True)
class Pipeline:
    """What ``build`` makes. Use it as a context manager, or call start and close.

    Args:
        name: as in the file.
        description: as in the file.
        base: folder that relative paths are seen from.
        resources: by name, in an order in which each comes after what it needs.
        steps: by name, in an order in which each comes after what feeds it.
        levels: names that may run at the same time, level by level.
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
    levels: tuple[tuple[str, ...], ...]
    output: str
    thresholds: Mapping[str, str]
    certificate: CertificateEntry | None
    resource_uses: Mapping[str, Mapping[str, str]]
    certificate_id: str | None = None
    void: str | None = None
    _started: list[Resource] = field(default_factory=list)
    _pool: ThreadPoolExecutor | None = None
    _fingerprint: str | None = None

    # -- life ---------------------------------------------------------------

    def start(
        self,
        *,
        only: Collection[str] | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        """Load resources, each once however often this is called.

        Args:
            only: names of the resources that are wanted; None for all.
            notify: told the name of each resource before it is loaded.

        Raises:
            AssayError: what the resource raised; whatever was loaded is closed.
        """
        try:
            for name, resource in self.resources.items():
                if (only is not None and name not in only) or resource in self._started:
                    continue
                if notify is not None:
                    notify(name)
                resource.start()
                self._started.append(resource)
        except BaseException:
            self.close()
            raise
        width = max(len(level) for level in self.levels)
        if width > 1 and self._pool is None:
            self._pool = ThreadPoolExecutor(width, thread_name_prefix=f"assay-{self.name}")

    def needs(self, name: str) -> frozenset[str]:
        """Names of the resources that a resource uses, directly or through others."""
        used = self.resource_uses[name].values()
        return frozenset(used).union(*(self.needs(one) for one in used))

    def close(self) -> None:
        """Release everything, in reverse order of loading."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
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
        thresholds = {tuple(target.split(".", 1)) for target in self.thresholds.values()}
        nodes = {}
        for name, step in self.steps.items():
            config = step.node.config.model_dump(mode="json")
            open_config = {
                key: value for key, value in config.items() if (name, key) not in thresholds
            }
            nodes[name] = {
                "use": step.node.name,
                "code": code_digest(type(step.node)),
                "config": open_config,
                "inputs": {
                    port: dict(feed) if isinstance(feed, Mapping) else feed
                    for port, feed in step.inputs.items()
                },
                "resources": dict(step.resources),
            }
        resources = {
            name: {
                "use": resource.name,
                "code": code_digest(type(resource)),
                "fingerprint": resource.fingerprint(),
                "resources": dict(self.resource_uses[name]),
            }
            for name, resource in self.resources.items()
        }
        return {
            "nodes": nodes,
            "resources": resources,
            "output": self.output,
            "thresholds": dict(self.thresholds),
            "libraries": {name: _minor(name) for name in NUMERIC_LIBRARIES},
        }

    def fingerprint(self) -> str:
        """sha256 in hex over ``parts``; computed once after ``start``."""
        if self._fingerprint is None:
            self._fingerprint = digest(self.parts())
        return self._fingerprint

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
        return replace(self, steps=steps, certificate_id=certificate_id, _fingerprint=None)

    # -- running ------------------------------------------------------------

    def run(self, query: Query, *, seed: int = 0, timeout: float | None = None) -> RunRecord:
        """Answer one query.

        Args:
            query: the question; its text must not be empty.
            seed: for every random choice on the way.
            timeout: seconds until the run is given up, None for no limit.

        Returns:
            The record; its ``outcome`` is an Answer or an Abstention.

        Raises:
            NodeError: if a node failed; the rest of the run is given up.
        """
        begin = time.perf_counter()
        if self.void is not None:
            refusal = Abstention(
                stage="certificate",
                reason=AbstentionReason.CERTIFICATE_VOID,
                detail=self.void,
                next_step="calibrate this pipeline anew with 'assay calibrate run'",
            )
            return RunRecord(query, refusal, None, {}, pipeline=self.fingerprint(), seed=seed)
        run = _Run(self, query, seed, None if timeout is None else time.monotonic() + timeout)
        for level in self.levels:
            run.level(level, self._pool)
        outcome = _stamp(run.values[self.output], self.certificate_id)
        return RunRecord(
            query=query,
            outcome=outcome,
            error=None,
            stages={name: run.stages[name] for name in self.steps},
            cost={name: run.costs[name] for name in self.steps},
            seconds=time.perf_counter() - begin,
            pipeline=self.fingerprint(),
            certificate=self.certificate_id,
            seed=seed,
        )

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


class _Run:
    """One query on its way through the plan."""

    def __init__(self, pipeline: Pipeline, query: Query, seed: int, deadline: float | None) -> None:
        self.pipeline = pipeline
        self.seed = seed
        self.deadline = deadline
        self.query_digest = digest(query.text)[:12]
        self.values: dict[str, Any] = {INPUT: query}
        self.stages: dict[str, dict[str, Any]] = {}
        self.costs: dict[str, Cost] = {}

    def level(self, names: tuple[str, ...], pool: ThreadPoolExecutor | None) -> None:
        """Run the nodes of one level; the order of completion changes nothing."""
        contexts = {name: RunContext(seed=self.seed, deadline=self.deadline) for name in names}
        if pool is None or len(names) == 1:
            outputs = {name: self._node(name, contexts[name]) for name in names}
        else:
            futures: dict[str, Future[Any]] = {
                name: pool.submit(self._node, name, contexts[name]) for name in names
            }
            outputs = {}
            try:
                for name, future in futures.items():
                    outputs[name] = future.result()
            except BaseException:
                for context in contexts.values():
                    context.cancelled.set()
                raise
        for name in names:
            self.values[name] = outputs[name]
            self.stages[name] = stage(outputs[name], contexts[name])
            self.costs[name] = contexts[name].cost

    def _node(self, name: str, context: RunContext) -> Any:
        step = self.pipeline.steps[name]
        begin = time.perf_counter()
        try:
            context.check()
            arguments = {port: self._feed(feed) for port, feed in step.inputs.items()}
            for port, value in arguments.items():
                stopped = _abstention_for(value, step.signature, port)
                if stopped is not None:
                    return stopped
            if step.signature.context is not None:
                arguments[step.signature.context] = context
            output = step.node.run(**arguments)
            if not holds(step.signature.output, output):
                raise TypeError(
                    f"{step.node.name} promised {describe(step.signature.output)} and gave"
                    f" {type(output).__name__}"
                )
            return output
        except DeadlineExceeded as error:
            return Abstention(
                stage=name,
                reason=AbstentionReason.BUDGET,
                detail=str(error),
                next_step="ask again with more time",
            )
        except (
            AssayError,
            ArithmeticError,
            LookupError,
            OSError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            raise NodeError(name, self.query_digest, error) from error
        finally:
            context.cost.seconds = time.perf_counter() - begin

    def _feed(self, feed: str | Mapping[str, str]) -> Any:
        if isinstance(feed, str):
            return self.values[feed]
        return {key: self.values[name] for key, name in feed.items()}


def _abstention_for(value: Any, own: Signature, port: str) -> Abstention | None:
    """The abstention that passes by a port which does not take abstentions."""
    declared = own.ports[port]
    values = value.values() if declared.joined is not None else (value,)
    expected = declared.type if declared.joined is None else declared.joined
    for one in values:
        if isinstance(one, Abstention) and refused(Abstention, expected):
            return one
    return None


def _stamp(outcome: Outcome, certificate_id: str | None) -> Outcome:
    match outcome:
        case Answer() | Abstention():
            return replace(outcome, certificate=certificate_id)


@lru_cache(maxsize=256)
def code_digest(component: type) -> str:
    """sha256 over the syntax tree of a class's module, without docstrings and comments."""
    tree = ast.parse(inspect.getsource(inspect.getmodule(component) or component))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _minor(library: str) -> str | None:
    try:
        return ".".join(importlib.metadata.version(library).split(".")[:2])
    except importlib.metadata.PackageNotFoundError:
        return None
