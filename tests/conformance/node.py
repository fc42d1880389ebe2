"""A conformance kit for nodes: what every node of a pipeline promises, as checks.

For authors of plug-ins, too::

    from tests.conformance.node import check_node

    def test_my_node_keeps_the_promises() -> None:
        check_node(
            MyNode,
            config={"k": 3},
            resources={"model": my_model},
            inputs=[{"query": question_of_tenant_a}, {"query": question_of_tenant_b}],
        )

A check that does not hold raises ``AssertionError`` with a sentence. No test
framework is needed. ``CHECKS`` holds the checks by name, each on its own.
"""

from __future__ import annotations

import copy
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from pydantic import BaseModel

from assay.pipeline import Pipeline
from assay.pipeline.component import Node, Resource
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.record import stage
from assay.pipeline.types import describe, holds, signature
from tests.conformance.settings import bounds_are_refused, config_round_trip
from tests.conformance.subject import SEED, Subject, demand, tenants, told

NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*@[1-9][0-9]*")
THREADS = 8
ROUNDS = 20


def check_node(
    component: type[Node],
    *,
    config: Mapping[str, Any],
    resources: Mapping[str, Any],
    inputs: Sequence[Mapping[str, Any]],
    base: Path = Path(),
) -> None:
    """Prove that a node class keeps what nodes promise; see ``CHECKS``.

    Args:
        component: the node class.
        config: plain values, as they would stand in a pipeline file.
        resources: keyword arguments of the constructor, started.
        inputs: for each call of ``run`` the values of its ports, by name. Where
            they carry a scope, of two tenants at least.
        base: folder that the config's relative paths are seen from.

    Raises:
        AssertionError: at the first promise that is not kept, with a sentence.
    """
    subject = Subject(component, config, resources, inputs, base)
    for check in CHECKS.values():
        check(subject)


def named_documented_annotated(subject: Subject) -> None:
    """A versioned name, a docstring, a ``run`` with annotations, inputs that fit its ports."""
    component = subject.component
    demand(
        NAME.fullmatch(component.name) is not None,
        f"{component.__name__}: the name '{component.name}' is not of the form"
        " folder.method@version; use @register",
    )
    demand(bool((component.__doc__ or "").strip()), f"{subject.name}: the class has no docstring")
    try:
        ports = signature(component.run).ports
    except (TypeError, NameError, AttributeError) as error:
        raise AssertionError(f"{subject.name}: run cannot be wired: {error}") from error
    demand(bool(subject.inputs), f"{subject.name}: give at least one input")
    required = {name for name, port in ports.items() if port.required}
    for number, item in enumerate(subject.inputs):
        demand(
            required <= item.keys() <= ports.keys(),
            f"{subject.name}: input {number} has the ports {sorted(item)}, run has {sorted(ports)}",
        )


def same_input_same_output(subject: Subject) -> None:
    """Two fresh instances agree on output, notes and cost, whatever the order of a join."""
    for number, item in enumerate(subject.inputs):
        turned = {
            name: dict(reversed(value.items()))
            if name in subject.signature.ports and subject.signature.ports[name].joined
            else value
            for name, value in item.items()
        }
        first = subject.alone(item)
        second = subject.alone(turned)
        for what in ("output", "notes", "cost"):
            one, other = getattr(first, what), getattr(second, what)
            demand(
                one == other,
                f"{subject.name}: two instances differ in their {what} on input {number}:"
                f" {one!r} and {other!r}; draw random numbers from context.seed only",
            )


def batch_equals_runs(subject: Subject) -> None:
    """``run_batch``, where there is one, gives what ``run`` gives, item by item."""
    batch = getattr(subject.component, "run_batch", None)
    if batch is None:
        return
    alone = [subject.alone(item) for item in subject.inputs]
    single = [[item] for item in subject.inputs]
    many = [*subject.inputs, *reversed(subject.inputs)]
    for items, expected in (
        *((items, [one]) for items, one in zip(single, alone, strict=True)),
        (many, [*alone, *reversed(alone)]),
    ):
        contexts = [RunContext(seed=SEED) for _ in items]
        with subject.started() as made, told(f"{subject.name}: run_batch on {len(items)} items"):
            node: Any = made
            outputs = list(node.run_batch(copy.deepcopy(items), contexts))
        demand(
            len(outputs) == len(items),
            f"{subject.name}: run_batch gave {len(outputs)} outputs for {len(items)} items",
        )
        for place, (output, context, one) in enumerate(
            zip(outputs, contexts, expected, strict=True)
        ):
            demand(
                output == one.output and context.notes == one.notes,
                f"{subject.name}: item {place} of a batch of {len(items)} differs from run alone:"
                f" {output!r} with notes {context.notes}, alone {one.output!r} with notes"
                f" {one.notes}",
            )


def stream_ends_with_the_output(subject: Subject) -> None:
    """``stream``, where there is one, yields text and, last, what ``run`` gives."""
    if not hasattr(subject.component, "stream"):
        return
    for number, item in enumerate(subject.inputs):
        with subject.started() as made, told(f"{subject.name}: stream"):
            node: Any = made
            pieces = list(node.stream(**subject.arguments(copy.deepcopy(dict(item)))))
        demand(
            bool(pieces) and all(isinstance(one, str) for one in pieces[:-1]),
            f"{subject.name}: stream has to yield pieces of text and, last, the output; on input"
            f" {number} it gave {[type(one).__name__ for one in pieces]}",
        )
        alone = subject.alone(item).output
        demand(
            pieces[-1] == alone,
            f"{subject.name}: on input {number} stream ends with {pieces[-1]!r}, run gives"
            f" {alone!r}",
        )


def output_fits(subject: Subject) -> None:
    """The output has the annotated type and goes into the run record as JSON."""
    for number, item in enumerate(subject.inputs):
        result = subject.alone(item)
        _demand_type(subject, result.output, f"input {number}")
        context = RunContext(notes=dict(result.notes))
        try:
            json.dumps(stage(result.output, context), allow_nan=False)
        except (TypeError, ValueError, AttributeError) as error:
            raise AssertionError(
                f"{subject.name}: the run record cannot hold what it gives on input {number}:"
                f" {error}"
            ) from error


def inputs_stay_as_they_are(subject: Subject) -> None:
    """``run`` changes none of its inputs."""
    for number, item in enumerate(subject.inputs):
        given = copy.deepcopy(dict(item))
        with subject.started() as node, told(f"{subject.name}: run"):
            subject.call(node, given)
        for name, value in item.items():
            demand(
                given[name] == value and repr(given[name]) == repr(value),
                f"{subject.name}: run changed its input '{name}' (input {number}); make a new one",
            )


def nothing_shared_between_requests(subject: Subject) -> None:
    """Two tenants' requests in many threads get what each gets alone; the node stays as it was."""
    pair = _two_tenants(subject)
    alone = [subject.alone(item) for item in pair]
    for item, one in zip(pair, alone, strict=True):
        strange = tenants(one.output) - tenants(item)
        demand(
            not strange,
            f"{subject.name}: asked for tenant {sorted(tenants(item))}, the output carries"
            f" tenant {sorted(strange)}",
        )
    interval = sys.getswitchinterval()
    numbers = list(range(len(pair))) * ROUNDS
    with subject.started() as node, ThreadPoolExecutor(THREADS) as pool:
        before = _snapshot(vars(node))
        sys.setswitchinterval(1e-5)  # many changes of thread, so that a race shows
        try:
            together = list(pool.map(lambda number: subject.outcome(node, pair[number]), numbers))
        finally:
            sys.setswitchinterval(interval)
        after = _snapshot(vars(node))
    for number, found in zip(numbers, together, strict=True):
        demand(
            found == alone[number],
            f"{subject.name}: with requests side by side, tenant {sorted(tenants(pair[number]))}"
            f" got {found!r}, alone {alone[number]!r}",
        )
    changed = sorted(name for name in before | after if before.get(name, ()) != after.get(name, ()))
    demand(
        not changed,
        f"{subject.name}: run changed the node itself ({', '.join(changed)}); keep what belongs"
        " to a request in local variables",
    )


def cancelled_in_good_order(subject: Subject) -> None:
    """A cancelled request ends in ``DeadlineExceeded`` or in a right output, in nothing else."""
    for number, item in enumerate(subject.inputs):
        context = RunContext(seed=SEED)
        context.cancelled.set()
        try:
            with subject.started() as node:
                output = subject.call(node, copy.deepcopy(dict(item)), context)
        except AssertionError:
            raise
        except DeadlineExceeded:
            continue
        except Exception as error:
            raise AssertionError(
                f"{subject.name}: cancelled on input {number}, it raised {type(error).__name__}"
                f" ({error}) in place of DeadlineExceeded; call context.check()"
            ) from error
        _demand_type(subject, output, f"input {number}, cancelled")


CHECKS: Mapping[str, Callable[[Subject], None]] = MappingProxyType(
    {
        check.__name__: check
        for check in (
            named_documented_annotated,
            config_round_trip,
            bounds_are_refused,
            output_fits,
            same_input_same_output,
            batch_equals_runs,
            stream_ends_with_the_output,
            inputs_stay_as_they_are,
            nothing_shared_between_requests,
            cancelled_in_good_order,
        )
    }
)
"""Every check by name, the cheap ones that explain later failures first."""


def _demand_type(subject: Subject, output: Any, where: str) -> None:
    expected = subject.signature.output
    demand(
        holds(expected, output),
        f"{subject.name}: run says that it gives {describe(expected)}, on {where} it gave"
        f" {type(output).__name__}",
    )


def _two_tenants(subject: Subject) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    first = subject.inputs[0]
    own = tenants(first)
    if not own:
        return first, subject.inputs[-1]
    for item in subject.inputs:
        if own.isdisjoint(tenants(item)):
            return first, item
    raise AssertionError(
        f"{subject.name}: all inputs are of tenant {sorted(own)}; add one of another tenant"
    )


def _snapshot(value: Any, depth: int = 4) -> Any:
    """What a value is now: identity of the object, and content where it can change."""
    match value:
        case dict():
            return {name: _snapshot(one, depth) for name, one in value.items()}
        case list() | tuple():
            return [_snapshot(one, depth) for one in value]
        case set() | frozenset():
            return sorted(repr(one) for one in value)
        case BaseModel():
            return repr(value)
        case Resource() | Pipeline() | ModuleType() | type():
            return id(value)  # shared on purpose, with a life of its own
        case _ if depth and hasattr(value, "__dict__") and not callable(value):
            return (id(value), _snapshot(vars(value), depth - 1))
        case str() | int() | float() | None:
            return value
        case _:
            return id(value)
