from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.analyzer import Analyzer
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from assay.stages.fuse.pool import look_at
from assay.stages.fuse.texts import PHRASES, TITLES, raised

LOCAL = Scope("local")
ANALYZER = Analyzer()
QUESTION = "who flew the red kite"
TEXTS = {
    "a": ("plain words", ""),
    "b": ("another text", "Anna Lee"),
    "c": ("who flew the red kite: anna lee", ""),
}


def fused(scores: Mapping[str, float], texts: Mapping[str, tuple[str, str]] = TEXTS) -> Ranking:
    hits = (
        Hit(
            Passage(name, name, texts[name][0], LOCAL, title=texts[name][1]),
            Score(score, ScoreKind.FUSED, "t"),
        )
        for name, score in sorted(scores.items(), key=lambda one: (-one[1], one[0]))
    )
    return Ranking(Query(QUESTION, LOCAL), tuple(hits), "t")


def rise(
    ranking: Ranking,
    *,
    phrases: float = PHRASES,
    titles: float = TITLES,
    limit: int | None = None,
    look: int = 100,
) -> Ranking:
    pool = look_at(QUESTION, {"t": ranking}, analyzer=ANALYZER, look=look)
    return raised(ranking, pool, phrases=phrases, titles=titles, limit=limit)


def scores(ranking: Ranking) -> dict[str, float]:
    return {hit.passage.id: hit.score.value for hit in ranking.hits}


def test_scores_by_hand() -> None:
    # a(a) = 1, a(b) = 0.8, a(c) = 0.5 + 0.4 * 1 * 1 = 0.9; 'c' names 'b': 0.8 + 0.15 * 0.9.
    found = rise(fused({"a": 1.0, "b": 0.8, "c": 0.5}))
    assert scores(found) == pytest.approx({"a": 1 / 1.61, "b": 0.935 / 1.61, "c": 0.9 / 1.61})
    assert found.ids == ("a", "b", "c")
    assert {hit.score.kind for hit in found.hits} == {ScoreKind.FUSED}


def test_phrases_and_titles_can_each_be_left_out() -> None:
    ranking = fused({"a": 1.0, "b": 0.8, "c": 0.5})
    assert rise(ranking, phrases=0, titles=0) == ranking
    assert scores(rise(ranking, titles=0))["c"] == pytest.approx(0.9 / 1.4)
    assert scores(rise(ranking, phrases=0))["b"] == pytest.approx((0.8 + 0.15 * 0.5) / 1.15)


def test_a_passage_with_the_phrases_passes_one_with_little_more_score() -> None:
    assert rise(fused({"a": 1.0, "b": 0.9, "c": 0.7})).ids[0] == "c"


def test_texts_count_by_the_scale_of_the_scores() -> None:
    large = rise(fused({"a": 1.0, "b": 0.8, "c": 0.5}))
    small = rise(fused({"a": 0.01, "b": 0.008, "c": 0.005}))
    assert small.ids == large.ids
    assert {k: 100 * v for k, v in scores(small).items()} == pytest.approx(scores(large))


def test_only_the_best_three_name_others() -> None:
    texts = {f"p{n}": ("plain", "") for n in range(3)} | {
        "late": ("by anna lee", ""),
        "named": ("plain", "Anna Lee"),
    }
    ranking = fused({"p0": 1.0, "p1": 0.9, "p2": 0.8, "late": 0.7, "named": 0.2}, texts)
    assert rise(ranking, phrases=0).ids == ranking.ids
    earlier = fused({"p0": 1.0, "p1": 0.9, "p2": 0.6, "late": 0.7, "named": 0.55}, texts)
    assert rise(earlier, phrases=0).ids == ("p0", "p1", "late", "named", "p2")


def test_ties_keep_the_order_and_the_limit_cuts_after_it_is_changed() -> None:
    ranking = fused({"a": 0.5, "b": 0.5, "c": 0.4})
    assert rise(ranking, phrases=0, titles=0, limit=2).ids == ("a", "b")
    assert rise(ranking, limit=1).ids == ("c",)


def test_what_was_not_looked_at_keeps_its_score() -> None:
    found = rise(fused({"a": 1.0, "b": 0.8, "c": 0.5}), look=2)
    assert scores(found) == pytest.approx({"a": 1 / 1.61, "b": 0.8 / 1.61, "c": 0.5 / 1.61})


def test_nothing_found_stays_nothing() -> None:
    assert rise(fused({})).hits == ()


@given(
    st.dictionaries(st.sampled_from("abc"), st.floats(0, 1)),
    st.floats(0, 10),
    st.floats(0, 10),
)
def test_scores_stay_between_0_and_1_and_fall(
    own: dict[str, float], phrases: float, titles: float
) -> None:
    found = rise(fused(own), phrases=phrases, titles=titles)
    values = [hit.score.value for hit in found.hits]
    assert sorted(found.ids) == sorted(own)
    assert values == sorted(values, reverse=True)
    assert all(0 <= one <= 1 for one in values)
