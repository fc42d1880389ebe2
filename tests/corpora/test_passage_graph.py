from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from assay.corpora.passage_graph import EdgeKind, PassageGraph
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.words import Query, Scope
from tests.corpora.fake_corpus import FakeCorpus, passage

READER = Query("whatever", Scope("local"))
ONE: Any = {"degree": 9, "rare": 8, "terms": "names", "check": lambda: None}

FILM = passage("film#0", "Silverbird was directed by Ida Morén.", title="Silverbird")
BIRTH = passage("person#0", "Ida Morén was born in Tamworth.", title="Ida Morén")
TOWN = passage("town#0", "Tamworth has a castle.", title="Tamworth")
PARKS = passage("town#1", "The parks are wide.", title="Tamworth")
MARKET = passage("town#2", "The market is old.", title="Tamworth")
OTHER = passage("other#0", "Was it born in a castle, directed by the old?")
ALL = (FILM, BIRTH, TOWN, PARKS, MARKET, OTHER)


def graph(
    corpus: FakeCorpus, query: Query = READER, context: RunContext | None = None, **more: object
) -> PassageGraph:
    weights: Mapping[EdgeKind, float] = {"shared": 1.0}
    settings = {"weights": weights, "degree": 5, "rare": 8, "terms": "names", **more}
    known = corpus.get([one.id for one in ALL if one.scope.admits(query.scope)], query)
    check = (context or RunContext()).check
    return PassageGraph(corpus, query, known, check=check, **settings)  # type: ignore[arg-type]


def test_passages_that_share_a_rare_name_are_tied_and_common_words_tie_nothing() -> None:
    found = graph(FakeCorpus(ALL))
    assert set(found.edges("film#0")) == {"person#0"}
    assert set(found.edges("other#0")) == set()


def test_a_name_that_too_many_passages_have_ties_nothing() -> None:
    # 'Tamworth' stands in four passages, 'Morén' in two; two is the most that ties here
    assert set(graph(FakeCorpus(ALL)).edges("person#0")) == {"film#0"}


def test_all_rare_terms_tie_where_asked_for() -> None:
    found = graph(FakeCorpus(ALL), terms="all").edges("other#0")
    assert set(found) == {"film#0", "person#0", "town#0", "town#2"}


def test_the_rarest_terms_come_first_and_no_more_than_asked_for() -> None:
    texts = ["Aa Bb", "Aa Cc", "Bb Cc Dd", "Dd Cc Ee"]
    corpus = FakeCorpus(passage(f"d{n}#0", text) for n, text in enumerate(texts))
    known = corpus.get([f"d{n}#0" for n in range(4)], READER)
    weights: Mapping[EdgeKind, float] = {"shared": 1.0}
    found = PassageGraph(
        corpus, READER, known, weights=weights, degree=5, rare=1, terms="names", check=lambda: None
    )
    # of Bb (2), Dd (2) and Cc (3, which is too many) only the first by the alphabet is searched
    assert set(found.edges("d2#0")) == {"d0#0"}


def test_words_that_stand_together_are_taken_apart_only_where_terms_are() -> None:
    corpus = FakeCorpus(
        [passage("a#0", "東京都に住む"), passage("b#0", "京都の寺"), passage("c#0", "x")]
    )
    found = PassageGraph(
        corpus,
        READER,
        corpus.get(["a#0"], READER),
        weights={"shared": 1.0},
        degree=5,
        rare=8,
        terms="all",
        check=lambda: None,
    )
    assert set(found.edges("a#0")) == {"b#0"}


def test_neighbours_in_the_document_are_tied_alike() -> None:
    found = graph(FakeCorpus(ALL), weights={"beside": 0.5})
    assert found.edges("town#1") == {"town#0": 0.25, "town#2": 0.25}
    assert found.edges("film#0") == {}


def test_nearest_are_tied_by_cosine_and_not_to_themselves() -> None:
    corpus = FakeCorpus(ALL)
    found = graph(corpus, weights={"nearest": 1.0}, degree=2).edges("town#1")
    vector = corpus.vectors([PARKS], READER)[0]
    expected = [
        hit for hit in corpus.search_vector(vector, READER, 3) if hit.passage.id != "town#1"
    ]
    assert list(found) == [hit.passage.id for hit in expected]
    total = sum(hit.score.value for hit in expected)
    assert found == pytest.approx({hit.passage.id: hit.score.value / total for hit in expected})


def test_kinds_add_up_by_their_weights_and_a_kind_without_edges_gives_nothing() -> None:
    weights: Mapping[EdgeKind, float] = {"beside": 1.0, "shared": 3.0, "nearest": 0.0}
    corpus = FakeCorpus([FILM, BIRTH, passage("film#1", "The end."), OTHER])
    found = PassageGraph(corpus, READER, [FILM, BIRTH, OTHER], weights=weights, **ONE)
    assert found.edges("film#0") == {"film#1": 1.0, "person#0": 3.0}
    assert found.edges("person#0") == {"film#0": 3.0}
    assert found.edges("other#0") == {}


def test_what_is_reached_can_be_walked_on_from() -> None:
    corpus = FakeCorpus(ALL)
    found = PassageGraph(
        corpus,
        READER,
        corpus.get(["film#0"], READER),
        weights={"shared": 1.0},
        **ONE,
    )
    assert set(found.passages) == {"film#0"}
    (reached,) = found.edges("film#0")
    assert found.passages[reached] == BIRTH
    assert set(found.edges(reached)) == {"film#0"}


@pytest.mark.parametrize("kind", ["beside", "shared", "nearest"])
def test_no_edge_leads_out_of_the_readers_scope(kind: EdgeKind) -> None:
    mine = passage("d#0", "Ida Morén sang.", roles=("staff",))
    secret = passage("d#1", "Ida Morén resigned.", roles=("board",))
    foreign = passage("e#0", "Ida Morén sang.", tenant="other")
    corpus = FakeCorpus([mine, secret, foreign])
    for roles, expected in ((("staff",), set[str]()), (("staff", "board"), {"d#1"})):
        query = Query("x", Scope("local", roles))
        found = PassageGraph(
            corpus,
            query,
            [mine],
            weights={kind: 1.0},
            **ONE,
        )
        assert set(found.edges("d#0")) == expected


@pytest.mark.parametrize("kind", ["beside", "shared", "nearest"])
@pytest.mark.parametrize("more", [{"where": "year = 2020"}, {"filters": {"year": 2020}}])
def test_no_edge_leads_to_what_the_querys_filters_leave_out(
    kind: EdgeKind, more: dict[str, object]
) -> None:
    corpus = FakeCorpus(
        passage(f"a#{place}", "Ida Morén sang.", metadata={"year": year})
        for place, year in enumerate((2020, 2021))
    )
    for query, expected in (
        (READER, {"a#1"}),
        (Query("x", Scope("local"), **more), set[str]()),  # type: ignore[arg-type]
    ):
        found = PassageGraph(corpus, query, corpus.get(["a#0"], query), weights={kind: 1.0}, **ONE)
        assert set(found.edges("a#0")) == expected


def test_a_filter_on_titles_is_about_the_documents_title_not_the_heading_of_a_passage() -> None:
    corpus = FakeCorpus([passage("a#0", "One.", title="Part"), passage("a#1", "Two.", title="Act")])
    assert [one.document.title for one in corpus.documents(READER)] == ["Act"]
    for where, expected in (("title = 'Act'", {"a#0"}), ("title = 'Part'", set[str]())):
        query = replace(READER, where=where)
        known = corpus.get(["a#1"], READER)
        found = PassageGraph(corpus, query, known, weights={"beside": 1.0}, **ONE)
        assert set(found.edges("a#1")) == expected


def test_a_request_whose_time_is_up_stops_before_the_next_search() -> None:
    context = RunContext()
    found = graph(FakeCorpus(ALL), context=context)
    found.edges("film#0")
    context.cancelled.set()
    with pytest.raises(DeadlineExceeded):
        found.edges("person#0")
