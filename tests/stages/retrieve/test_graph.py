from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import ScopeError, UsageError
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from assay.stages.retrieve.graph import Graph, GraphConfig
from tests.corpora.fake_corpus import FakeCorpus, passage

QUESTION = Query("In which town was the director of Silverbird born?", Scope("local"))

FILM = passage("film#0", "Silverbird was directed by Ida Morén.", title="Silverbird")
PERSON = passage("person#0", "Ida Morén was born in Tamworth.", title="Ida Morén")
TOWN = passage("town#0", "Tamworth has a castle and a market.", title="Town")
NOISE = [passage(f"noise{n}#0", f"The director of film {n} was born there.") for n in range(5)]


def seeds(*passages: Passage, query: Query = QUESTION) -> Ranking:
    """A ranking with logits that fall below 0."""
    hits = (
        Hit(one, Score(1.0 - place, ScoreKind.LOGIT, "seed")) for place, one in enumerate(passages)
    )
    return Ranking(query, tuple(hits), "seed")


def run(
    corpus: FakeCorpus, ranking: Ranking, context: RunContext | None = None, **config: Any
) -> Ranking:
    node = Graph(GraphConfig.model_validate(config), corpus=corpus)
    return node.run(ranking.query, ranking, context or RunContext())


def test_the_second_hop_is_found_by_a_name_that_the_question_does_not_say() -> None:
    corpus = FakeCorpus([FILM, PERSON, TOWN, *NOISE])
    context = RunContext()
    found = run(corpus, seeds(FILM), context)
    assert found.ids == ("film#0", "person#0", "town#0")
    assert {(hit.score.kind, hit.score.source) for hit in found.hits} == {
        (ScoreKind.PAGERANK, "retrieve.graph@1")
    }
    assert context.notes["walk_explored"] == 3
    assert context.cost.calls == 0


def test_worked_numbers() -> None:
    # A chain film - person - town, each edge alone or halved: the walk of test_walk with weights
    # film -> person 1; person -> film and town by BM25; town -> person 1.
    corpus = FakeCorpus([FILM, PERSON, TOWN, *NOISE])
    graph_query = replace(QUESTION, text="Ida Morén Tamworth")
    tied = {hit.passage.id: hit.score.value for hit in corpus.search_bm25(graph_query, 9)}
    back = tied["film#0"] / (tied["film#0"] + tied["town#0"])
    # visits f, p, t with restart 1/2: f = 1 + p * back / 2; p = f / 2 + t / 2; t = p (1 - back) / 2
    p = 0.5 / (1 - back / 4 - (1 - back) / 4)
    expected = {"film#0": (1 + p * back / 2) / 2, "person#0": p / 2, "town#0": p * (1 - back) / 4}
    found = run(corpus, seeds(FILM), restart=0.5, precision=1e-6, weights={"shared": 1.0})
    assert {hit.passage.id: hit.score.value for hit in found.hits} == pytest.approx(
        expected, abs=1e-4
    )


def test_passages_beside_a_seed_are_found() -> None:
    corpus = FakeCorpus([passage(f"d#{place}", f"part {place}") for place in range(4)])
    (first,) = corpus.get(["d#1"], QUESTION)
    found = run(corpus, seeds(first), explored=1, restart=0.5)
    assert [(hit.passage.id, hit.score.value) for hit in found.hits] == [
        ("d#1", 0.5),
        ("d#0", 0.125),
        ("d#2", 0.125),
    ]


def test_where_nothing_ties_the_seeds_keep_their_order_and_their_shares() -> None:
    corpus = FakeCorpus(NOISE)
    ranking = seeds(*reversed(NOISE))
    found = run(corpus, ranking)
    assert found.ids == ranking.ids
    total = sum(1 / rank for rank in range(1, 6))
    assert [hit.score.value for hit in found.hits] == pytest.approx(
        [1 / rank / total for rank in range(1, 6)]
    )


def test_with_nothing_explored_and_with_restart_1_the_order_is_that_of_the_seeds() -> None:
    corpus = FakeCorpus([FILM, PERSON, TOWN])
    configs: list[dict[str, Any]] = [{"explored": 0}, {"restart": 1.0}, {"weights": {}}]
    for config in configs:
        assert run(corpus, seeds(TOWN, FILM), **config).ids == ("town#0", "film#0")


def test_seeds_that_stand_alike_differ_by_their_rank_only() -> None:
    # 1 and 3 stand alike around 2; the better ranked seed stays in front
    corpus = FakeCorpus([passage(f"d#{place}", f"part {place}") for place in range(3)])
    first, last = corpus.get(["d#0", "d#2"], QUESTION)
    one = run(corpus, seeds(first, last), restart=0.3, precision=1e-6)
    other = run(corpus, seeds(last, first), restart=0.3, precision=1e-6)
    turned = {"d#0": "d#2", "d#2": "d#0", "d#1": "d#1"}
    assert [turned[name] for name in one.ids] == list(other.ids)
    assert [hit.score.value for hit in one.hits] == pytest.approx(
        [hit.score.value for hit in other.hits]
    )


def test_k_cuts_the_ranking() -> None:
    corpus = FakeCorpus([FILM, PERSON, TOWN])
    assert run(corpus, seeds(FILM), k=2).ids == ("film#0", "person#0")


def test_no_seeds_give_an_empty_ranking() -> None:
    assert run(FakeCorpus([FILM]), seeds()).hits == ()


def test_a_walk_stays_in_scope_and_filters() -> None:
    corpus = FakeCorpus(
        [
            replace(FILM, metadata={"year": 2020}),
            replace(PERSON, metadata={"year": 2019}),
            passage("other#0", "Ida Morén sang.", metadata={"year": 2020}),
            passage("secret#0", "Ida Morén.", roles=("board",), metadata={"year": 2020}),
            passage("foreign#0", "Ida Morén.", tenant="other", metadata={"year": 2020}),
        ]
    )
    weights = {"beside": 1.0, "shared": 1.0, "nearest": 1.0}
    for query in (
        replace(QUESTION, where="year = 2020"),
        replace(QUESTION, filters={"year": 2020}),
    ):
        (film,) = corpus.get(["film#0"], query)
        found = run(corpus, seeds(film, query=query), weights=weights)
        assert set(found.ids) == {"film#0", "other#0"}


def test_a_seed_that_the_reader_may_not_read_is_an_error() -> None:
    secret = passage("secret#0", "Ida Morén.", roles=("board",))
    with pytest.raises(ScopeError, match="secret#0"):
        run(FakeCorpus([FILM, secret]), seeds(FILM, secret))


def test_a_filter_that_cannot_be_read_is_told() -> None:
    query = replace(QUESTION, where="year >=")
    with pytest.raises(UsageError, match="where"):
        run(FakeCorpus([FILM]), seeds(FILM, query=query))


def test_a_cancelled_request_stops() -> None:
    context = RunContext()
    context.cancelled.set()
    with pytest.raises(DeadlineExceeded):
        run(FakeCorpus([FILM, PERSON]), seeds(FILM), context)


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sets(st.sampled_from(["Aa", "Bb", "Cc", "Dd"]))),
        min_size=1,
        max_size=8,
    ),
    st.integers(1, 4),
    st.floats(0.05, 1),
    st.integers(0, 8),
    st.sampled_from([0.0, 1.0]),
)
def test_masses_fall_and_sum_to_1_at_most_and_no_seed_is_lost(
    made: list[tuple[int, set[str]]], some: int, restart: float, explored: int, nearest: float
) -> None:
    passages = [
        passage(f"d{document}#{place}", " ".join(["text", *sorted(names)]))
        for place, (document, names) in enumerate(made)
    ]
    ranking = seeds(*passages[:some])
    weights = {"beside": 1.0, "shared": 0.5, "nearest": nearest}
    found = run(FakeCorpus(passages), ranking, restart=restart, explored=explored, weights=weights)
    masses = [hit.score.value for hit in found.hits]
    assert masses == sorted(masses, reverse=True)
    assert sum(masses) <= 1 + 1e-9
    assert set(ranking.ids) <= set(found.ids)
    assert len(set(found.ids)) == len(found.ids)
