"""What the conformance checks look at: a node class with a config, resources and inputs."""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from assay.pipeline.component import Node
from assay.pipeline.context import RunContext
from assay.pipeline.types import Signature, signature
from assay.pipeline.words import Scope

SEED = 20_240_501


def demand(condition: bool, sentence: str) -> None:
    """Fail with a sentence.

    Raises:
        AssertionError: if the condition does not hold.
    """
    if not condition:
        raise AssertionError(sentence)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn whatever is raised inside into a sentence.

    Raises:
        AssertionError: naming what raised; the exception is the cause.
    """
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(
            f"{what} raised {type(error).__name__}: {error}; give a sample that the node takes,"
            " or mend the node"
        ) from error


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call of ``run`` left behind.

    Args:
        output: what it returned.
        notes: figures in the run record.
        cost: the account without the seconds.
    """

    output: Any
    notes: Mapping[str, Any]
    cost: Mapping[str, int | float]


@dataclass(frozen=True, slots=True)
class Subject:
    """A node class and what is needed to run it.

    Args:
        component: the node class.
        config: plain values, as they would stand in a pipeline file.
        resources: keyword arguments of the constructor; started, shared by all instances.
        inputs: for each call of ``run`` the values of its ports, by name; of two
            tenants at least, where they carry a scope.
        base: folder that the config's relative paths are seen from.
    """

    component: type[Node]
    config: Mapping[str, Any]
    resources: Mapping[str, Any]
    inputs: Sequence[Mapping[str, Any]]
    base: Path = Path()

    @property
    def name(self) -> str:
        """The registered name, the class's name where it has none."""
        return self.component.name or self.component.__name__

    @property
    def signature(self) -> Signature:
        """Ports, output and context parameter of ``run``."""
        return signature(self.component.run)

    def settings(self) -> BaseModel:
        """The config as the component's own model."""
        with told(f"{self.name}: its config"):
            return self.component.Config.model_validate(dict(self.config))

    @contextmanager
    def started(self) -> Iterator[Node]:
        """A fresh instance, prepared and started as a pipeline does it, closed at the end."""
        settings = self.settings()
        with told(f"{self.name}: the constructor"):
            node = self.component(settings, **self.resources)
        problems = list(node.prepare(self.base))
        demand(not problems, f"{self.name}: the sample cannot be built: {'; '.join(problems)}")
        with told(f"{self.name}: start"):
            node.start()
        try:
            yield node
        finally:
            node.close()

    def alone(self, item: Mapping[str, Any]) -> Outcome:
        """What a fresh instance gives on one input; see ``outcome``."""
        with self.started() as node:
            return self.outcome(node, item)

    def call(self, node: Node, item: Mapping[str, Any], context: RunContext | None = None) -> Any:
        """Call ``run`` as the pipeline does, plain or ``async``, and return its output."""
        output = node.run(**self.arguments(item, context))
        return asyncio.run(_awaited(output)) if inspect.isawaitable(output) else output

    def arguments(
        self, item: Mapping[str, Any], context: RunContext | None = None
    ) -> dict[str, Any]:
        """An input with its context, where ``run`` takes one."""
        name = self.signature.context
        if name is None:
            return dict(item)
        return {**item, name: RunContext(seed=SEED) if context is None else context}

    def outcome(self, node: Node, item: Mapping[str, Any]) -> Outcome:
        """Call ``run`` on a copy of an input and keep output, notes and cost.

        Raises:
            AssertionError: if ``run`` raises; the exception is the cause.
        """
        context = RunContext(seed=SEED)
        with told(f"{self.name}: run"):
            output = self.call(node, copy.deepcopy(dict(item)), context)
        return Outcome(output, dict(context.notes), spent(context))


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work


def spent(context: RunContext) -> dict[str, int | float]:
    """A context's account without the seconds, which no two runs share."""
    return {name: value for name, value in context.cost.to_json().items() if name != "seconds"}


def tenants(value: Any) -> frozenset[str]:
    """Every tenant that a value names, however deep."""
    return frozenset(scope.tenant for scope in _scopes(value))


def _scopes(value: Any) -> Iterator[Scope]:
    if isinstance(value, Scope):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            yield from _scopes(getattr(value, one.name))
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _scopes(one)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from _scopes(one)


def rescoped(value: Any, tenant: str) -> Any:
    """The same value with every scope given to another tenant; roles stay.

    >>> rescoped({"asked": (Scope("x", ("audit",)),)}, "b")
    {'asked': (Scope(tenant='b', roles=('audit',)),)}
    """
    if isinstance(value, Scope):
        return replace(value, tenant=tenant)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {one.name: rescoped(getattr(value, one.name), tenant) for one in fields(value)}
        return replace(value, **changed)
    if isinstance(value, Mapping):
        return {name: rescoped(one, tenant) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(rescoped(one, tenant) for one in value)
    return value
