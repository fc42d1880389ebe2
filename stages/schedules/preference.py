"""What rankers say of pairs: probabilities, both orders made one, and how far they contradict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assay.pipeline.words import Scalar
from assay.stages.schedules.schedule import Places
from assay.stages.windows.window import Ordered

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

SUREST = 1e-6
"""A probability is taken to be this far from 0 and 1 at least when log-odds are averaged."""


def preference(said: Ordered) -> float | None:
    """Probability that the first of a window of two is better; None where the window failed.

    Scores are log-odds, so their difference is turned into a probability; without scores it
    is 0 or 1.

    >>> preference(Ordered((1, 0))), preference(Ordered((0, 1), (0.5, 0.5)))
    (0.0, 0.5)
    """
    if said.failed:
        return None
    if said.scores is None:
        return 1.0 if said.order[0] == 0 else 0.0
    return logistic(said.scores[0] - said.scores[1])


def logistic(odds: float) -> float:
    """1 / (1 + exp(-odds)), without overflow."""
    if odds >= 0:
        return 1 / (1 + math.exp(-odds))
    return math.exp(odds) / (1 + math.exp(odds))


def calibrated(shown: float, turned: float) -> float:
    """P(one is better) out of both orders: the mean of the two log-odds.

    A ranker that only looks at the place gives a half. Source: LLM-RankFusion 2024, in the form
    of log-odds.

    Args:
        shown: P(the first is better) with this one first.
        turned: P(the first is better) with the other one first.

    >>> round(calibrated(0.7, 0.6), 4), calibrated(0.9, 0.9)
    (0.555, 0.5)
    """
    return logistic((_log_odds(shown) - _log_odds(turned)) / 2)


def _log_odds(probability: float) -> float:
    inside = min(1 - SUREST, max(SUREST, probability))
    return math.log(inside / (1 - inside))


@dataclass(frozen=True, slots=True)
class Asked:
    """Pairs that were shown in both orders, and what came out.

    Args:
        preferences: (low, high) places to P(low is better), both orders made one; pairs of
            which neither order could be read are missing.
        shown: the same with the low place shown first, where that could be read.
        inconsistent: pairs for which the two orders named different winners.
        both: pairs of which both orders could be read.
    """

    preferences: Mapping[tuple[int, int], float]
    shown: Mapping[tuple[int, int], float]
    inconsistent: int
    both: int


def made_one(windows: Sequence[Places], answers: Sequence[Ordered]) -> Asked:
    """Join what was said of pairs that were shown in both orders.

    Where one order could not be read the other one counts alone.

    Args:
        windows: of two places, each pair in both orders.
        answers: one for each window.
    """
    said: dict[tuple[int, int], float] = {}
    for window, answer in zip(windows, answers, strict=True):
        probability = preference(answer)
        if probability is not None:
            said[window[0], window[1]] = probability
    found: dict[tuple[int, int], float] = {}
    inconsistent = both = 0
    for low, high in sorted({(min(pair), max(pair)) for pair in said}):
        shown, turned = said.get((low, high)), said.get((high, low))
        if shown is not None and turned is not None:
            both += 1
            inconsistent += (shown > 0.5) == (turned > 0.5) and shown != 0.5 != turned
            found[low, high] = calibrated(shown, turned)
        elif shown is not None:
            found[low, high] = shown
        elif turned is not None:
            found[low, high] = 1 - turned
    return Asked(found, {pair: p for pair, p in said.items() if pair in found}, inconsistent, both)


def cycles(n: int, preferences: Iterable[tuple[tuple[int, int], float]]) -> int:
    """Triads that contradict themselves: a beats b, b beats c, c beats a. Draws are none.

    Args:
        n: candidates.
        preferences: pairs of places, each pair once, with P(the first is better).

    >>> cycles(3, [((0, 1), 0.9), ((1, 2), 0.8), ((0, 2), 0.3)])
    1
    """
    beats = np.zeros((n, n))
    for (first, second), probability in preferences:
        if probability > 0.5:
            beats[first, second] = 1
        elif probability < 0.5:
            beats[second, first] = 1
    # A walk of three steps that ends where it began is a cycle, found from each of its corners.
    return round(float(np.trace(beats @ beats @ beats)) / 3)


def consistency(n: int, asked: Asked) -> dict[str, Scalar]:
    """How far the answers contradict themselves, as notes for the run record.

    ``pairs_inconsistent`` of ``pairs_both_orders`` pairs named another winner when turned round;
    ``cycles_before`` of the candidates' triads contradict themselves with one order of each pair,
    ``cycles_after`` with both.
    """
    return {
        "pairs_both_orders": asked.both,
        "pairs_inconsistent": asked.inconsistent,
        "cycles_before": cycles(n, asked.shown.items()),
        "cycles_after": cycles(n, asked.preferences.items()),
    }
