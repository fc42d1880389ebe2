from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from assay.pipeline.context import Cost, RunContext
from assay.pipeline.words import Passage, Query, ScoreKind
from assay.stages.rerank.pointwise import PointwiseConfig, PointwiseRerank, arranged
from assay.stages.windows.window import Sizes
from tests.stages.rerank.language_models import QUERY, ranking_of

NAN = math.nan


class Given(PointwiseRerank):
    """Scores that are given."""

    kind = ScoreKind.RATING
    name = "given@1"

    def __init__(self, values: Sequence[float], depth: int = 50) -> None:
        super().__init__(PointwiseConfig(depth=depth))
        self._values = values

    def scores(
        self, pairs: Sequence[tuple[Query, Passage]], contexts: Sequence[RunContext]
    ) -> Sequence[float]:
        return self._values

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        return Cost()


def test_a_passage_that_could_not_be_judged_keeps_its_place_with_the_score_of_the_next() -> None:
    context = RunContext()
    found = Given([1.0, NAN, 3.0, 2.0]).run(QUERY, ranking_of("a", "b", "c", "d"), context)
    assert found.ids == ("2", "1", "3", "0")
    assert [hit.score.value for hit in found.hits] == [3.0, 2.0, 2.0, 1.0]
    assert context.notes == {"unscored": 0, "passages_failed": 1}


def test_a_failure_at_the_end_has_the_score_of_the_one_before_it() -> None:
    found = Given([1.0, 2.0, NAN]).run(QUERY, ranking_of("a", "b", "c"), RunContext())
    assert found.ids == ("1", "0", "2")
    assert [hit.score.value for hit in found.hits] == [2.0, 1.0, 1.0]


def test_where_all_failed_the_ranking_stays_as_it_came() -> None:
    context, came = RunContext(), ranking_of("a", "b")
    found = Given([NAN, NAN]).run(QUERY, came, context)
    assert found.hits == came.hits
    assert context.notes["passages_failed"] == 2


def test_nothing_is_said_of_failures_where_there_are_none() -> None:
    context = RunContext()
    Given([1.0]).run(QUERY, ranking_of("a"), context)
    assert context.notes == {"unscored": 0}


@given(st.lists(st.one_of(st.just(NAN), st.integers(-3, 3).map(float)), max_size=12))
def test_any_failures_leave_a_permutation_with_falling_scores(values: list[float]) -> None:
    hits = ranking_of(*[str(place) for place in range(len(values))]).hits
    found = arranged(hits, values, ScoreKind.RATING, "x")
    assert sorted(hit.passage.id for hit in found) == sorted(hit.passage.id for hit in hits)
    failed = [place for place, value in enumerate(values) if math.isnan(value)]
    assert [found[place].passage.id for place in failed] == [str(place) for place in failed]
    scores = [hit.score.value for hit in found]
    if len(failed) < len(values):
        assert scores == sorted(scores, reverse=True)
