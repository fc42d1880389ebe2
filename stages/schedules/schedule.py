"""Schedules: which passages are shown together, and when, without any model.

A schedule is a generator. It yields *rounds*: windows of places that may be ranked side by side,
because none depends on another. It is sent what the ranker said of each, and returns the order of
all places. So an algorithm of the literature is one function of numbers: tests drive it with an
oracle, ``assay explain`` with a ranker that keeps every order, and nodes with a model, many
queries at a time::

    def best_of_two_halves(n: int) -> Schedule:
        left, right = tuple(range(n // 2)), tuple(range(n // 2, n))
        first, second = yield [left, right]
        ...
        return Arrangement(order)

Places are first-stage ranks from 0, so whatever a ranker leaves open is settled by the smaller
place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from assay.pipeline.words import Scalar
from assay.stages.windows.window import Ordered

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

Places: TypeAlias = tuple[int, ...]
"""Places of candidates, in the order in which they are shown or come out."""

Round: TypeAlias = Sequence[Places]
"""Windows that do not depend on one another; each place at most once in a window."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What a schedule found.

    Args:
        order: all places, best first.
        notes: figures for the run record.
    """

    order: Places
    notes: Mapping[str, Scalar] = field(default_factory=dict)


Schedule: TypeAlias = Generator[Round, Sequence[Ordered], Arrangement]
"""Yields rounds, is sent an ``Ordered`` for each window, returns the arrangement."""

Result = TypeVar("Result")

Step: TypeAlias = Generator[Round, Sequence[Ordered], Result]
"""A part of a schedule that finds something smaller than a whole order."""

Ask: TypeAlias = Callable[[Sequence[tuple[int, Places]]], Sequence[Ordered]]
"""Ranks windows of several schedules in one go: (number of the schedule, places) each."""


@dataclass(slots=True)
class Demand:
    """What a schedule asked for.

    Args:
        windows: size of a window to how many of it were asked for.
        rounds: rounds, one after another.
    """

    windows: Counter[int] = field(default_factory=Counter)
    rounds: int = 0


def sorted_places(window: Places, said: Ordered) -> Places:
    """A window's places in the order that the ranker gave them.

    >>> sorted_places((7, 3, 5), Ordered((2, 0, 1)))
    (5, 7, 3)
    """
    return tuple(window[place] for place in said.order)


def drive(schedules: Sequence[Schedule], ask: Ask) -> list[Arrangement]:
    """Run schedules side by side: each step asks the next round of all that still go on.

    What a schedule gets does not depend on the others.

    Args:
        schedules: not yet begun.
        ask: ranks the windows of a step.

    Returns:
        Their arrangements, in order.
    """
    found: dict[int, Arrangement] = {}
    waiting: dict[int, Round] = {}
    for number, schedule in enumerate(schedules):
        _advance(number, schedule, None, waiting, found)
    while waiting:
        asked = [(number, places) for number, wanted in waiting.items() for places in wanted]
        said = iter(ask(asked))
        for number, wanted in list(waiting.items()):
            answers = [next(said) for _ in wanted]
            _advance(number, schedules[number], answers, waiting, found)
    return [found[number] for number in range(len(schedules))]


def together(steps: Sequence[Step[Result]]) -> Step[list[Result]]:
    """Several parts of one schedule side by side: their rounds become one round.

    Use it with ``yield from``; a part may end earlier than others.
    """
    results: dict[int, Result] = {}
    waiting: dict[int, Round] = {}
    for number, step in enumerate(steps):
        try:
            waiting[number] = next(step)
        except StopIteration as end:
            results[number] = end.value
    while waiting:
        said = iter((yield [places for wanted in waiting.values() for places in wanted]))
        for number, wanted in list(waiting.items()):
            answers = [next(said) for _ in wanted]
            try:
                waiting[number] = steps[number].send(answers)
            except StopIteration as end:
                del waiting[number]
                results[number] = end.value
    return [results[number] for number in range(len(steps))]


def demand(schedule: Schedule, ranker: Callable[[Places], Ordered]) -> Demand:
    """Count what a schedule asks for when a ranker answers like this."""
    counted = Demand()

    def ask(asked: Sequence[tuple[int, Places]]) -> list[Ordered]:
        counted.rounds += 1
        counted.windows.update(len(places) for _, places in asked)
        return [ranker(places) for _, places in asked]

    drive([schedule], ask)
    return counted


def _advance(
    number: int,
    schedule: Schedule,
    answers: Sequence[Ordered] | None,
    waiting: dict[int, Round],
    found: dict[int, Arrangement],
) -> None:
    """Send a schedule its answers; it either asks on or is done. Empty rounds ask nothing."""
    try:
        wanted = next(schedule) if answers is None else schedule.send(answers)
        while not wanted:
            wanted = schedule.send([])
        waiting[number] = wanted
    except StopIteration as end:
        waiting.pop(number, None)
        found[number] = end.value
