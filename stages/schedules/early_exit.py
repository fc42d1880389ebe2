"""Early exit: better and dearer scores only for those candidates for which they matter."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from assay.stages.comparisons.comparisons import by_score
from assay.stages.schedules.certain_places import undecided
from assay.stages.schedules.schedule import Places

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

Requests: TypeAlias = list[tuple[int, int]]
"""(place, level) of scores that do not depend on one another."""


@dataclass(frozen=True, slots=True)
class Exit:
    """Where an early exit came to.

    Args:
        order: all places, best first.
        levels: by place the last level at which it was scored.
        certain: whether nobody else can be among the best, if all half-widths hold.
    """

    order: Places
    levels: Places
    certain: bool


EarlyExit: TypeAlias = Generator[Requests, Sequence[float], Exit]
"""Yields requests, is sent a score for each, returns where it came to."""


def early_exit(
    n: int,
    *,
    half_widths: Sequence[float],
    top: int,
    beam: int = 1,
    most: int | None = None,
) -> EarlyExit:
    """Score level by level until the best ``top`` cannot change.

    All candidates are scored at level 0. Then again and again the undecided candidates with the
    largest upper bounds go one level up, until ``top`` of them have a lower bound that reaches the
    upper bound of everyone else. If every score is within its half-width of the candidate's score
    at the last level, these are the best ``top`` of the last level, up to ties; their order among
    themselves is by their latest scores.

    Source: early exit of COMET candidates by upper confidence bounds (2025). Differs: it stops
    when the choice is certain instead of when a budget is spent; for ``top`` above 1 only
    undecided candidates go on; ``beam`` candidates go on together.

    Cost: n scores of level 0, and of each other level between 0 and n.

    Args:
        n: candidates.
        half_widths: by level, at least 0; how far a score may be from the last level's.
        top: candidates that are looked for.
        beam: candidates that go up in one round.
        most: scores above level 0 that may be made; None for no limit.
    """
    widths = np.asarray(half_widths, dtype=np.float64)
    last = len(widths) - 1
    levels = np.zeros(n, dtype=np.intp)
    scores = np.zeros(n)
    if n:
        scores[:] = yield [(place, 0) for place in range(n)]
    left = n * last if most is None else most
    while True:
        lower, upper = scores - widths[levels], scores + widths[levels]
        open_ones = undecided(lower, upper, [top])
        going = [place for place in np.flatnonzero(open_ones) if levels[place] < last]
        going = sorted(going, key=lambda place: (-upper[place], place))[: min(beam, left)]
        if not going:
            break
        left -= len(going)
        levels[going] += 1
        scores[going] = yield [(int(place), int(levels[place])) for place in going]
    order = by_score(scores)
    return Exit(order, tuple(levels.tolist()), not bool(open_ones.any()))
