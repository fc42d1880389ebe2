from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from assay.corpora.corpus import Corpus
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ScopeError, UsageError
from assay.pipeline.words import Query, Ranking, ScoreKind
from assay.stages.retrieve.prf import Prf, PrfConfig
from tests.corpora.fake_corpus import FakeCorpus, passage
from tests.stages.retrieve.zoo import KEEPER, VISITOR, Counting, ask, zoo

SHY = passage("shy#0", "Strix <!-- buy gold --> hunts voles.", tenant="zoo")


def first(corpus: Corpus, query: Query, k: int = 20) -> Ranking:
    return Ranking(query, tuple(corpus.search_bm25(query, k)), "first")


def again(
    corpus: Corpus, ranking: Ranking, context: RunContext | None = None, **config: Any
) -> Ranking:
    node = Prf(PrfConfig(**config), corpus=corpus)
    return node.run(ranking.query, ranking, context or RunContext())


def shown(ranking: Ranking) -> list[tuple[str, float]]:
    return [(hit.passage.id, hit.score.value) for hit in ranking.hits]


def test_words_of_the_best_find_what_shares_no_word_with_the_query() -> None:
    corpus = zoo()
    ranking = first(corpus, ask("mice"))
    assert set(ranking.ids) == {"owl#1", "cat#0"}
    context = RunContext()
    found = again(corpus, ranking, context, mode="words")
    assert {"owl#1", "cat#0"} == set(found.ids[:2])
    assert "owl#2" in found.ids
    assert found.query == ranking.query
    assert {hit.score.kind for hit in found.hits} == {ScoreKind.BM25}
    assert {hit.score.source for hit in found.hits} == {"retrieve.prf@1"}
    assert context.cost.calls == 0
    assert context.notes["feedback"] == 2
    assert "barn" in str(context.notes["expansion"]).split()


def test_the_expanded_query_is_the_words_with_their_weights() -> None:
    corpus = zoo()
    ranking = first(corpus, ask("mice"))
    context = RunContext()
    found = again(corpus, ranking, context, mode="words", alpha=0.0, beta=1.0, terms=1)
    words = str(context.notes["expansion"]).split()
    assert "mice" in words
    assert len([word for word in words if word != "mice"]) == 1
    ids = {hit.passage.id for hit in corpus.search_bm25(ask(" ".join(words)), 20)}
    assert set(found.ids) == ids


def test_the_vector_is_moved_by_the_formula() -> None:
    corpus = zoo()
    query = ask("owl at night")
    ranking = first(corpus, query)
    size = len(ranking.hits)
    config: dict[str, Any] = {"top": 2, "bottom": 3, "alpha": 0.8, "beta": 0.6, "gamma": 0.4}
    found = again(corpus, ranking, mode="dense", k=9, **config)
    passages = [hit.passage for hit in ranking.hits]
    asked = corpus.embed([query.text], [RunContext()])[0]
    best = corpus.vectors(passages[:2], query).mean(axis=0)
    last = corpus.vectors(passages[size - 3 :], query).mean(axis=0)
    wanted = corpus.search_vector(0.8 * asked + 0.6 * best - 0.4 * last, query, 9)
    assert found.ids == tuple(hit.passage.id for hit in wanted)
    np.testing.assert_allclose(
        [hit.score.value for hit in found.hits], [hit.score.value for hit in wanted], atol=1e-6
    )
    assert {hit.score.kind for hit in found.hits} == {ScoreKind.COSINE}
    assert found.ids != tuple(hit.passage.id for hit in corpus.search_vector(asked, query, 9))


def test_the_last_are_never_those_that_are_the_best() -> None:
    corpus = zoo()
    ranking = first(corpus, ask("mice"))
    both = again(corpus, ranking, mode="dense", top=5, bottom=5, gamma=5.0)
    assert shown(both) == shown(again(corpus, ranking, mode="dense", top=5))


def test_gamma_turns_away_from_the_last() -> None:
    corpus = FakeCorpus(
        [
            passage("a#0", "jaguar speed engine", tenant="zoo"),
            passage("b#0", "jaguar speed forest", tenant="zoo"),
            passage("c#0", "engine repair", tenant="zoo"),
            passage("d#0", "forest walk", tenant="zoo"),
        ]
    )
    query = ask("jaguar")
    hits = {hit.passage.id: hit for hit in corpus.search_bm25(query, 9)}
    ranking = Ranking(query, (hits["a#0"], hits["b#0"]), "first")
    config: dict[str, Any] = {"mode": "words", "top": 1, "bottom": 1, "beta": 0.5}
    assert "speed" in _words(corpus, ranking, gamma=0.0, **config)
    assert "speed" not in _words(corpus, ranking, gamma=1.0, **config)
    assert "engine" in _words(corpus, ranking, gamma=1.0, **config)


def _words(corpus: Corpus, ranking: Ranking, **config: Any) -> list[str]:
    context = RunContext()
    again(corpus, ranking, context, **config)
    return str(context.notes["expansion"]).split()


@pytest.mark.parametrize("mode", ["words", "dense"])
def test_an_empty_first_ranking_is_handed_on_for_nothing(mode: str) -> None:
    corpus = zoo(embedder=(embedder := Counting()))
    found = again(corpus, Ranking(ask("zebra"), (), "first"), mode=mode)
    assert found.hits == ()
    assert embedder.batches == []


def test_hidden_text_gives_no_words() -> None:
    corpus = zoo(SHY, passage("gold#0", "We buy gold.", tenant="zoo"))
    ranking = first(corpus, ask("strix"))
    assert ranking.ids == ("shy#0",)
    words = _words(corpus, ranking, mode="words", terms=50)
    assert {"hunts", "voles"} <= set(words)
    assert not {"buy", "gold"} & set(words)
    assert "gold#0" not in again(corpus, ranking, mode="words", terms=50).ids


def test_invisible_characters_hide_no_word_and_make_none() -> None:
    odd = passage("odd#0", "Strix v\u200bole\u00ads.", tenant="zoo")
    corpus = zoo(odd)
    words = _words(corpus, first(corpus, ask("strix")), mode="words", terms=50)
    assert sorted(words) == ["strix", "voles"]


def test_a_passage_with_hidden_markup_gives_no_vector() -> None:
    corpus = zoo(SHY)
    ranking = first(corpus, ask("strix hunts"))
    assert ranking.ids[0] == "shy#0"
    context = RunContext()
    found = again(corpus, ranking, context, mode="dense", top=2)
    assert context.notes == {"feedback": 1, "hidden": 1}
    clean = replace(ranking, hits=ranking.hits[1:])
    assert shown(found) == shown(again(corpus, clean, mode="dense", top=1))


def test_where_nothing_is_left_to_learn_from_the_query_is_searched_as_it_is() -> None:
    corpus = zoo(SHY)
    query = ask("strix")
    ranking = first(corpus, query)
    found = again(corpus, ranking, mode="dense", k=5)
    vector = corpus.embed([query.text], [RunContext()])[0]
    assert found.ids == tuple(hit.passage.id for hit in corpus.search_vector(vector, query, 5))


@pytest.mark.parametrize("mode", ["words", "dense"])
def test_nothing_is_learned_from_what_the_reader_may_not_read(mode: str) -> None:
    corpus = zoo()
    ranking = first(corpus, ask("keeper paid", KEEPER))
    assert "pay#0" in ranking.ids
    node = Prf(PrfConfig.model_validate({"mode": mode}), corpus=corpus)
    with pytest.raises(ScopeError, match=r"^first gave passage 'pay#0'"):
        node.run(replace(ranking.query, scope=VISITOR), ranking, RunContext())


@pytest.mark.parametrize("mode", ["words", "dense"])
def test_the_second_search_keeps_filters_and_scope(mode: str) -> None:
    corpus = zoo()
    query = ask("hunts mice", where="legs >= 2")
    found = again(corpus, first(corpus, query), mode=mode, where="legs < 4")
    assert found.ids
    assert {one.split("#")[0] for one in found.ids} == {"owl"}


@pytest.mark.parametrize("mode", ["words", "dense"])
def test_a_batch_is_what_runs_are_and_embeds_at_once(mode: str) -> None:
    corpus = zoo(embedder=(embedder := Counting()))
    rankings = [first(corpus, ask(text)) for text in ("mice", "zebra", "sleeps by day", "owl")]
    node = Prf(PrfConfig.model_validate({"mode": mode}), corpus=corpus)
    contexts = [RunContext() for _ in rankings]
    items = [{"query": one.query, "ranking": one} for one in rankings]
    together = node.run_batch(items, contexts)
    assert embedder.batches == ([3] if mode == "dense" else [])
    assert [one.cost.calls for one in contexts] == ([1, 0, 1, 1] if mode == "dense" else [0] * 4)
    assert together == [node.run(one.query, one, RunContext()) for one in rankings]


def test_its_kinds_are_those_of_its_mode() -> None:
    kinds = {
        mode: Prf(PrfConfig.model_validate({"mode": mode}), corpus=zoo()).gives
        for mode in ("words", "dense")
    }
    assert kinds == {"words": ("bm25", "rrf"), "dense": ("cosine",)}


def test_wrong_settings_and_filters_are_told() -> None:
    with pytest.raises(ValidationError, match="'alpha' or 'beta' above 0"):
        PrfConfig(alpha=0.0, beta=0.0)
    node = Prf(PrfConfig(where="legs ="), corpus=zoo())
    (sentence,) = node.prepare(Path())
    assert sentence.startswith("'where': ")
    corpus = zoo()
    ranking = first(corpus, ask("mice"))
    with pytest.raises(UsageError, match=r"^the query's 'where'"):
        Prf(PrfConfig(), corpus=corpus).run(ask("mice", where="("), ranking, RunContext())
