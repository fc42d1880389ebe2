"""Orders that cover a question from several sides. Pure algorithms, no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

Values = NDArray[np.float64]


def round_robin(n: int, aspects: Sequence[Sequence[int]]) -> list[int]:
    """Take from the aspects' rankings by turns, each time the best place that was not taken yet.

    Args:
        n: places in all; those that no aspect has follow in their order.
        aspects: places of each aspect's ranking, best first; each place at most once.

    Returns:
        A permutation of 0 to n - 1. The best place of every aspect is among the first
        ``len(aspects)``.

    >>> round_robin(5, [[1, 2, 3], [2, 4]])
    [1, 2, 3, 4, 0]
    """
    taken: dict[int, None] = {}
    waiting = [iter(places) for places in aspects]
    while waiting:
        left = []
        for places in waiting:
            place = next((one for one in places if one not in taken), None)
            if place is not None:
                taken[place] = None
                left.append(places)
        waiting = left
    taken |= dict.fromkeys(range(n))
    return list(taken)


def xquad(relevance: Values, aspects: Values, weights: Values, share: float) -> list[int]:
    """Greedy order by relevance and by what each place adds to aspects that are not covered yet.

    Takes, each time, the place d with the largest
    ``share rel(d) + (1 - share) sum_a w_a rel_a(d) prod_s (1 - rel_a(s))`` over the places s taken
    before; of equal ones the first. Source: Santos, Macdonald and Ounis 2010 (xQuAD), equation 2.
    Cost: n squared times the aspects.

    Args:
        relevance: of each place for the question, 0 to 1, shape ``(n,)``.
        aspects: for each aspect, 0 to 1, shape ``(n_aspects, n)``.
        weights: of the aspects, at least 0, shape ``(n_aspects,)``.
        share: weight of plain relevance, 0 to 1.

    >>> xquad(np.array([.9, .8, .3]), np.array([[.9, .8, .0], [.0, .0, .7]]),
    ...       np.array([.5, .5]), 0.2)
    [0, 2, 1]
    """
    missing = weights.astype(np.float64).copy()
    left = list(range(len(relevance)))
    order = []
    while left:
        gains = share * relevance[left] + (1 - share) * missing @ aspects[:, left]
        best = left.pop(int(np.argmax(gains)))
        missing *= 1 - aspects[:, best]
        order.append(best)
    return order


def maximal_marginal_relevance(relevance: Values, likeness: Values, share: float) -> list[int]:
    """The order of ``marginal_relevances``.

    >>> twins = np.array([[1., 1., 0.], [1., 1., 0.], [0., 0., 1.]])
    >>> maximal_marginal_relevance(np.array([1., .9, .5]), twins, 0.5)
    [0, 2, 1]
    """
    return [one.place for one in marginal_relevances(relevance, likeness, share)]


class Marginal(NamedTuple):
    """What a place was worth when it was taken.

    Args:
        place: that was taken.
        value: ``share rel(d) - (1 - share) max_s likeness(d, s)``.
        likeness: to the most similar place that was taken before; 0 for the first.
        nearest: that place; None for the first.
    """

    place: int
    value: float
    likeness: float
    nearest: int | None


def marginal_relevances(relevance: Values, likeness: Values, share: float) -> list[Marginal]:
    """Greedy order by relevance, less likeness to the most similar place that was taken.

    Takes, each time, the place d with the largest
    ``share rel(d) - (1 - share) max_s likeness(d, s)``; of equal ones the first. Values never rise
    along the order. Source: Carbonell and Goldstein 1998. Cost: n squared.

    Args:
        relevance: of each place, 0 to 1, shape ``(n,)``.
        likeness: of places to one another, 0 to 1, shape ``(n, n)``.
        share: weight of relevance, 0 to 1.

    >>> twins = np.array([[1., 1., 0.], [1., 1., 0.], [0., 0., 1.]])
    >>> [round(one.value, 2) for one in marginal_relevances(np.array([1., .9, .5]), twins, 0.5)]
    [0.5, 0.25, -0.05]
    """
    closest = np.zeros(len(relevance))
    to: list[int | None] = [None] * len(relevance)
    left = list(range(len(relevance)))
    order = []
    while left:
        gains = share * relevance[left] - (1 - share) * closest[left]
        at = int(np.argmax(gains))
        value, best = float(gains[at]), left.pop(at)
        order.append(Marginal(best, value, float(closest[best]), to[best]))
        for other in left:
            if to[other] is None or likeness[best][other] > closest[other]:
                to[other] = best
        closest = np.maximum(closest, likeness[best])
    return order
