from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date as Day
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.corpora.filters import Filter
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import (
    Hit,
    Passage,
    Query,
    QueryVariants,
    Ranking,
    Scalar,
    Scope,
    ScoreKind,
)
from assay.stages.retrieve.document_first import DocumentFirst, DocumentFirstConfig
from tests.corpora.doubles import ask, document, started
from tests.corpora.fake_corpus import FakeCorpus, passage

PROFIT = "The profit rose."
COSTS = "The costs fell."


def report(company: str, year: int, *texts: str, **more: Any) -> list[Passage]:
    """A report with its company and year in the title only."""
    title = f"{company} annual report {year}"
    name = f"{company.lower()}{year}"
    return [
        passage(f"{name}#{place}", text, title=title, **more) for place, text in enumerate(texts)
    ]


REPORTS = [
    one
    for company in ("Acme", "Bolt", "Crane")
    for year in (2019, 2020, 2021)
    for one in report(company, year, f"{PROFIT} By {len(company) + year} dollars.", COSTS)
]
QUESTION = Query("How did the profit of Bolt rise in fiscal 2020?", Scope("local"))


def search(
    corpus: FakeCorpus,
    query: Query | QueryVariants,
    context: RunContext | None = None,
    **config: Any,
) -> Ranking:
    node = DocumentFirst(DocumentFirstConfig.model_validate(config), corpus=corpus)
    return node.run(query, context or RunContext())


def values(ranking: Ranking) -> dict[str, float]:
    return {hit.passage.id: hit.score.value for hit in ranking.hits}


@pytest.mark.parametrize("mode", ["bm25", "dense", "both"])
@pytest.mark.parametrize("listed", [0, 20_000])
def test_the_passage_of_the_company_and_year_asked_for_comes_first(mode: str, listed: int) -> None:
    corpus = FakeCorpus(REPORTS)
    for company in ("Acme", "Bolt", "Crane"):
        for year in (2019, 2020, 2021):
            query = replace(QUESTION, text=f"How did the profit of {company} rise in {year}?")
            found = search(corpus, query, mode=mode, listed=listed, share=0.7)
            assert found.ids[0] == f"{company.lower()}{year}#0"


def test_a_document_that_names_another_year_comes_after_one_that_names_none() -> None:
    corpus = FakeCorpus(
        [
            *report("Acme", 2019, PROFIT),
            passage("undated#0", PROFIT, title="Acme annual report"),
            *report("Acme", 2021, PROFIT),
        ]
    )
    query = replace(QUESTION, text="the profit of Acme in 2021")
    assert search(corpus, query).ids == ("acme2021#0", "undated#0", "acme2019#0")


@pytest.mark.parametrize(
    ("labels", "more"),
    [
        ({"company": "Bolt", "fiscal_year": 2020}, {}),
        ({"company": "Bolt"}, {"date": "2020-06-30"}),
        ({"period": "FY20 of Bolt"}, {}),
    ],
)
def test_company_and_year_are_found_in_labels_and_dates(
    labels: dict[str, Scalar], more: dict[str, str]
) -> None:
    day: dict[str, Any] = {key: Day.fromisoformat(value) for key, value in more.items()}
    wrong = [passage(f"w{n}#0", PROFIT, metadata={"company": "Acme"}) for n in range(3)]
    right = passage("x#0", PROFIT, metadata=labels, **day)
    assert search(FakeCorpus([*wrong, right]), QUESTION).ids[0] == "x#0"


def test_a_document_whose_passages_are_not_in_the_pool_is_found_by_its_id() -> None:
    decoys = [passage(f"d{n}#0", f"{PROFIT} {PROFIT}") for n in range(20)]
    hidden = passage("BOLT_2020_10K#0", "It rose by a half, which was owed to the new plant.")
    corpus = FakeCorpus([*decoys, hidden])
    assert "BOLT_2020_10K#0" not in {hit.passage.id for hit in corpus.search_bm25(QUESTION, 5)}
    weights = {"best": 1.0, "names": 1.0, "dates": 1.0}
    found = search(corpus, QUESTION, pool=5, documents=1, weights=weights, share=0.8)
    assert found.ids[0] == "BOLT_2020_10K#0"


def test_every_score_is_the_stated_mixture() -> None:
    corpus = FakeCorpus(REPORTS)
    hits = corpus.search_bm25(QUESTION, 100)
    low, high = hits[-1].score.value, hits[0].score.value
    own = {hit.passage.id: (hit.score.value - low) / (high - low) for hit in hits}
    sums: dict[str, float] = {}
    for hit in hits:
        name = hit.passage.document_id
        sums[name] = sums.get(name, 0.0) + own[hit.passage.id]
    weights = {"best": 2.0, "pooled": 1.0, "dates": 1.0}
    context = RunContext()
    found = values(search(corpus, QUESTION, context, share=0.25, documents=2, weights=weights))
    for name, years in ((one.document_id, one.title[-4:]) for one in REPORTS):
        best = max(own[f"{name}#0"], own[f"{name}#1"])
        dates = 1 if years == "2020" else -1
        whole = max(0, (2 * best + sums[name] / max(sums.values()) + dates) / 4)
        for place in (0, 1):
            mixed = 0.75 * own[f"{name}#{place}"] + 0.25 * whole
            assert found[f"{name}#{place}"] == pytest.approx(mixed)
    assert context.notes == {"documents_named": 5, "documents_searched": 2}


def test_worked_numbers() -> None:
    # Two documents of one passage each, which differ in their labels only, so that both passages
    # have the score 1 (all are equal), best and pooled are 1, and no title is there.
    corpus = FakeCorpus(
        [
            passage("a#0", PROFIT, metadata={"company": "Bolt", "year": 2020}),
            passage("b#0", PROFIT, metadata={"company": "Bolt", "year": 2019}),
        ]
    )
    query = replace(QUESTION, text="profit of Bolt in 2020")
    # a: names 1, dates 1: D = (1 + 1 + 0 + 1 + 1) / 5; b: names 1, dates -1: (1 + 1 + 1 - 1) / 5
    expected = {"a#0": 0.5 + 0.5 * 4 / 5, "b#0": 0.5 + 0.5 * 2 / 5}
    assert values(search(corpus, query, share=0.5)) == pytest.approx(expected)
    weights = {"names": 1.0, "dates": 3.0}
    expected = {"a#0": 0.5 + 0.5, "b#0": 0.5 + 0.0}
    assert values(search(corpus, query, weights=weights, share=0.5)) == pytest.approx(expected)


def test_where_the_question_names_no_document_it_is_plain_retrieval() -> None:
    corpus = FakeCorpus(REPORTS)
    query = replace(QUESTION, text="how did the profit rise")
    plain = tuple(hit.passage.id for hit in corpus.search_bm25(query, 7))
    context = RunContext()
    found = search(corpus, query, context, k=7)
    assert found.ids == plain
    assert context.notes == {}
    assert {hit.score.kind for hit in found.hits} == {ScoreKind.FUSED}


def test_documents_can_be_pooled_where_none_is_named() -> None:
    texts = ["profit", "profit and loss"]
    corpus = FakeCorpus(
        [passage("a#0", "x profit"), *(passage(f"b#{n}", t) for n, t in enumerate(texts))]
    )
    query = Query("profit loss", Scope("local"))
    plain = search(corpus, query)
    weights = {"best": 1.0, "pooled": 1.0}
    pooled = search(corpus, query, unnamed="pooled", weights=weights)
    assert set(plain.ids) == set(pooled.ids)
    assert values(pooled)["b#1"] == 1.0, "best and pooled are its document's"
    assert values(pooled)["b#0"] > values(plain)["b#0"]


def test_only_leaves_other_documents_out_and_the_default_keeps_them() -> None:
    corpus = FakeCorpus(REPORTS)
    inside = search(corpus, QUESTION, documents=2, only=True)
    assert len({hit.passage.document_id for hit in inside.hits}) == 2
    assert set(search(corpus, QUESTION, documents=2).ids) == {one.id for one in REPORTS}


def test_pages_of_one_file_are_one_document() -> None:
    def page(file: str, number: int, text: str) -> Passage:
        name = f"{file}#page={number}"
        labels: dict[str, Scalar] = {"file": file, "page": number}
        return Passage(f"{name}#0", name, text, Scope("local"), title=file, metadata=labels)

    corpus = FakeCorpus(
        [
            page("Bolt 2020", 1, "An introduction to the year."),
            page("Bolt 2020", 7, PROFIT),
            page("Acme 2020", 1, PROFIT),
        ]
    )
    found = search(corpus, QUESTION, documents=1, only=True)
    assert set(found.ids) == {"Bolt 2020#page=1#0", "Bolt 2020#page=7#0"}
    apart = search(corpus, QUESTION, documents=1, only=True, by="document")
    assert set(apart.ids) == {"Bolt 2020#page=7#0"}


@pytest.mark.parametrize("listed", [0, 20_000])
def test_it_works_over_an_index_where_equal_passages_were_merged(
    tmp_path: Path, listed: int
) -> None:
    notice = "Statements on profit may turn out wrong."
    documents = [
        document(
            name,
            f"# {title}\n\n{notice}\n\n## Profit\n\n{PROFIT} {name}",
            title=title,
            markup="markdown",
        )
        for name, title in (("a", "Acme 2020"), ("b", "Bolt 2019"), ("c", "Bolt 2020"))
    ]
    corpus = started(tmp_path, documents)
    query = ask(QUESTION.text)
    node = DocumentFirst(DocumentFirstConfig(documents=1, only=True, listed=listed), corpus=corpus)
    found = node.run(query, RunContext())
    assert found.hits[0].passage.document_id == "c"
    assert {hit.passage.text for hit in found.hits} <= {notice, f"{PROFIT} c"}
    corpus.close()


def test_files_and_documents_without_a_file_stand_side_by_side() -> None:
    corpus = FakeCorpus(
        [
            passage("a#0", PROFIT, title="Bolt 2020", metadata={"file": "f"}),
            passage("f#0", PROFIT, title="Bolt 2020"),
            passage("c#0", PROFIT, title="Acme 2020", metadata={"file": "a"}),
        ]
    )
    found = search(corpus, QUESTION, documents=2, only=True)
    assert set(found.ids) == {"a#0", "f#0"}


class Untitled(FakeCorpus):
    """A corpus that keeps no field apart."""

    def search_bm25(
        self, query: Query, k: int, *, where: Filter | None = None, field: str = ""
    ) -> Sequence[Hit]:
        if field:
            raise UsageError(f"no field '{field}'")
        return super().search_bm25(query, k, where=where)


def test_a_corpus_without_a_field_of_titles_is_searched_by_its_list_of_documents() -> None:
    decoys = [passage(f"d{n}#0", f"{PROFIT} {PROFIT}") for n in range(20)]
    hidden = report("Bolt", 2020, "It went up.")
    found = search(Untitled([*decoys, *hidden]), QUESTION, pool=5, listed=0)
    assert found.ids[0] == "bolt2020#0"


def test_scope_and_filters_hold_in_every_search() -> None:
    secret = report("Bolt", 2020, PROFIT, roles=("board",))
    foreign = report("Bolt", 2020, PROFIT, tenant="other")
    draft = [
        replace(one, id=f"draft-{one.id}", document_id="draft", metadata={"draft": True})
        for one in report("Bolt", 2020, PROFIT)
    ]
    mine = [replace(one, metadata={"draft": False}) for one in report("Acme", 2019, PROFIT, COSTS)]
    corpus = FakeCorpus([*secret, *foreign, *draft, *mine])
    for listed in (0, 20_000):
        cases: list[tuple[Query, dict[str, Any]]] = [
            (replace(QUESTION, where="draft = false"), {}),
            (replace(QUESTION, filters={"draft": False}), {}),
            (QUESTION, {"where": "draft = false"}),
        ]
        for query, config in cases:
            found = search(corpus, query, mode="both", listed=listed, **config)
            assert set(found.ids) == {"acme2019#0", "acme2019#1"}


def test_wordings_are_merged_and_share_one_batch_of_embeddings() -> None:
    corpus = FakeCorpus(REPORTS)
    other = replace(QUESTION, text="Bolt's profit of 2021")
    context = RunContext()
    found = search(corpus, QueryVariants((QUESTION, other)), context, mode="dense")
    assert found.query == QUESTION
    assert {hit.score.kind for hit in found.hits} == {ScoreKind.RRF}
    assert context.cost.calls == 2
    assert search(corpus, QueryVariants((QUESTION,))) == search(corpus, QUESTION)


def test_a_question_without_a_word_finds_what_plain_retrieval_finds() -> None:
    corpus = FakeCorpus(REPORTS)
    for text in ("", "???", "in 2020"):
        query = replace(QUESTION, text=text)
        assert len(search(corpus, query, mode="both", k=3).hits) <= 3
    assert search(corpus, replace(QUESTION, text="")).hits == ()


def test_an_empty_corpus_gives_an_empty_ranking() -> None:
    assert search(FakeCorpus(), QUESTION, mode="both").hits == ()


def test_weights_that_are_all_0_are_refused_and_so_is_a_wrong_filter() -> None:
    with pytest.raises(ValidationError, match="above 0"):
        DocumentFirstConfig(weights={"title": 0.0})
    node = DocumentFirst(DocumentFirstConfig(where="year >="), corpus=FakeCorpus())
    assert len(list(node.prepare(Path()))) == 1


def test_a_cancelled_request_stops() -> None:
    context = RunContext()
    context.cancelled.set()
    with pytest.raises(DeadlineExceeded):
        search(FakeCorpus(REPORTS), QUESTION, context)


TEXTS = st.lists(st.sampled_from(["profit", "Bolt", "2020", "2019", "costs", "Acme"]), max_size=5)


@given(
    st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6),
    TEXTS,
    st.sampled_from(["bm25", "dense", "both"]),
    st.integers(1, 3),
    st.floats(0, 1),
    st.booleans(),
)
def test_scores_fall_within_0_to_1_and_each_passage_comes_once(
    made: list[tuple[list[str], list[str]]],
    asked: list[str],
    mode: str,
    documents: int,
    share: float,
    only: bool,
) -> None:
    passages = [
        passage(f"d{n % 3}#{n}", " ".join(["text", *words]), title=" ".join(title))
        for n, (title, words) in enumerate(made)
    ]
    config: dict[str, Any] = {"mode": mode, "documents": documents, "share": share, "only": only}
    query = Query(" ".join(asked), Scope("local"))
    found = search(FakeCorpus(passages), query, **config)
    assert found == search(FakeCorpus(reversed(passages)), query, **config)
    scores = [hit.score.value for hit in found.hits]
    assert all(0 <= score <= 1 for score in scores)
    assert scores == sorted(scores, reverse=True)
    assert len(set(found.ids)) == len(found.ids)
