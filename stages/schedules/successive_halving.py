"""Successive halving: fewer candidates each time, and every answer counts to the end."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np

from assay.stages.comparisons.aggregator import aggregator
from assay.stages.comparisons.comparisons import Comparisons, by_score
from assay.stages.schedules.schedule import Arrangement, Places, Schedule, sorted_places

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


def successive_halving(
    n: int,
    *,
    generator: np.random.Generator,
    window: int = 20,
    keep: float = 0.4,
    repeats: int = 1,
    final: int = 2,
    combine: str = "bradley_terry",
) -> Schedule:
    """Rank disjoint windows side by side, keep the best, and again until one window holds them.

    The candidates that are left are dealt like cards, so that windows are about equally strong.
    What was said in all stages is aggregated: a passage is not lost by one bad window if it was
    good before, and the last order is that of several looks at each passage. Windows of a
    repetition are dealt and shuffled by chance. Source: Karnin, Koren and Somekh 2013 (sequential
    halving). Differs: comparisons in windows in place of single rewards, and earlier stages count.

    Cost: ``repeats`` * ceil(left / window) windows a stage, one round each; for n = 100 and the
    defaults 9 windows in 3 rounds (100, 40, 20 candidates), for n = 1000 86 in 6. The order is
    not proven to be exact with a perfect ranker: see ``benchmarks/rerank.py``.

    Args:
        n: candidates.
        generator: deals repetitions.
        window: most candidates of a window, at least 2.
        keep: share of those left that stays in, below 1; never fewer than a window holds.
        repeats: how often each is shown in a stage.
        final: windows over the last ones, once a window holds them.
        combine: an aggregator.
    """
    left: Places = tuple(range(n))
    behind: Places = ()
    comparisons = Comparisons(n)
    stages = 0
    while n > 1:
        last = len(left) <= window
        windows = _dealt(left, window, final if last else repeats, generator)
        said = yield windows
        for places, one in zip(windows, said, strict=True):
            if not one.failed:
                comparisons.add_order(sorted_places(places, one))
        stages += 1
        left = _sorted(left, comparisons, combine, generator)
        if last:
            break
        kept = min(len(left) - 1, max(window, ceil(keep * len(left))))
        left, behind = left[:kept], (*left[kept:], *behind)
    return Arrangement((*left, *behind), {"stages": stages})


def _dealt(left: Places, window: int, repeats: int, generator: np.random.Generator) -> list[Places]:
    """Disjoint windows over the candidates, ``repeats`` times; the first time as they stand.

    One who would be alone in a window is not shown.
    """
    count = ceil(len(left) / window)
    found = [left[number::count] for number in range(count)]
    for _ in range(repeats - 1):
        hands: list[list[int]] = [[] for _ in range(count)]
        for start in range(0, len(left), count):
            owners = generator.permutation(count)
            for owner, one in zip(owners, left[start : start + count], strict=False):
                hands[int(owner)].append(one)
        found += [
            tuple(hand[place] for place in generator.permutation(len(hand))) for hand in hands
        ]
    return [places for places in found if len(places) > 1]


def _sorted(
    left: Sequence[int], comparisons: Comparisons, combine: str, generator: np.random.Generator
) -> Places:
    """Those that are left by what was said among them, equal ones by first-stage place."""
    members = sorted(left)
    own = Comparisons(len(members))
    own.wins = comparisons.wins[np.ix_(members, members)]
    return tuple(members[place] for place in by_score(aggregator(combine)(own, generator)))
