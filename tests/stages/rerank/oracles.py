"""Window rankers that know the truth, more or less, and rankings to ask them about."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from assay.pipeline.component import Config
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from assay.stages.schedules.schedule import Places, Schedule, drive
from assay.stages.windows.window import Ordered, Sizes, Window, WindowAbility, WindowRanker

QUESTION = Query("which is best", Scope("a"))


def by_relevance(relevance: Sequence[float]) -> Ordered:
    """A perfect answer for a window of these relevances; ties as shown."""
    order = sorted(range(len(relevance)), key=lambda place: -relevance[place])
    return Ordered(tuple(order), tuple(float(one) for one in relevance))


def oracle_order(schedule: Schedule, relevance: Sequence[float]) -> Places:
    """Where a schedule comes to with a perfect ranker."""
    (found,) = drive(
        [schedule],
        lambda asked: [by_relevance([relevance[one] for one in places]) for _, places in asked],
    )
    return found.order


class OracleRanker(WindowRanker):
    """Reads the relevance off a passage's text, ``"relevance 0.25"``, and swaps by chance.

    Args:
        error: chance that the relevances of a pair are read the wrong way round, as noise on
            the scores: normal, of a spread at which a gap of 1 is misread so often.
        most: ``max_window``.
    """

    def __init__(self, *, error: float = 0.0, most: int = 1000, seed: int = 0) -> None:
        super().__init__(Config())
        self._spread = 0.0 if error == 0.0 else _spread(error)
        self._most = most
        self._seed = seed
        self.windows: list[int] = []

    @property
    def abilities(self) -> frozenset[str]:
        return frozenset({WindowAbility.SCORES})

    @property
    def max_window(self) -> int:
        return self._most

    def fingerprint(self) -> str:
        return f"oracle {self._spread} {self._seed}"

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        found = []
        for window, context in zip(windows, contexts, strict=True):
            self.windows.append(len(window.passages))
            context.spend(calls=1, tokens_in=self._tokens(len(window.passages)))
            values = [float(one.text.rsplit(" ", 1)[1]) for one in window.passages]
            ids = [int(one.id) for one in window.passages]
            mixed = np.random.default_rng([self._seed, *ids])
            found.append(
                by_relevance([one + self._spread * mixed.standard_normal() for one in values])
            )
        for context in {id(one): one for one in contexts}.values():
            context.spend(rounds=1)
        return found

    def estimate(self, window: int, sizes: Sizes) -> Cost:
        return Cost(calls=1, rounds=1, tokens_in=self._tokens(window))

    def _tokens(self, window: int) -> int:
        return 10 * window


def _spread(error: float) -> float:
    """Of normal noise on each of two scores, so that P(difference of 1 turns round) = error."""
    from statistics import NormalDist

    return 1 / (-NormalDist().inv_cdf(error) * math.sqrt(2))


def ranking_of(relevance: Sequence[float]) -> Ranking:
    """A ranking whose passages say how relevant they are; ids are first-stage places."""
    return Ranking(
        QUESTION,
        tuple(
            Hit(
                Passage(str(place), f"d{place}", f"relevance {one}", QUESTION.scope),
                Score(float(-place), ScoreKind.BM25, "first"),
            )
            for place, one in enumerate(relevance)
        ),
        "first",
    )
