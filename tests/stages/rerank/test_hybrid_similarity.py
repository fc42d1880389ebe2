from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Ranking, Score, ScoreKind
from assay.stages.rerank.hybrid_similarity import (
    HybridSimilarityConfig,
    HybridSimilarityRerank,
    smoothed,
)
from assay.stages.rerank.similarity_matrix import (
    idf_of,
    lexical_similarities,
    row_features,
    row_shares,
)
from assay.stages.windows.window import Sizes
from tests.conformance.samples import A, Sample, asked, hits, ranked
from tests.corpora.fake_corpus import FakeCorpus
from tests.stages.rerank.told_vectors import ToldVectors, asks, at, said, shown
from tests.stages.retrieve.zoo import PASSAGES, ask, zoo


def sample() -> Sample:
    return Sample(
        asked(),
        config={"own": 0.2, "anchors": 2},
        resources={"embedder": HashEmbedder(HashEmbedderConfig(dimension=64))},
    )


def rerank(ranking: Ranking, context: RunContext | None = None, **config: Any) -> Ranking:
    node = HybridSimilarityRerank(HybridSimilarityConfig(**config), embedder=ToldVectors())
    return node.run(ranking.query, ranking, context or RunContext())


def test_features_are_the_worked_numbers() -> None:
    row = np.array([[10.0, 5.0, 0.0, -5.0]])
    np.testing.assert_allclose(row_features(row, 100.0), [[1.0, 0.2997, -0.3664, -1.0]], atol=1e-4)
    np.testing.assert_allclose(row_features(row, 10.0), [[1.0, -0.0130, -0.6274, -1.0]], atol=1e-4)


def test_an_even_row_has_features_of_zero_and_a_row_like_nothing_has_no_shares() -> None:
    rows = np.array([[3.0, 3.0], [1e4, -1e4]])
    assert row_features(rows, 0.01).tolist() == [[0.0, 0.0], [1.0, -1.0]]
    assert row_shares(np.array([[0.0, -1.0], [3.0, 1.0]])).tolist() == [[0.0, 0.0], [0.75, 0.25]]
    assert row_features(np.zeros((0, 0)), 1.0).size == 0


def test_scores_are_smoothed_over_like_passages_as_worked_out() -> None:
    vectors = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    scores = vectors @ [1.0, 0.0]
    found = smoothed(vectors @ vectors.T, scores)
    np.testing.assert_allclose(found, [0.9111, 0.6667, 0.3], atol=1e-4)
    moran = found @ scores / (np.linalg.norm(found) * np.linalg.norm(scores))
    assert moran == pytest.approx(0.96556, abs=1e-5)


def test_likeness_by_words_is_the_bm25_of_a_corpus_with_the_passage_as_the_query() -> None:
    corpus = zoo()
    own = [one for one in PASSAGES if one.scope.tenant == "zoo"]
    terms = [corpus.terms(f"{one.title}\n{one.text}" if one.title else one.text) for one in own]
    statistics = corpus.statistics([term for one in terms for term in one], ask("x"))
    idf = idf_of(statistics.counts, statistics.passages)
    found = lexical_similarities(terms, terms, idf)
    for row, one in enumerate(own):
        text = f"{one.title}\n{one.text}" if one.title else one.text
        wanted = {
            hit.passage.id: hit.score.value
            for hit in corpus.search_bm25(
                ask(text, scope=replace(ask("x").scope, roles=("keeper",))), 99
            )
        }
        for column, other in enumerate(own):
            assert found[row, column] == pytest.approx(wanted.get(other.id, 0.0), abs=1e-9)


def test_a_passage_that_is_like_the_best_rises() -> None:
    ranking = said(at(1, 0), at(0, 1), at(0.8, 0.6), query=asks(1, 0), scores=[2.0, 1.0, 0.0])
    found = rerank(ranking, dense=1.0, own=0.0)
    # y = (1, .5, 0); shares (.5556, 0, .4444), (0, .625, .375), (.3333, .25, .4167)
    assert shown(found) == [("a", 0.5556), ("c", 0.4583), ("b", 0.3125)]
    assert {hit.score.kind for hit in found.hits} == {ScoreKind.FUSED}
    assert shown(rerank(ranking, dense=1.0, own=1.0)) == [("a", 1.0), ("b", 0.5), ("c", 0.0)]
    half = rerank(ranking, dense=1.0, own=0.5)
    assert shown(half) == [("a", 0.7778), ("b", 0.4062), ("c", 0.2292)]


def test_features_weigh_each_anchor_by_its_score() -> None:
    ranking = said(at(1, 0), at(0, 1), at(0.8, 0.6), query=asks(1, 0), scores=[2.0, 1.0, 0.0])
    values = dict(shown(rerank(ranking, dense=1.0, own=0.0, rows="features")))
    # Weights 2/3 and 1/3: of a row's first two features, from 0 to 1.
    assert values["a"] == pytest.approx(2 / 3, abs=1e-4)
    assert values["b"] == pytest.approx(1 / 3, abs=1e-4)
    row = (row_features(np.array([[0.8, 0.6, 1.0]]), 10.0)[0] + 1) / 2
    assert values["c"] == pytest.approx((2 * row[0] + row[1]) / 3, abs=1e-4)


def test_likeness_by_words_alone_needs_no_model_and_reads_no_hidden_words() -> None:
    texts = ("owls hunt mice", "cats sleep", "mice fear owls", "cats <!-- owls mice hunt -->")
    ranking = said(*texts, query=asks(1, 0), scores=[3.0, 2.0, 1.0, 0.5])
    node = HybridSimilarityRerank(HybridSimilarityConfig(dense=0.0, own=0.0, anchors=2))
    assert not list(node.prepare(Path()))
    context = RunContext()
    found = node.run(ranking.query, ranking, context)
    assert context.cost.calls == node.estimate(4, Sizes(10, 10)).calls == 0
    assert found.ids == ("a", "c", "b", "d")
    values = dict(shown(found))
    assert values["a"] == values["c"] == 1.0  # like the first anchor and no other
    assert values["b"] == values["d"] == 0.6  # min-max of 2.0


def test_a_corpus_counts_words_and_gives_vectors_for_nothing() -> None:
    corpus = FakeCorpus([hit.passage for hit in hits(A)])
    node, context = HybridSimilarityRerank(HybridSimilarityConfig(), corpus=corpus), RunContext()
    found = node.run(A, ranked(A), context)
    assert sorted(found.ids) == sorted(ranked(A).ids)
    assert context.cost.calls == node.estimate(3, Sizes(10, 10)).calls == 0


def test_with_an_embedder_the_estimate_is_what_the_ledger_says() -> None:
    ranking = said(*["word " * 40] * 9, query=asks(1, 0))
    context = RunContext()
    node = HybridSimilarityRerank(HybridSimilarityConfig(depth=6), embedder=ToldVectors())
    node.run(ranking.query, ranking, context)
    assert node.estimate(9, Sizes(query=3, passage=40)).to_json() == context.cost.to_json()


def test_only_scores_of_one_kind_are_compared() -> None:
    ranking = said(at(1, 0), at(0, 1), at(1, 1), query=asks(1, 0))
    last = replace(ranking.hits[2], score=Score(99.0, ScoreKind.LOGIT, "x"))
    mixed = replace(ranking, hits=(*ranking.hits[:2], last))
    context = RunContext()
    found = rerank(mixed, context, dense=1.0)
    assert found.hits[2] == last
    assert context.notes["unscored"] == 1


@given(
    st.lists(
        st.tuples(st.integers(-9, 9), st.integers(-9, 9), st.integers(0, 99)),
        min_size=2,
        max_size=10,
        unique_by=lambda one: one[2],
    ),
    st.randoms(use_true_random=False),
    st.sampled_from(["shares", "features"]),
)
def test_the_order_in_which_passages_come_changes_no_score(
    given_: Sequence[tuple[int, int, int]], random: Any, rows: str
) -> None:
    texts = [at(x, y, more=f"w{x} w{y}") for x, y, _ in given_]
    ranking = said(*texts, query=asks(1, 0), scores=[float(score) for _, _, score in given_])
    turned = list(ranking.hits)
    random.shuffle(turned)
    first = rerank(ranking, rows=rows)
    again = rerank(replace(ranking, hits=tuple(turned)), rows=rows)
    values = {hit.passage.id: hit.score.value for hit in first.hits}
    assert {hit.passage.id: hit.score.value for hit in again.hits} == pytest.approx(values)
    assert all(0 <= one <= 1 for one in values.values())


def test_a_scheme_that_does_not_fit_the_scores_is_an_error() -> None:
    logits = Ranking(A, hits(A), "x")
    node = HybridSimilarityRerank(HybridSimilarityConfig(dense=0.0, scheme="theoretical"))
    with pytest.raises(UsageError, match="no known lowest value"):
        node.run(A, logits, RunContext())


def test_it_asks_of_a_corpus_what_it_uses() -> None:
    needs = {
        dense: HybridSimilarityRerank(
            HybridSimilarityConfig(dense=dense), corpus=FakeCorpus()
        ).needs["corpus"]
        for dense in (0.0, 0.5, 1.0)
    }
    assert needs == {0.0: ("bm25",), 0.5: ("bm25", "dense"), 1.0: ("dense",)}
