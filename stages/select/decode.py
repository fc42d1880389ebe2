"""From the probabilities of passages to a set of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

COMPUTES = True
"""What is below decides what a selector gives, so it counts for fingerprints."""

Numbers = NDArray[np.float64]


def by_threshold(probabilities: Numbers, threshold: float = 0.5) -> list[int]:
    """Places of the passages at or above a threshold, most probable first.

    Args:
        probabilities: shape ``(n,)``.
        threshold: 0 to 1.

    >>> by_threshold(np.array([0.2, 0.9, 0.5]))
    [1, 2]
    """
    return [int(one) for one in ordered(probabilities) if probabilities[one] >= threshold]


def ordered(probabilities: Numbers) -> NDArray[np.intp]:
    """Places by falling probability; of equal ones the earlier place comes first."""
    return np.argsort(-np.asarray(probabilities, dtype=np.float64), kind="stable")


def expected_f1(probabilities: Numbers, *, empty: float = 1.0) -> Numbers:
    """Expected F1 of the best k passages, for k from 0 to n, shape ``(n + 1,)``.

    With passages needed independently of one another, some set of the most probable ones has the
    best expected F1 (Lewis 1995, "Evaluating and optimizing autonomous text classification
    systems", SIGIR); its size is found exactly: with S needed passages among the k and T among the
    others, ``E[F1] = sum over s, t of P(S = s) P(T = t) 2 s / (k + s + t)``, both sums being
    Poisson-binomial (Ye, Chai, Lee and Chieu 2012, "Optimizing F-measure: a tale of two
    approaches", ICML, section 4). As there, ``E[1 / (d + T)]`` is found for all sizes by one
    recursion over the passages, so that time grows with ``n`` squared.

    Args:
        probabilities: shape ``(n,)``, in any order.
        empty: what an empty set counts where nothing is needed, 0 to 1. F1 is not defined there:
            1 takes it as a perfect answer, 0 looks only at questions that need something.

    >>> expected_f1(np.array([1.0, 1.0, 0.0])).round(4).tolist()
    [0.0, 0.6667, 1.0, 0.8]
    """
    own = np.asarray(probabilities, dtype=np.float64)[ordered(probabilities)]
    n = len(own)
    # [k, d - 1] is the mean of 1 / (d + needed passages behind the first k).
    inverse = np.ones((n + 1, 2 * n + 1))
    inverse[n] = 1 / np.arange(1, 2 * n + 2)
    for size in range(n, 0, -1):
        row, probability = inverse[size], own[size - 1]
        inverse[size - 1, :-1] = (1 - probability) * row[:-1] + probability * row[1:]
    found = np.zeros(n + 1)
    found[0] = empty * np.prod(1 - own)
    before, twice = np.ones(1), 2.0 * np.arange(n + 1)
    for size in range(1, n + 1):
        before = _with(before, float(own[size - 1]))
        found[size] = (before * twice[: size + 1]) @ inverse[size, size - 1 : 2 * size]
    return found


def by_expected_f1(
    probabilities: Numbers, *, min_k: int = 0, max_k: int | None = None, empty: float = 1.0
) -> list[int]:
    """Places of the most probable passages, as many as make the expected F1 largest.

    Of two sizes that are equally good the smaller is taken.

    Args:
        probabilities: shape ``(n,)``.
        min_k: fewest, where there are as many.
        max_k: most; None for any.
        empty: see ``expected_f1``.

    >>> by_expected_f1(np.array([0.1, 0.9, 0.6, 0.05]))
    [1, 2]
    """
    n = len(probabilities)
    low = min(min_k, n)
    high = n if max_k is None else min(max_k, n)
    values = expected_f1(probabilities, empty=empty)[low : high + 1]
    size = low + int(np.argmax(values >= values.max() - 1e-12))
    return [int(one) for one in ordered(probabilities)[:size]]


def greedy(
    probabilities: Numbers,
    similarities: Numbers,
    *,
    threshold: float = 0.5,
    redundancy: float = 0.3,
    min_k: int = 0,
    max_k: int | None = None,
) -> list[int]:
    """Places in the order in which they add most; ends where nothing adds ``threshold``.

    A passage adds ``p (1 - redundancy max(0, s))``, s its largest similarity to what is chosen
    already: maximal marginal relevance (Carbonell and Goldstein 1998) with the product in the place
    of the difference, so that the sum stays a count of passages. With redundancy 0 it is
    ``by_threshold``.

    Args:
        probabilities: shape ``(n,)``.
        similarities: of the passages, -1 to 1, shape ``(n, n)``.
        threshold: least gain.
        redundancy: 0 to 1.
        min_k: fewest, where there are as many, whatever they add.
        max_k: most; None for any.

    >>> alike = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> greedy(np.array([0.9, 0.8, 0.6]), alike, redundancy=0.5)
    [0, 2]
    """
    n = len(probabilities)
    most = n if max_k is None else min(max_k, n)
    chosen: list[int] = []
    while len(chosen) < most:
        gains = gains_of(probabilities, similarities, chosen, redundancy)
        gains[chosen] = -1.0
        best = int(np.argmax(gains))
        if gains[best] < threshold and len(chosen) >= min_k:
            break
        chosen.append(best)
    return chosen


def gains_of(
    probabilities: Numbers, similarities: Numbers, chosen: Sequence[int], redundancy: float
) -> Numbers:
    """What each passage adds to some that are chosen, shape ``(n,)``; see ``greedy``."""
    nearest = similarities[list(chosen)].max(axis=0, initial=0.0)
    found = np.asarray(probabilities, dtype=np.float64) * (1 - redundancy * np.minimum(nearest, 1))
    return np.asarray(found)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A set with what decided.

    Args:
        places: chosen, best first.
        value: expected F1 of the set; 0 where that did not decide.
        gains: what each passage added when it was chosen, or would add to the set; empty where
            that did not decide.
        bound: end of a sentence that tells which bound on the number decided; '' for none.
    """

    places: tuple[int, ...]
    value: float = 0.0
    gains: tuple[float, ...] = ()
    bound: str = ""


def decoded(
    probabilities: Numbers,
    similarities: Numbers,
    *,
    method: Literal["expected_f1", "threshold", "greedy"],
    threshold: float = 0.5,
    redundancy: float = 0.3,
    empty: float = 1.0,
    min_k: int = 0,
    max_k: int | None = None,
) -> Decoded:
    """A set by one of the methods, within bounds.

    Args:
        probabilities: shape ``(n,)``.
        similarities: of the passages, shape ``(n, n)``; only ``greedy`` looks at them.
        method: see the functions above, like the rest.
        threshold: of the other two methods.
        redundancy: of ``greedy``.
        empty: of ``expected_f1``.
        min_k: fewest, where there are as many.
        max_k: most; None for any.
    """
    n = len(probabilities)
    low, high = min(min_k, n), n if max_k is None else min(max_k, n)
    if method == "expected_f1":
        values = expected_f1(probabilities, empty=empty)
        best = by_expected_f1(probabilities, min_k=low, max_k=high, empty=empty)
        return Decoded(tuple(best), float(values[len(best)]))
    if method == "greedy":
        places = greedy(
            probabilities,
            similarities,
            threshold=threshold,
            redundancy=redundancy,
            min_k=low,
            max_k=high,
        )
        gains = gains_of(probabilities, similarities, places, redundancy)
        for number, place in enumerate(places):
            before = gains_of(probabilities, similarities, places[:number], redundancy)
            gains[place] = before[place]
        free = len(places) > low and len(places) < high
        bound = "" if free else _bound(len(places), gains, threshold, low, high, places)
        return Decoded(tuple(places), gains=tuple(gains.tolist()), bound=bound)
    wanted = by_threshold(probabilities, threshold)
    size = min(max(len(wanted), low), high)
    places = [int(one) for one in ordered(probabilities)[:size]]
    if size > len(wanted):
        return Decoded(tuple(places), bound=f" (at least {min_k} are kept)")
    if size < len(wanted):
        return Decoded(tuple(places), bound=f" (at most {max_k} are kept)")
    return Decoded(tuple(places))


def _bound(
    size: int, gains: Numbers, threshold: float, low: int, high: int, places: Sequence[int]
) -> str:
    """Which bound ended a greedy choice, where one did."""
    if size and size <= low and any(gains[place] < threshold for place in places):
        return f" (at least {low} are kept)"
    left = [gain for place, gain in enumerate(gains) if place not in places]
    if size >= high and any(gain >= threshold for gain in left):
        return f" (at most {high} are kept)"
    return ""


def _with(chances: Numbers, probability: float) -> Numbers:
    """The distribution of a sum after one more independent 0 or 1."""
    found = np.zeros(len(chances) + 1)
    found[:-1] = chances * (1 - probability)
    found[1:] += chances * probability
    return found
