from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ScopeError, UsageError
from assay.pipeline.words import Dropped, Hit, Passage, Ranking, Scope, ScoreKind, Selection
from assay.stages.fuse.rrf import Rrf
from assay.stages.rerank.feedback import FeedbackConfig, FeedbackRerank, Pool, feedback_scores
from assay.stages.windows.window import Sizes
from tests.conformance.samples import A, Sample, asked, hits, ranked
from tests.corpora.fake_corpus import FakeCorpus, passage
from tests.stages.rerank.told_vectors import ToldVectors, asks, at, said, shown

LIST = said(at(1, 0), at(0, 1), at(0.6, 0.8), at(-1, 0), query=asks(1, 0))


def sample() -> Sample:
    items = tuple(
        item | {"accepted": Selection(item["query"], item["ranking"].hits[1:])}
        for item in (dict(one) for one in asked())
    )
    return Sample(items, resources={"embedder": HashEmbedder(HashEmbedderConfig(dimension=64))})


def rerank(
    accepted: Selection | None = None,
    context: RunContext | None = None,
    ranking: Ranking = LIST,
    **config: Any,
) -> Ranking:
    node = FeedbackRerank(FeedbackConfig(**config), embedder=ToldVectors())
    return node.run(ranking.query, ranking, context or RunContext(), accepted)


def selection(kept: str, dropped: str = "") -> Selection:
    by = {hit.passage.id: hit for hit in LIST.hits}
    return Selection(
        LIST.query,
        tuple(by[one] for one in kept),
        tuple(Dropped(by[one], "bad") for one in dropped),
    )


def test_without_marks_it_is_the_ranking_by_cosine() -> None:
    cosine = [("a", 1.0), ("c", 0.6), ("b", 0.0), ("d", -1.0)]
    assert shown(rerank()) == cosine
    assert shown(rerank(selection(""))) == cosine
    assert {hit.score.kind for hit in rerank().hits} == {ScoreKind.COSINE}


def test_a_good_passage_draws_its_like_up() -> None:
    # (cos with the question + cos with b) / 2
    assert shown(rerank(relevant=("b",))) == [("c", 0.7), ("a", 0.5), ("b", 0.5), ("d", -0.5)]


def test_with_the_question_left_out_the_one_good_passage_comes_first() -> None:
    for one in "abcd":
        assert rerank(relevant=(one,), query_weight=0.0).ids[0] == one


def test_the_mean_does_not_drift_from_the_question_as_the_sum_does() -> None:
    query, good = np.array([1.0, 0.0]), np.array([[0.0] * 4, [0.9] * 4])
    none = np.zeros((2, 0))

    def scores(pool: Pool) -> list[float]:
        found = feedback_scores(query, good, none, weights=(1.0, 1.0, 0.0), pool=pool)
        return [round(float(one), 4) for one in found]

    assert scores("mean") == scores("max") == [0.5, 0.45]
    assert scores("sum") == [0.2, 0.72]  # 1 / 5 and 3.6 / 5


def test_the_largest_likeness_counts_where_that_is_asked_for() -> None:
    found = feedback_scores(
        np.array([0.0]),
        np.array([[0.2, 0.8]]),
        np.array([[0.6, -0.4]]),
        weights=(0.0, 1.0, 1.0),
        pool="max",
    )
    assert found.tolist() == pytest.approx([0.1])


def test_bad_passages_push_their_like_down() -> None:
    found = rerank(not_relevant=("c",), not_relevant_weight=1.0)
    # (cos with the question - cos with c) / 2
    assert shown(found) == [("a", 0.2), ("c", -0.2), ("d", -0.2), ("b", -0.4)]


def test_it_learns_from_what_a_verifier_accepted_and_dropped() -> None:
    context = RunContext()
    found = rerank(
        selection("b", dropped="c"), context, learn_from_dropped=True, not_relevant_weight=1.0
    )
    by_ids = rerank(relevant=("b",), not_relevant=("c",), not_relevant_weight=1.0)
    assert shown(found) == shown(by_ids)
    assert context.notes == {"relevant": 1, "not_relevant": 1, "hidden": 0}
    assert shown(rerank(selection("b", dropped="c"))) == shown(rerank(relevant=("b",)))


def test_a_persons_word_goes_before_that_of_an_earlier_stage() -> None:
    mine = rerank(selection("bc"), not_relevant=("c",), not_relevant_weight=1.0)
    assert shown(mine) == shown(
        rerank(relevant=("b",), not_relevant=("c",), not_relevant_weight=1.0)
    )


def test_a_passage_that_hides_something_teaches_nothing() -> None:
    planted = said(at(1, 0), at(0, 1, more="<!-- at:0:9 -->"), query=asks(1, 0))
    context = RunContext()
    found = rerank(ranking=planted, context=context, relevant=("b",))
    assert shown(found) == [("a", 1.0), ("b", 0.0)]
    assert context.notes == {"relevant": 0, "not_relevant": 0, "hidden": 1}


def test_a_corpus_knows_marked_passages_that_are_not_ranked() -> None:
    away = passage("far#0", at(0, 1), tenant="a")
    listed = [passage(hit.passage.id, hit.passage.text, tenant="a") for hit in LIST.hits]
    corpus = FakeCorpus([*listed, away], embedder=ToldVectors())
    node = FeedbackRerank(FeedbackConfig(relevant=("far#0",)), corpus=corpus)
    context = RunContext()
    found = node.run(LIST.query, LIST, context)
    assert shown(found) == [("c", 0.7), ("a", 0.5), ("b", 0.5), ("d", -0.5)]
    assert (context.cost.calls, context.cost.rounds) == (1, 1)
    told = node.estimate(4, Sizes(query=3, passage=3))
    assert (told.calls, told.rounds, told.tokens_in) == (1, 1, context.cost.tokens_in)
    with pytest.raises(UsageError, match="no passage 'who'"):
        FeedbackRerank(FeedbackConfig(relevant=("who",)), corpus=corpus).run(
            LIST.query, LIST, RunContext()
        )


def test_a_marked_passage_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(UsageError, match="'far' is not in the ranking"):
        rerank(relevant=("far",))


def test_nothing_is_learned_from_what_the_reader_may_not_read() -> None:
    secret = Hit(Passage("s", "s", at(0, 1), Scope("b")), LIST.hits[0].score)
    with pytest.raises(ScopeError, match="the selection at 'accepted' gave passage 's'"):
        rerank(Selection(LIST.query, (secret,)))


def test_a_mark_behind_the_depth_counts() -> None:
    found = rerank(relevant=("b",), depth=1)
    assert found.hits[1:] == LIST.hits[1:]
    assert shown(found)[0] == ("a", 0.5)


@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=3, max_size=12),
    st.sampled_from(["mean", "sum", "max"]),
    st.floats(0, 5),
)
def test_scores_stay_cosines_whatever_the_weights(
    vectors: Sequence[tuple[int, int]], pool: str, weight: float
) -> None:
    ranking = said(*[at(*one) for one in vectors], query=asks(1, 2))
    found = rerank(
        ranking=ranking,
        relevant=("a", "b"),
        not_relevant=("c",),
        relevant_weight=weight,
        not_relevant_weight=2.5,
        pool=pool,
    )
    assert sorted(found.ids) == sorted(ranking.ids)
    assert all(-1 <= hit.score.value <= 1 for hit in found.hits)


def test_with_an_embedder_the_estimate_is_what_the_ledger_says() -> None:
    node, context = FeedbackRerank(FeedbackConfig(), embedder=ToldVectors()), RunContext()
    node.run(A, ranked(A), context, Selection(A, hits(A)[:1]))
    told = node.estimate(3, Sizes(query=7, passage=15))
    assert (told.calls, told.rounds) == (context.cost.calls, context.cost.rounds) == (4, 2)
    assert told.tokens_in == pytest.approx(context.cost.tokens_in, rel=0.1)


def test_its_ranking_can_be_fused_by_rank() -> None:
    # Ranks (1, 3), (2, 1), (3, 2) with k = 60.
    rankings = {
        "first": said("x", "y", "z", query=LIST.query),
        "again": Ranking(LIST.query, said("x", "y", "z", query=LIST.query).hits, "again"),
    }
    x, y, z = rankings["again"].hits
    rankings["again"] = Ranking(LIST.query, (y, z, x), "again")
    found = Rrf(Rrf.Config()).run(rankings)
    values = {hit.passage.id: round(hit.score.value, 6) for hit in found.hits}
    assert values == {"a": 0.032266, "b": 0.032522, "c": 0.032002}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"query_weight": 0.0, "relevant_weight": 0.0}, "above 0"),
        ({"not_relevant": ["a"]}, "nothing is learned"),
        ({"learn_from_dropped": True}, "nothing is learned"),
        (
            {"relevant": ["a"], "not_relevant": ["a"], "not_relevant_weight": 1.0},
            "as good and as bad: a",
        ),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FeedbackConfig.model_validate(config)
