"""Orders that cover a question from several sides. Pure algorithms, no model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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
    """Greedy order by relevance, less likeness to the most similar place that was taken.

    Takes, each time, the place d with the largest
    ``share rel(d) - (1 - share) max_s likeness(d, s)``; of equal ones the first. Source: Carbonell
    and Goldstein 1998. Cost: n squared.

    Args:
        relevance: of each place, 0 to 1, shape ``(n,)``.
        likeness: of places to one another, 0 to 1, shape ``(n, n)``.
        share: weight of relevance, 0 to 1.

    >>> twins = np.array([[1., 1., 0.], [1., 1., 0.], [0., 0., 1.]])
    >>> maximal_marginal_relevance(np.array([1., .9, .5]), twins, 0.5)
    [0, 2, 1]
    """
    nearest = np.zeros(len(relevance))
    left = list(range(len(relevance)))
    order = []
    while left:
        gains = share * relevance[left] - (1 - share) * nearest[left]
        best = left.pop(int(np.argmax(gains)))
        nearest = np.maximum(nearest, likeness[best])
        order.append(best)
    return order
