"""TourRank: tournaments in stages, with a point for every stage survived."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np

from assay.stages.schedules.schedule import (
    Arrangement,
    Places,
    Schedule,
    Step,
    sorted_places,
    together,
)

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

SHARES = (0.5, 0.2, 0.1, 0.05, 0.02)
"""Of all candidates, how many are left after each stage: 50, 20, 10, 5 and 2 of 100."""


def tour_rank(
    n: int,
    *,
    generator: np.random.Generator,
    tournaments: int = 2,
    group: int = 20,
    shares: Sequence[float] = SHARES,
) -> Schedule:
    """Points from several tournaments, each over stages of groups.

    In a stage, the candidates left are dealt to groups so that each holds good and bad
    first-stage places, shuffled within the group; the best of each go on and get a point. The
    order is that of points, equal ones by first-stage place. Source: Chen et al. 2024 (TourRank).

    Cost: for n = 100 and groups of 20 about 11 windows a tournament, in five rounds; all
    tournaments go side by side.

    Args:
        n: candidates.
        generator: for the shuffles.
        tournaments: how many.
        group: most candidates of a group.
        shares: left after each stage, falling, each of all candidates.
    """
    if n < 2:
        return Arrangement(tuple(range(n)))
    seeds = generator.integers(0, 2**63, size=tournaments)
    played = yield from together(
        [_tournament(n, np.random.default_rng(int(seed)), group, shares) for seed in seeds]
    )
    points = np.sum(played, axis=0)
    return Arrangement(tuple(sorted(range(n), key=lambda one: (-int(points[one]), one))))


def _tournament(
    n: int, generator: np.random.Generator, group: int, shares: Sequence[float]
) -> Step[list[int]]:
    """Points of every candidate in one tournament."""
    points = [0] * n
    left: Places = tuple(range(n))
    for share in shares:
        goal = max(1, round(share * n))
        if goal >= len(left):
            continue
        count = ceil(len(left) / group)
        groups = [list(left[number::count]) for number in range(count)]
        groups = [[one[place] for place in generator.permutation(len(one))] for one in groups]
        places = _dealt(goal, [len(one) for one in groups])
        said = yield [tuple(one) for one in groups]
        chosen: list[int] = []
        for members, answer, keep in zip(groups, said, places, strict=True):
            # Groups are shuffled: where none of it can be read, the first stage decides.
            order = sorted(members) if answer.failed else sorted_places(tuple(members), answer)
            chosen += order[:keep]
        for one in chosen:
            points[one] += 1
        left = tuple(sorted(chosen))
    return points


def _dealt(goal: int, sizes: Sequence[int]) -> list[int]:
    """How many of each group go on, so that ``goal`` do in all."""
    total = sum(sizes)
    ends = np.round(np.cumsum(sizes) * goal / total).astype(int)
    return [int(one) for one in np.diff(np.concatenate([[0], ends]))]
