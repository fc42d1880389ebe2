"""Window rankers that know the truth, more or less, and how they go wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from assay.pipeline.component import Config
from assay.pipeline.context import Cost, RunContext
from assay.stages.schedules.schedule import Places
from assay.stages.windows.window import Ordered, Sizes, Window, WindowAbility, WindowRanker

SURE = 0.001
"""The error by which an oracle's scores are scaled."""


@dataclass(frozen=True, slots=True)
class Failing:
    """How a ranker goes wrong.

    Args:
        error: chance that it turns round two passages whose relevance differs by one grade, in
            [0, 0.5); of normal noise on each score.
        bias: grades that the passage shown first is given over the one shown last; those between
            in proportion to their place.
        fixed: share of the noise's variance that belongs to the passage and is the same in every
            window, which no repetition heals; the rest is drawn for each window anew.
    """

    error: float = 0.0
    bias: float = 0.0
    fixed: float = 0.0


RANKERS: Mapping[str, Failing] = {
    "oracle": Failing(),
    "error .1": Failing(0.1),
    "error .2": Failing(0.2),
    "error .3": Failing(0.3),
    "biased": Failing(0.1, bias=1.0),
    "stubborn": Failing(0.2, fixed=0.5),
}
"""The rankers of the table by name."""


class SimulatedRanker(WindowRanker):
    """Sorts a window by relevance, noise and bias, and tells all scores.

    Scores are log-odds: a difference of one grade is ``log((1 - error) / error)``, within 5 % of
    what normal noise of that spread calls for. How many passages a window has makes no difference
    to the noise, which flatters large windows.

    Args:
        failing: how it goes wrong.
        relevance: by place, in grades; a passage's id is its place.
        seed: of the noise.
        most: passages that it reads at a time.
    """

    def __init__(
        self, failing: Failing, relevance: NDArray[np.float64], *, seed: Sequence[int], most: int
    ) -> None:
        super().__init__(Config())
        self._chance = np.random.default_rng(seed)
        self._most = most
        self._bias = failing.bias
        spread = _spread(failing.error)
        self._noise = spread * math.sqrt(1 - failing.fixed)
        own = spread * math.sqrt(failing.fixed) * self._chance.standard_normal(len(relevance))
        self._seen = relevance + own
        sure = failing.error or SURE
        self._unit = math.log((1 - sure) / sure)
        self.windows: list[int] = []
        self.failing = failing

    @property
    def abilities(self) -> frozenset[str]:
        """It tells scores."""
        return frozenset({WindowAbility.SCORES})

    @property
    def max_window(self) -> int:
        """As it was made."""
        return self._most

    def fingerprint(self) -> str:
        """Over how it fails."""
        return f"simulated {self.failing}"

    def answers(self, windows: Sequence[Places]) -> list[Ordered]:
        """Orders of windows of places; their sizes are noted in ``windows``."""
        sizes = np.array([len(places) for places in windows], dtype=np.intp)
        shown = np.fromiter(chain.from_iterable(windows), dtype=np.intp, count=int(sizes.sum()))
        values = self._seen[shown] + self._noise * self._chance.standard_normal(len(shown))
        begins = np.cumsum(sizes) - sizes
        found: list[Ordered] = [Ordered(())] * len(windows)
        for size in np.unique(sizes).tolist():
            (own,) = np.nonzero(sizes == size)
            those = values[begins[own][:, None] + np.arange(size)]
            if self._bias and size > 1:
                those = those + self._bias * np.linspace(1.0, 0.0, size)
            orders = np.argsort(-those, axis=1, kind="stable").tolist()
            scores = (self._unit * those).tolist()
            for number, order, told in zip(own.tolist(), orders, scores, strict=True):
                found[number] = Ordered(tuple(order), tuple(told))
        self.windows += sizes.tolist()
        return found

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        """As ``answers``, for passages."""
        return self.answers([tuple(int(one.id) for one in window.passages) for window in windows])

    def estimate(self, window: int, sizes: Sizes) -> Cost:
        """One call that reads the window."""
        return Cost(calls=1, rounds=1, tokens_in=sizes.query + window * sizes.passage)


def _spread(error: float) -> float:
    """Of the noise on one score, in grades: two of it turn a grade round with this chance."""
    return 1 / (-NormalDist().inv_cdf(error) * math.sqrt(2)) if error else 0.0
