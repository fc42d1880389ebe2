from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assay.corpora.corpus import Corpus
from assay.pipeline import build_text
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import BuildError, UsageError
from assay.pipeline.words import Query, QueryVariants, Ranking, ScoreKind
from assay.stages.retrieve.bm25 import Bm25, Bm25Config
from assay.stages.retrieve.dense import Dense, DenseConfig
from assay.stages.retrieve.sparse import Sparse, SparseConfig
from tests.stages.retrieve.zoo import KEEPER, Counting, ask, zoo

FILE = """
assay: 1
name: zoo
resources:
  corpus: {use: given}
  judge: {use: models.overlap_cross_encoder@1}
nodes:
  found:
    use: NODE
    config: {where: "WHERE"}
    resources: {corpus: corpus}
    inputs: {query: query}
  kept: {use: select.top_k@1, inputs: {query: query, ranking: found}}
  said:
    use: generate.extractive@1
    resources: {model: judge}
    inputs: {query: query, selection: kept}
output: said
"""

Asked = Query | QueryVariants
Run = Callable[[Asked, RunContext], Ranking]


def bm25(corpus: Corpus, **config: Any) -> Run:
    node = Bm25(Bm25Config(**config), corpus=corpus)
    return lambda query, _: node.run(query)


def dense(corpus: Corpus, **config: Any) -> Run:
    return Dense(DenseConfig(**config), corpus=corpus).run


def sparse(corpus: Corpus, **config: Any) -> Run:
    return Sparse(SparseConfig(**config), corpus=corpus).run


MAKERS = {"bm25": bm25, "dense": dense, "sparse": sparse}
KINDS = {"bm25": ScoreKind.BM25, "dense": ScoreKind.COSINE, "sparse": ScoreKind.SPARSE}
every = pytest.mark.parametrize("name", MAKERS)


@every
def test_it_ranks_what_the_corpus_finds_under_its_own_name(name: str) -> None:
    ranking = MAKERS[name](zoo(), k=2)(ask("the owl hunts mice"), RunContext())
    assert ranking.ids == ("owl#1", "cat#0")
    assert ranking.source == f"retrieve.{name}@1"
    assert {hit.score.source for hit in ranking.hits} == {f"retrieve.{name}@1"}
    assert {hit.score.kind for hit in ranking.hits} == {KINDS[name]}


@every
def test_one_variant_is_the_plain_query(name: str) -> None:
    run = MAKERS[name](zoo())
    query = ask("the owl")
    assert run(QueryVariants((query,)), RunContext()) == run(query, RunContext())


@every
def test_variants_are_merged_by_rank_and_keep_the_main_wording(name: str) -> None:
    main, other = ask("the owl hunts mice"), ask("cat hunts mice in the barn")
    run = MAKERS[name](zoo(), k=2)
    alone = [run(one, RunContext()).ids for one in (main, other, other)]
    ranking = run(QueryVariants((main, other, replace(other))), RunContext())
    assert alone == [("owl#1", "cat#0"), ("cat#0", "owl#1"), ("cat#0", "owl#1")]
    assert ranking.query == main
    assert ranking.ids == ("cat#0", "owl#1")
    assert [hit.score.value for hit in ranking.hits] == [
        pytest.approx(1 / 62 + 2 / 61),
        pytest.approx(1 / 61 + 2 / 62),
    ]
    assert {hit.score.kind for hit in ranking.hits} == {ScoreKind.RRF}


@every
def test_k_counts_for_several_wordings_together(name: str) -> None:
    run = MAKERS[name](zoo(), k=1)
    variants = QueryVariants((ask("the owl hunts mice"), ask("cat hunts mice in the barn")))
    assert run(variants, RunContext()).ids == ("cat#0",)


@every
def test_the_scope_is_the_query_s(name: str) -> None:
    run = MAKERS[name](zoo())
    seen = set(run(ask("the owl at night"), RunContext()).ids)
    kept = set(run(ask("the owl at night", KEEPER), RunContext()).ids)
    assert not seen & {"pay#0", "shop#0"}
    assert kept == seen | {"pay#0"}


@every
def test_the_filters_of_node_and_query_hold_together_before_the_best_are_taken(name: str) -> None:
    run = MAKERS[name](zoo(), k=1, where="legs >= 2")
    assert run(ask("the owl hunts at night"), RunContext()).ids == ("owl#1",)
    assert run(ask("the owl hunts at night", where="legs > 2"), RunContext()).ids == ("cat#0",)
    assert run(ask("the owl sleeps", filters={"legs": 4}), RunContext()).ids == ("cat#1",)
    assert run(ask("the owl", where="legs < 2"), RunContext()).ids == ()


@every
def test_a_query_s_bad_filter_is_one_clear_error_that_spends_nothing(name: str) -> None:
    context = RunContext()
    variants = QueryVariants((ask("owl"), ask("cat", where="year >> 2")))
    with pytest.raises(UsageError, match=r"^the query's 'where': .*>> 2.*expected"):
        MAKERS[name](zoo())(variants, context)
    assert context.cost.calls == 0


@every
def test_a_bad_where_is_a_build_error_at_its_line(name: str) -> None:
    text = FILE.replace("NODE", f"retrieve.{name}@1").replace("WHERE", "legs >=")
    with pytest.raises(BuildError) as caught:
        build_text(text, name="zoo.yaml", base=Path(), resources={"corpus": zoo()})
    (problem,) = caught.value.problems
    assert problem.line == 10
    assert "'where'" in problem.message and "expected" in problem.message


@every
def test_a_bad_filter_fails_its_own_query_of_a_batch_only(name: str) -> None:
    text = FILE.replace("NODE", f"retrieve.{name}@1").replace("WHERE", "")
    pipeline = build_text(text, name="zoo.yaml", base=Path(), resources={"corpus": zoo()})
    with pipeline:
        good, bad = pipeline.batch([ask("the owl hunts"), ask("the owl", where="(")])
    assert good.error is None
    assert bad.error is not None
    assert (bad.error["node"], bad.error["type"]) == ("found", "UsageError")
    assert bad.error["message"].startswith("the query's 'where': ")


@pytest.mark.parametrize("name", ["dense", "sparse"])
def test_all_wordings_of_a_batch_are_encoded_at_once_and_each_query_pays_its_own(name: str) -> None:
    corpus = zoo(embedder=(embedder := Counting()))
    node: Any = {
        "dense": Dense(DenseConfig(k=3), corpus=corpus),
        "sparse": Sparse(SparseConfig(k=3), corpus=corpus),
    }[name]
    asked: list[Asked] = [ask("owl"), QueryVariants((ask("cat"), ask("bat"), ask("mice")))]
    contexts = [RunContext(), RunContext()]
    together = node.run_batch([{"query": one} for one in asked], contexts)
    assert [one.cost.calls for one in contexts] == [1, 3]
    if name == "dense":
        assert embedder.batches == [4]
    assert together == [node.run(one, RunContext()) for one in asked]


@pytest.mark.parametrize("name", ["dense", "sparse"])
def test_an_empty_batch_asks_nobody(name: str) -> None:
    corpus = zoo(embedder=(embedder := Counting()))
    node: Any = {
        "dense": Dense(DenseConfig(), corpus=corpus),
        "sparse": Sparse(SparseConfig(), corpus=corpus),
    }[name]
    assert node.run_batch([], []) == []
    assert embedder.batches == []


def test_a_cancelled_query_is_not_embedded() -> None:
    corpus = zoo(embedder=(embedder := Counting()))
    context = RunContext()
    context.cancelled.set()
    with pytest.raises(DeadlineExceeded):
        dense(corpus)(ask("owl"), context)
    assert embedder.batches == []


def test_bm25_searches_one_field_where_it_is_told_to() -> None:
    corpus = zoo()
    assert bm25(corpus, field="headings")(ask("food"), RunContext()).ids == ("owl#3",)
    assert bm25(corpus, field="title")(ask("food"), RunContext()).ids == ()
    assert bm25(corpus, field="body")(ask("food birds"), RunContext()).ids == ()
    assert bm25(corpus)(ask("food"), RunContext()).ids == ("owl#3",)
