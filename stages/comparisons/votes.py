"""Votes: complete orders of the same candidates, and how far they agree."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from assay.stages.comparisons.comparisons import Comparisons, Matrix

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

RRF_K = 60
ROUNDS = 20
CLOSE = 1e-6


def kendall_distance(one: Sequence[int], other: Sequence[int]) -> int:
    """Pairs that two orders of the same candidates put the other way round.

    >>> kendall_distance([0, 1, 2], [1, 2, 0])
    2
    """
    place = {name: rank for rank, name in enumerate(other)}
    ranks = [place[name] for name in one]
    return sum(left > right for left, right in combinations(ranks, 2))


def kendall_tau(one: Sequence[int], other: Sequence[int]) -> float:
    """1 for equal orders, -1 for turned ones; 1 for fewer than two candidates.

    >>> kendall_tau([0, 1, 2], [2, 1, 0])
    -1.0
    """
    pairs = len(one) * (len(one) - 1) / 2
    return 1.0 - 2.0 * kendall_distance(one, other) / pairs if pairs else 1.0


def agreement(votes: Sequence[Sequence[int]]) -> float:
    """Mean Kendall tau of all pairs of votes; 1 for a single vote."""
    taus = [kendall_tau(one, other) for one, other in combinations(votes, 2)]
    return sum(taus) / len(taus) if taus else 1.0


def reciprocal_ranks(votes: Sequence[Sequence[int]], n: int) -> Matrix:
    """Mean over votes of 1 / (60 + rank), ranks from 1, shape ``(n,)``.

    Source: Cormack, Clarke and Büttcher 2009.
    """
    found: Matrix = np.zeros(n)
    for vote in votes:
        for rank, one in enumerate(vote, 1):
            found[one] += 1 / (RRF_K + rank)
    return found / max(1, len(votes))


def comparisons_of(
    votes: Sequence[Sequence[int]], n: int, *, weights: Sequence[float] | None = None
) -> Comparisons:
    """All comparisons of all votes, each vote with its weight (1 by default)."""
    found = Comparisons(n)
    for number, vote in enumerate(votes):
        found.add_order(vote, weight=1.0 if weights is None else weights[number])
    return found


def bounded_weights(votes: Sequence[Sequence[int]], n: int) -> list[float]:
    """A weight for each vote, so that no outlying vote moves the consensus far.

    The consensus of Borda scores is made again and again, each vote weighing
    ``min(1, median distance / its distance)`` to the last one: Huber's weights, whose influence
    is bounded. Votes that are the median's distance away or nearer count fully.
    Source: Huber 1964 (weights); distances of Kendall.

    Args:
        votes: complete orders of the candidates.
        n: candidates.

    Returns:
        In (0, 1], in the order of the votes.
    """
    weights = [1.0] * len(votes)
    for _ in range(ROUNDS):
        borda = comparisons_of(votes, n, weights=weights).wins.sum(axis=1)
        consensus = sorted(range(n), key=lambda one: (-round(float(borda[one]), 9), one))
        distances = [kendall_distance(vote, consensus) for vote in votes]
        bound = float(np.median(distances)) if distances else 0.0
        new = [1.0 if distance <= bound else max(bound, 0.5) / distance for distance in distances]
        if max((abs(a - b) for a, b in zip(new, weights, strict=True)), default=0.0) < CLOSE:
            break
        weights = new
    return weights
