"""The Kemeny order: the one that disagrees with the fewest comparisons."""

from __future__ import annotations

import numpy as np

from assay.stages.comparisons.aggregators import win_rate
from assay.stages.comparisons.comparisons import Comparisons, Matrix, by_score

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

EXACT = 16
"""Largest knot of candidates that beat one another in circles which is untied exactly; of
larger ones a local optimum is taken."""


def scores(comparisons: Comparisons, generator: np.random.Generator) -> Matrix:
    """n for the first of the order, down to 1 for the last.

    The candidates fall into knots (strongly connected parts of 'was not beaten by'), which stand
    in the same order in some best order; each knot of up to ``EXACT`` is solved exactly by
    dynamic programming over its subsets, a larger one by moving one candidate at a time from the
    order of win rates until no move helps. Ties go to the first-stage order.
    Source: Kemeny 1959; Truchon 1998 (knots); Betzler et al. 2009 (dynamic programming).
    """
    order = [one for knot in _knots(comparisons.wins) for one in _solved(comparisons, knot)]
    found: Matrix = np.zeros(comparisons.n)
    found[order] = np.arange(comparisons.n, 0, -1)
    return found


def disagreement(comparisons: Comparisons, order: list[int]) -> float:
    """Weight of the comparisons that an order contradicts."""
    turned = comparisons.wins[np.ix_(order, order)]
    return float(np.tril(turned, -1).sum())


def _knots(wins: Matrix) -> list[list[int]]:
    """Strongly connected parts of "i is not beaten by j", best part first."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(wins)
    if not n:
        return []
    net = wins - wins.T
    # A drawn pair binds nobody: it keeps the first-stage order unless others bind it.
    beats = (net > 1e-12) | ((np.abs(net) <= 1e-12) & (np.arange(n)[:, None] < np.arange(n)))
    _, part = connected_components(csr_matrix(beats), directed=True, connection="strong")
    members: dict[int, list[int]] = {}
    for one, number in enumerate(part.tolist()):
        members.setdefault(number, []).append(one)
    # 'beats' holds one way for each pair, so the parts stand in one order: count whom they beat.
    return sorted(members.values(), key=lambda knot: -int(beats[knot[0]].sum()))


def _solved(comparisons: Comparisons, knot: list[int]) -> list[int]:
    if len(knot) == 1:
        return knot
    wins = comparisons.wins[np.ix_(knot, knot)]
    if len(knot) <= EXACT:
        return [knot[one] for one in _exact(wins)]
    part = Comparisons(len(knot))
    part.wins = wins
    start = list(by_score(win_rate.scores(part, np.random.default_rng(0))))
    return [knot[one] for one in _improved(wins, start)]


def _exact(wins: Matrix) -> list[int]:
    """Best order of few candidates, found for every set of them that may stand in front."""
    n = len(wins)
    sets = np.arange(1 << n)
    # behind[i, set]: what is contradicted where i comes next behind the set.
    behind = np.zeros((n, 1 << n))
    for other in range(n):
        inside = (sets >> other & 1).astype(np.float64)
        behind += wins[other][:, None] * (1.0 - inside)[None, :]
    sizes = sum(sets >> one & 1 for one in range(n))
    cost = np.full(1 << n, np.inf)
    cost[0] = 0.0
    last = np.zeros(1 << n, dtype=np.int64)
    for size in range(1, n + 1):
        layer = sets[sizes == size]
        for one in range(n):
            ending = layer[(layer >> one & 1) == 1]
            before = ending ^ (1 << one)
            new = cost[before] + behind[one, before]
            better = new < cost[ending] - 1e-9
            cost[ending[better]] = new[better]
            last[ending[better]] = one
    order: list[int] = []
    here = (1 << n) - 1
    while here:
        order.append(int(last[here]))
        here ^= 1 << order[-1]
    return order[::-1]


def _improved(wins: Matrix, order: list[int]) -> list[int]:
    """Move one candidate at a time to where it contradicts least, until nothing helps."""
    moved = True
    while moved:
        moved = False
        for one in list(order):
            rest = [other for other in order if other != one]
            before = np.concatenate([[0.0], np.cumsum(wins[one, rest])])
            after = np.concatenate([np.cumsum(wins[rest, one][::-1])[::-1], [0.0]])
            costs = before + after
            here = order.index(one)
            best = int(np.argmin(costs))
            if costs[best] < costs[here] - 1e-9:
                order = [*rest[:best], one, *rest[best:]]
                moved = True
    return order
