from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError
from assay.pipeline.words import Ranking, ScoreKind
from assay.stages.rerank.pseudo_query import TASK, PseudoQueryConfig, PseudoQueryRerank
from assay.stages.rerank.unit_vectors import unit_rows
from assay.stages.windows.window import Sizes
from tests.conformance.samples import A, Sample, asked, hits, ranked
from tests.corpora.fake_corpus import FakeCorpus
from tests.stages.rerank.told_vectors import ToldVectors, asks, at, said, shown

HALF = math.sqrt(0.5)


def sample() -> Sample:
    return Sample(
        asked(),
        config={"top": 2, "alpha": 0.3},
        resources={"embedder": HashEmbedder(HashEmbedderConfig(dimension=64))},
    )


def rerank(ranking: Ranking, context: RunContext | None = None, **config: Any) -> Ranking:
    node = PseudoQueryRerank(PseudoQueryConfig(**config), embedder=ToldVectors())
    return node.run(ranking.query, ranking, context or RunContext())


def test_passages_are_compared_with_question_and_best_passages_together() -> None:
    ranking = said(at(0, 1), at(1, 0), at(-1, 0), query=asks(1, 0))
    # The prompt says (1, 0) of the question and (0, 1) of the one passage that it shows.
    found = rerank(ranking, top=1, alpha=0.0)
    assert shown(found) == [("a", 0.7071), ("b", 0.7071), ("c", -0.7071)]
    # Half the question: (1, 0) + (.7071, .7071), of length 1.8478.
    found = rerank(ranking, top=1, alpha=0.5)
    assert shown(found) == [("b", 0.9239), ("a", 0.3827), ("c", -0.9239)]
    assert {hit.score.kind for hit in found.hits} == {ScoreKind.COSINE}


def test_rocchio_takes_the_mean_of_the_best_vectors() -> None:
    ranking = said(at(0, 3), at(HALF, HALF), at(1, 0), query=asks(2, 0))
    found = rerank(ranking, method="rocchio", top=2, alpha=0.6)
    # .6 (1, 0) + .4 (.3536, .8536), all vectors of length 1 before.
    vector = unit_rows(np.array([[0.6 + 0.4 * 0.35355, 0.4 * 0.85355]], dtype=np.float32))[0]
    values = {"a": vector[1], "b": HALF * (vector[0] + vector[1]), "c": vector[0]}
    assert dict(shown(found)) == pytest.approx(values, abs=1e-4)
    assert found.ids == ("b", "c", "a")


def test_the_prompt_shows_the_best_numbered_and_nothing_in_a_passage_passes_for_a_number() -> None:
    model = ToldVectors()
    ranking = said("[2] is " + "so " * 9, "second\nline", "third", query=asks(1, 0))
    node = PseudoQueryRerank(PseudoQueryConfig(top=2, words=8, alpha=0.0), embedder=model)
    node.run(ranking.query, ranking, RunContext())
    prompt = (
        f"{TASK}\nDocuments:\n[1] (2) is so so so so so so\n[2] second line\nSearch Query: at:1:0"
    )
    assert model.queries == [[prompt]]


def test_what_markup_hides_is_not_read() -> None:
    model, context = ToldVectors(), RunContext()
    planted = at(0, 1, more="<!-- at:0:9 at:0:9 -->")
    ranking = said(planted, at(1, 0), query=asks(1, 0))
    node = PseudoQueryRerank(PseudoQueryConfig(alpha=0.0), embedder=model)
    node.run(ranking.query, ranking, context)
    assert ":9" not in model.queries[0][0]
    assert "[1] at:0:1\n[2] at:1:0" in model.queries[0][0]
    assert context.notes["hidden"] == 1
    alone, context = said(planted, at(1, 0), query=asks(1, 0)), RunContext()
    found = rerank(alone, context, method="rocchio", top=1, alpha=0.1)
    assert shown(found)[0] == ("b", 1.0)  # nothing was learned: the question's own cosine
    assert context.notes["hidden"] == 1


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_where_nothing_is_left_to_read_the_question_asks_alone(alpha: float) -> None:
    unread = "<!-- at:0:1 -->"
    found = rerank(said(unread, at(1, 0), query=asks(1, 0)), top=1, alpha=alpha)
    assert shown(found)[0] == ("b", 1.0)


def test_with_alpha_one_what_is_read_changes_nothing() -> None:
    ranking = said(at(0, 1), at(1, 1), at(1, 0), query=asks(1, 0))
    plain = [("c", 1.0), ("b", 0.7071), ("a", 0.0)]
    assert shown(rerank(ranking, alpha=1.0)) == plain
    assert shown(rerank(ranking, alpha=1.0, method="rocchio")) == plain


def test_the_same_text_twice_changes_others_only_by_the_pseudo_query() -> None:
    once = said(at(0, 1), at(1, 0), query=asks(1, 1))
    twice = said(at(0, 1), at(1, 0), at(0, 1), query=asks(1, 1))
    unread = dict(shown(rerank(twice, top=1, alpha=0.2)))
    assert unread == dict(shown(rerank(once, top=1, alpha=0.2))) | {"c": unread["a"]}
    drawn = dict(shown(rerank(twice, top=3, alpha=0.2)))
    assert drawn["a"] == drawn["c"] > dict(shown(rerank(twice, top=2, alpha=0.2)))["a"]


def test_passages_that_were_not_read_get_scores_and_those_behind_the_depth_keep_theirs() -> None:
    ranking = said(*[at(1, place) for place in range(6)], query=asks(1, 0))
    found = rerank(ranking, top=1, depth=4)
    kinds = [hit.score.kind for hit in found.hits]
    assert kinds == [ScoreKind.COSINE] * 4 + [ScoreKind.BM25] * 2
    assert found.hits[4:] == ranking.hits[4:]


@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=12),
    st.sampled_from(["prompt", "rocchio"]),
    st.sampled_from([0.1, 0.5, 1.0]),
)
def test_scores_are_cosines_in_falling_order(
    vectors: Sequence[tuple[int, int]], method: str, alpha: float
) -> None:
    ranking = said(*[at(*one) for one in vectors], query=asks(1, 2))
    found = rerank(ranking, method=method, alpha=alpha)
    values = [hit.score.value for hit in found.hits]
    assert sorted(found.ids) == sorted(ranking.ids)
    assert values == sorted(values, reverse=True)
    assert -1 <= min(values) <= max(values) <= 1


def test_a_corpus_gives_its_own_vectors_for_the_price_of_the_question() -> None:
    corpus = FakeCorpus([hit.passage for hit in hits(A)])
    prices = {("prompt", 0.5): 2, ("prompt", 0.0): 1, ("rocchio", 0.5): 1}
    for (method, alpha), calls in prices.items():
        config = PseudoQueryConfig.model_validate({"method": method, "alpha": alpha})
        node, context = PseudoQueryRerank(config, corpus=corpus), RunContext()
        found = node.run(A, ranked(A), context)
        assert sorted(found.ids) == sorted(ranked(A).ids)
        assert (context.cost.calls, context.cost.rounds) == (calls, 1)
        told = node.estimate(3, Sizes(query=7, passage=14))
        assert (told.calls, told.rounds) == (calls, 1)


@pytest.mark.parametrize("method", ["prompt", "rocchio"])
@pytest.mark.parametrize("n", [1, 7, 26])
def test_the_estimate_is_what_the_ledger_says(method: str, n: int) -> None:
    text = " ".join(["word"] * 50)
    query = asks(1, 0)
    config = PseudoQueryConfig.model_validate({"method": method, "depth": 20, "top": 5})
    node, context = PseudoQueryRerank(config, embedder=ToldVectors()), RunContext()
    node.run(query, said(*[text] * n, query=query), context)
    told = node.estimate(n, Sizes(query=3, passage=50))
    assert (told.calls, told.rounds) == (context.cost.calls, context.cost.rounds)
    assert told.tokens_in == pytest.approx(context.cost.tokens_in, rel=0.1)


def test_a_batch_is_embedded_together_and_is_what_runs_are() -> None:
    model = ToldVectors()
    node = PseudoQueryRerank(PseudoQueryConfig(), embedder=model)
    rankings = [
        said(at(0, 1), at(1, 0), query=asks(1, 0)),
        said(query=asks(1, 1)),
        said(at(1, 1), at(0, 2), at(3, 0), query=asks(0, 1)),
    ]
    items = [{"query": one.query, "ranking": one} for one in rankings]
    together = node.run_batch(items, [RunContext() for _ in items])
    assert [len(model.queries), len(model.passages)] == [1, 1]
    assert together == [node.run(one.query, one, RunContext()) for one in rankings]


def test_vectors_come_from_one_place() -> None:
    config = PseudoQueryConfig()
    ranking = said(at(1, 0), query=asks(1, 0))
    corpus, model = FakeCorpus(), ToldVectors()
    for node in (
        PseudoQueryRerank(config),
        PseudoQueryRerank(config, corpus=corpus, embedder=model),
    ):
        assert "one of the resources 'corpus' and 'embedder'" in "".join(node.prepare(Path()))
        with pytest.raises(UsageError, match="one of the resources"):
            node.run(ranking.query, ranking, RunContext())
    assert not list(PseudoQueryRerank(config, corpus=corpus).prepare(Path()))


def test_a_vector_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(ModelError, match="not finite"):
        unit_rows(np.array([[1.0, math.nan]], dtype=np.float32))


def test_rocchio_without_the_question_is_refused() -> None:
    with pytest.raises(ValidationError, match="forgets the question"):
        PseudoQueryConfig(method="rocchio", alpha=0.0)
