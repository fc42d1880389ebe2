"""Made rankings of which the truth is known: grades, a finer relevance, and a first stage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST = {3: 1, 2: 2, 1: 4}
"""Fewest passages of each grade."""
MORE = {3: 2.0, 2: 4.0, 1: 8.0}
"""How many more there are of each grade: Poisson, of this mean."""
FIRST_STAGE = 0.5
"""A grade adds so much to a first-stage score for each factor of 10 of n above 10; its noise is
normal with a spread of 1. nDCG@10 of the first stage is then about .46 at 100 and at 1000."""
WITHIN = 0.25
"""Passages of a grade differ by up to so much of a grade to either side."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A ranking to be put in order; places are first-stage ranks.

    Args:
        grades: 0 to 3, shape ``(n,)``.
        relevance: grade and what passages of one grade differ by, in grades, shape ``(n,)``.
    """

    grades: NDArray[np.int64]
    relevance: NDArray[np.float64]


def problem(n: int, seed: int) -> Problem:
    """One ranking of n passages, about 21 of them relevant, in the order of a noisy first stage."""
    chance = np.random.default_rng([n, seed])
    grades = np.zeros(n, dtype=np.int64)
    begin = 0
    for grade, least in LEAST.items():
        count = least + int(chance.poisson(MORE[grade]))
        grades[begin : begin + count] = grade
        begin += count
    slope = FIRST_STAGE * max(0.0, math.log10(n / 10))
    first = slope * grades + chance.standard_normal(n)
    order = np.argsort(-first, kind="stable")
    relevance = grades + chance.uniform(-WITHIN, WITHIN, n)
    return Problem(grades[order], relevance[order])


def ndcg(grades: NDArray[np.int64], order: Sequence[int], *, depth: int = 10) -> float:
    """nDCG with linear gain, as trec_eval; the ideal is that of the same passages."""
    discounts = 1 / np.log2(np.arange(2, depth + 2))
    gains = grades[list(order[:depth])]
    ideal = np.sort(grades)[::-1][:depth]
    return float((gains * discounts[: len(gains)]).sum() / (ideal * discounts[: len(ideal)]).sum())
