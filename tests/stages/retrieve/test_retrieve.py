from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from assay.pipeline.context import RunContext
from assay.pipeline.words import QueryVariants, ScoreKind
from assay.stages.retrieve.bm25 import Bm25, Bm25Config
from assay.stages.retrieve.dense import Dense, DenseConfig
from tests.corpora.doubles import WordHashEmbedder, ask, document, started

DOCUMENTS = [
    document("cat", "The cat sleeps."),
    document("dog", "The dog barks."),
    document("owl", "The owl hoots."),
]


def test_bm25_ranks_what_the_corpus_finds_under_its_own_name(tmp_path: Path) -> None:
    corpus = started(tmp_path, DOCUMENTS)
    ranking = Bm25(Bm25Config(k=2), corpus=corpus).run(ask("the owl"))
    assert ranking.ids[0] == "owl#0"
    assert len(ranking.hits) == 2
    assert {hit.score.source for hit in ranking.hits} == {"retrieve.bm25@1"}
    assert {hit.score.kind for hit in ranking.hits} == {ScoreKind.BM25}


def test_one_variant_is_the_plain_query(tmp_path: Path) -> None:
    node = Bm25(Bm25Config(), corpus=started(tmp_path, DOCUMENTS))
    assert node.run(QueryVariants((ask("the owl"),))) == node.run(ask("the owl"))


def test_variants_are_merged_and_keep_the_main_wording(tmp_path: Path) -> None:
    node = Bm25(Bm25Config(k=2), corpus=started(tmp_path, DOCUMENTS))
    main, other = ask("cat"), ask("dog dog")
    ranking = node.run(QueryVariants((main, other, replace(other, text="dog barks"))))
    assert ranking.query == main
    assert ranking.ids == ("dog#0", "cat#0")
    assert [hit.score.value for hit in ranking.hits] == [2 / 61, 1 / 61]
    assert {hit.score.kind for hit in ranking.hits} == {ScoreKind.RRF}


def test_dense_embeds_each_wording_once_and_books_it(tmp_path: Path) -> None:
    corpus = started(tmp_path, DOCUMENTS, WordHashEmbedder())
    context = RunContext()
    variants = QueryVariants((ask("The cat sleeps."), ask("The dog barks.")))
    ranking = Dense(DenseConfig(k=3), corpus=corpus).run(variants, context)
    assert context.cost.calls == 2
    assert set(ranking.ids[:2]) == {"cat#0", "dog#0"}


def test_dense_finds_the_text_itself_first(tmp_path: Path) -> None:
    corpus = started(tmp_path, DOCUMENTS, WordHashEmbedder())
    ranking = Dense(DenseConfig(k=1), corpus=corpus).run(ask("The owl hoots."), RunContext())
    assert ranking.ids == ("owl#0",)
    assert ranking.hits[0].score.kind is ScoreKind.COSINE
    assert abs(ranking.hits[0].score.value - 1) < 1e-5
