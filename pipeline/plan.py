"""The plan: what ``build`` worked out once, so that a run only follows it.

Nodes that only hand on to one another form a branch and stay on one thread;
branches that do not need one another run at the same time. Everything that could
be looked up (ports, places of values, what an output may be) is looked up here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, get_origin

from assay.pipeline.component import Node
from assay.pipeline.condition import Condition
from assay.pipeline.file import INPUT
from assay.pipeline.policy import PLAIN, Policy
from assay.pipeline.types import Signature, members, refused
from assay.pipeline.words import Abstention, Skipped


@dataclass(frozen=True, slots=True)
class Step:
    """One node in its place.

    Args:
        name: the node's name in the file.
        node: the component.
        signature: its ports and output.
        inputs: port to feeding node, or to a mapping for a named join.
        resources: constructor parameter to resource name.
        condition: whether the node runs, over what came before; None for always.
        policy: timeout, retries, budget and cache.
        leaves_out: whether a named join leaves skipped inputs out; else it is skipped.
        waits: what the node's fallbacks are fed by.
    """

    name: str
    node: Node
    signature: Signature
    inputs: Mapping[str, str | Mapping[str, str]]
    resources: Mapping[str, str]
    condition: Condition | None = None
    policy: Policy = PLAIN
    leaves_out: bool = False
    waits: tuple[str, ...] = ()

    def feeders(self) -> tuple[str, ...]:
        """Every node (or the question) that this one waits for, each once."""
        found: dict[str, None] = {}
        for feed in self.inputs.values():
            found.update(dict.fromkeys([feed] if isinstance(feed, str) else feed.values()))
        if self.condition is not None:
            found.update(dict.fromkeys(self.condition.names))
        found.update(dict.fromkeys(self.waits))
        return tuple(found)

    def how(self) -> dict[str, Any]:
        """What the step's outputs depend on beside node and inputs; empty for a plain step."""
        said: dict[str, Any] = {}
        if self.condition is not None:
            said["when"] = self.condition.text
        if self.leaves_out:
            said["on_skipped"] = "leave_out"
        if not replace(self.policy, cache=False).plain:
            said["policy"] = asdict(replace(self.policy, cache=False))
        return said


@dataclass(frozen=True, slots=True)
class Feed:
    """Where one port's value comes from.

    Args:
        port: name of the parameter.
        place: of the value, for a plain port.
        places: key to place, for a named join; else None.
        takes_abstention: whether the port accepts one; else it passes the node by.
        takes_skipped: whether the port accepts what a node gives that did not run.
    """

    port: str
    place: int
    places: tuple[tuple[str, int], ...] | None
    takes_abstention: bool
    takes_skipped: bool


@dataclass(frozen=True, slots=True)
class Task:
    """A step, ready to run.

    Args:
        place: of its output among a run's values.
        step: the node and its policy.
        run: the node's ``run``.
        feeds: one for each port.
        context: name of the parameter that takes the context, if any.
        classes: an output is an instance of one of these; None for anything.
        asynchronous: whether ``run`` must be awaited.
        plain: whether ``run`` is simply called: no policy stands before it.
    """

    place: int
    step: Step
    run: Callable[..., Any]
    feeds: tuple[Feed, ...]
    context: str | None
    classes: tuple[type, ...] | None
    asynchronous: bool
    plain: bool

    @property
    def simple(self) -> bool:
        """Whether the node only turns one value into another."""
        return (
            self.plain
            and self.step.condition is None
            and self.context is None
            and self.classes is not None
            and len(self.feeds) == 1
            and self.feeds[0].places is None
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run, in which order.

    Args:
        tasks: in the order of the steps.
        usual: those that every run goes through.
        reserve: those that run only in the place of another that failed, by name.
        levels: branches that may run at the same time, level by level; a branch is
            a sequence of tasks that run one after the other.
        places: name of the question or a node to the place of its value.
        asynchronous: whether any node must be awaited.
    """

    tasks: tuple[Task, ...]
    usual: tuple[Task, ...]
    reserve: Mapping[str, Task]
    levels: tuple[tuple[tuple[Task, ...], ...], ...]
    places: Mapping[str, int]
    asynchronous: bool

    @property
    def width(self) -> int:
        """Most branches that run at the same time."""
        return max((len(level) for level in self.levels), default=1)


def make_plan(steps: Mapping[str, Step], output: str) -> Plan:
    """The plan of steps that come in an order in which each follows what feeds it.

    Args:
        steps: by name.
        output: the node whose output is the outcome.
    """
    places = {INPUT: 0} | {name: place for place, name in enumerate(steps, 1)}
    tasks = {name: _task(step, places) for name, step in steps.items()}
    needed = wanted(steps, output)
    usual = {
        name: (*step.feeders(), *(one for one in step.policy.fallback.values() if one in needed))
        for name, step in steps.items()
        if name in needed
    }
    levels = _levels(_branches(usual), usual)
    return Plan(
        tasks=tuple(tasks.values()),
        usual=tuple(tasks[name] for name in usual),
        reserve={name: task for name, task in tasks.items() if name not in usual},
        levels=tuple(
            tuple(tuple(tasks[name] for name in branch) for branch in level) for level in levels
        ),
        places=places,
        asynchronous=any(task.asynchronous for task in tasks.values()),
    )


def wanted(steps: Mapping[str, Step], output: str) -> set[str]:
    """The nodes that the output needs when nothing fails."""
    found = {output}
    waiting = [output]
    while waiting:
        step = steps[waiting.pop()]
        new = [one for one in step.feeders() if one in steps and one not in found]
        found.update(new)
        waiting += new
    return found


def _task(step: Step, places: Mapping[str, int]) -> Task:
    feeds = []
    for port, feed in step.inputs.items():
        declared = step.signature.ports[port]
        expected = declared.type if declared.joined is None else declared.joined
        feeds.append(
            Feed(
                port=port,
                place=places[feed] if isinstance(feed, str) else 0,
                places=None
                if isinstance(feed, str)
                else tuple((key, places[name]) for key, name in feed.items()),
                takes_abstention=not refused(Abstention, expected),
                takes_skipped=not refused(Skipped, expected),
            )
        )
    output = step.signature.output
    return Task(
        place=places[step.name],
        step=step,
        run=step.node.run,
        feeds=tuple(feeds),
        context=step.signature.context,
        classes=None
        if output is Any
        else tuple(get_origin(member) or member for member in members(output)),
        asynchronous=inspect.iscoroutinefunction(step.node.run),
        plain=step.policy.plain,
    )


def _branches(before: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Nodes in branches: a node joins its only feeder's branch if it is the only one fed by it.

    Args:
        before: node to all that it waits for, in an order in which each follows what feeds it.
    """
    fed: dict[str, int] = dict.fromkeys(before, 0)
    for names in before.values():
        for name in dict.fromkeys(names):
            if name in fed:
                fed[name] += 1
    branches: list[list[str]] = []
    ends: dict[str, list[str]] = {}
    for name, names in before.items():
        feeders = [one for one in dict.fromkeys(names) if one in before]
        if len(feeders) == 1 and fed[feeders[0]] == 1:
            branch = ends.pop(feeders[0])
            branch.append(name)
        else:
            branch = [name]
            branches.append(branch)
        ends[name] = branch
    return branches


def _levels(
    branches: Sequence[list[str]], before: Mapping[str, Sequence[str]]
) -> list[list[list[str]]]:
    """Branches by the earliest level at which all that feeds them is there."""
    level: dict[str, int] = {}
    levels: list[list[list[str]]] = []
    for branch in branches:
        feeders = before[branch[0]]
        mine = 1 + max((level[one] for one in feeders if one in level), default=-1)
        level.update(dict.fromkeys(branch, mine))
        while len(levels) <= mine:
            levels.append([])
        levels[mine].append(branch)
    return levels
