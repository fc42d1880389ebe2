"""REALM: beliefs about relevance, sharpened by comparisons with a pivot, head first."""

from __future__ import annotations

import math
from collections.abc import Sequence

from assay.pipeline.errors import UsageError
from assay.stages.comparisons.votes import kendall_tau
from assay.stages.schedules.gaussian_relevance import MEAN, Belief, compared, merged
from assay.stages.schedules.schedule import Arrangement, Places, Schedule
from assay.stages.windows.window import Ordered

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

FIRST_STAGE = 0.001
"""How much less relevant each place is believed to be than the one before it."""
SETTLED = 0.95
"""A segment is done once Kendall's tau of before and after is above this."""


def realm(
    n: int,
    *,
    temperature: float = 1.0,
    others: int = 2,
    top: int = 10,
    kappa: float = 0.0,
    most_windows: int = 1000,
) -> Schedule:
    """Recursive Bayesian reranking.

    In a segment, the candidate that is known best is the pivot; all others are compared with it,
    ``others`` to a window. Each wins against the pivot with probability
    ``sigmoid((its score - the pivot's) / temperature)``. The segment is sorted and cut a third of
    the way between the pivot and its middle, and both parts go on the same way, the right one
    only where it reaches into the best ``top``. Source: REALM (2025). Differs: parts of one depth
    go side by side.

    Cost: about (segment - 1) / others windows a level, all of a level in one round; about 80 for
    n = 100. Needs rankers that tell scores.

    Args:
        n: candidates.
        temperature: of the scores' differences; so that a usual difference is about 1 of it.
        others: candidates beside the pivot in a window.
        top: places that matter.
        kappa: the order is by ``mean - kappa * spread``.
        most_windows: windows after which no new level begins.

    Raises:
        UsageError: if the ranker tells no scores.
    """
    beliefs = [Belief(MEAN - FIRST_STAGE * place) for place in range(n)]
    order = list(range(n))
    segments = [(0, n)] if n > 1 else []
    asked, depth = 0, 0
    while segments and asked < most_windows:
        depth += 1
        plans = []
        for start, end in segments:
            members = order[start:end]
            pivot = min(members, key=lambda one: (beliefs[one].spread, one))
            rest = [one for one in members if one != pivot]
            windows = [
                (pivot, *rest[first : first + others]) for first in range(0, len(rest), others)
            ]
            plans.append((start, end, pivot, windows))
        said = iter((yield [window for *_, windows in plans for window in windows]))
        segments = []
        for start, end, pivot, windows in plans:
            before = order[start:end]
            _update(beliefs, pivot, [(window, next(said)) for window in windows], temperature)
            asked += len(windows)
            after = sorted(before, key=lambda one: (-beliefs[one].lower(kappa), one))
            order[start:end] = after
            if len(before) < 3 or kendall_tau(before, after) > SETTLED:
                continue
            place = start + after.index(pivot)
            cut = min(max((2 * place + (start + end) // 2) // 3, start + 1), end - 1)
            segments.append((start, cut))
            if cut + 1 < top:
                segments.append((cut, end))
        segments = [(start, end) for start, end in segments if end - start > 1]
    spread = sum(beliefs[one].spread for one in order[:top]) / max(1, len(order[:top]))
    return Arrangement(tuple(order), {"depth": depth, "spread_of_top": round(spread, 6)})


def _update(
    beliefs: list[Belief],
    pivot: int,
    answers: Sequence[tuple[Places, Ordered]],
    temperature: float,
) -> None:
    """Beliefs after all comparisons with one pivot, each against the pivot as it was before."""
    before = beliefs[pivot]
    clones: list[Belief] = []
    for window, said in answers:
        if said.failed:
            continue
        if said.scores is None:
            raise UsageError("REALM needs a ranker that tells scores, such as windows.setwise")
        for place, one in enumerate(window[1:], 1):
            chance = _sigmoid((said.scores[place] - said.scores[0]) / temperature)
            clones.append(compared(before, beliefs[one], 1 - chance))
            beliefs[one] = compared(beliefs[one], before, chance)
    if clones:
        beliefs[pivot] = merged(clones)


def _sigmoid(value: float) -> float:
    """1 / (1 + exp(-value)), without overflow.

    >>> round(_sigmoid(1.0), 4)
    0.7311
    """
    bounded = min(max(value, -500.0), 500.0)
    return 1 / (1 + math.exp(-bounded))
