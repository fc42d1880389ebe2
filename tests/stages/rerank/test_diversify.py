from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ScopeError, UsageError
from assay.pipeline.words import Hit, Passage, QueryVariants, Ranking, Scope, Score, ScoreKind
from assay.stages.rerank.diversify import DiversifyConfig, DiversifyRerank
from assay.stages.rerank.diversity import maximal_marginal_relevance, round_robin, xquad
from assay.stages.windows.window import Sizes
from tests.conformance.samples import A, Sample, asked, hits, ranked
from tests.corpora.fake_corpus import FakeCorpus
from tests.stages.rerank.told_vectors import ToldVectors, asks, at, said, shown

places = st.integers(1, 12).flatmap(
    lambda n: st.tuples(
        st.just(n), st.lists(st.lists(st.integers(0, n - 1), unique=True), max_size=5)
    )
)
LIST = said(at(1, 0), at(1, 0.1), at(0, 1), at(0.1, 1), query=asks(1, 0))


def sample() -> Sample:
    items = tuple(
        dict(item) | {"rankings": {"one": turned(item["ranking"], 1, 0), "two": item["ranking"]}}
        for item in asked()
    )
    return Sample(items, config={"method": "xquad", "aspects": "rankings", "share": 0.2})


def turned(ranking: Ranking, *order: int) -> Ranking:
    return Ranking(ranking.query, tuple(ranking.hits[one] for one in order), "aspect")


def rerank(
    ranking: Ranking = LIST,
    context: RunContext | None = None,
    *,
    rankings: Mapping[str, Ranking] | None = None,
    variants: QueryVariants | None = None,
    **config: Any,
) -> Ranking:
    node = DiversifyRerank(DiversifyConfig(**config), embedder=ToldVectors())
    ports: dict[str, Any] = {} if rankings is None else {"rankings": rankings}
    return node.run(ranking.query, ranking, context or RunContext(), **ports, variants=variants)


def test_turns_are_taken_as_worked_out() -> None:
    # A = [1, 2, 3], B = [2, 4]: B's turn finds 2; then 3, for 2 is taken.
    assert round_robin(5, [[1, 2, 3], [2, 4]])[:4] == [1, 2, 3, 4]


@given(places)
def test_the_best_of_every_aspect_is_among_the_first(case: tuple[int, list[list[int]]]) -> None:
    n, aspects = case
    found = round_robin(n, aspects)
    assert sorted(found) == list(range(n))
    assert {one[0] for one in aspects if one} <= set(found[: len(aspects)])


def test_xquad_turns_to_what_is_not_covered_yet() -> None:
    relevance = np.array([0.9, 0.8, 0.3])
    aspects = np.array([[0.9, 0.8, 0.0], [0.0, 0.0, 0.7]])
    half = np.array([0.5, 0.5])
    # With share .2, after the first: .16 + .8 * .05 * .8 = .192 and .06 + .8 * .5 * .7 = .34.
    assert xquad(relevance, aspects, half, 0.2) == [0, 2, 1]
    assert xquad(relevance, aspects, half, 1.0) == [0, 1, 2]
    assert xquad(relevance, aspects, np.array([0.0, 1.0]), 0.0) == [2, 0, 1]


def test_xquad_counts_what_several_passages_have_covered() -> None:
    # One aspect: gains after .5 and .5 are a quarter of what they were.
    aspects = np.array([[0.5, 0.5, 0.5, 0.0], [0.2, 0.0, 0.0, 0.2]])
    assert xquad(np.zeros(4), aspects, np.array([0.5, 0.5]), 0.0) == [0, 1, 3, 2]


def test_marginal_relevance_is_the_worked_greedy_order() -> None:
    relevance = np.array([1.0, 0.9, 0.5])
    likeness = np.array([[1.0, 0.95, 0.1], [0.95, 1.0, 0.2], [0.1, 0.2, 1.0]])
    # After the first: .45 - .475 and .25 - .05.
    assert maximal_marginal_relevance(relevance, likeness, 0.5) == [0, 2, 1]
    assert maximal_marginal_relevance(relevance, likeness, 1.0) == [0, 1, 2]
    assert maximal_marginal_relevance(relevance, likeness, 0.9) == [0, 1, 2]


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=10),
    st.integers(0, 3),
    st.floats(0, 1),
    st.integers(0, 99),
)
def test_greedy_orders_are_permutations(
    relevance: Sequence[float], aspects: int, share: float, seed: int
) -> None:
    n = len(relevance)
    draw = np.random.default_rng(seed)
    found = xquad(np.array(relevance), draw.random((aspects, n)), draw.random(aspects), share)
    assert sorted(found) == list(range(n))
    found = maximal_marginal_relevance(np.array(relevance), draw.random((n, n)), share)
    assert sorted(found) == list(range(n))


def test_what_repeats_the_first_passage_falls() -> None:
    found = rerank(share=0.3)
    assert found.ids == ("a", "c", "b", "d")
    assert {hit.score.kind for hit in found.hits} == {ScoreKind.ORDER}
    assert [hit.score.value for hit in found.hits] == [1.0, 0.5, 1 / 3, 0.25]
    assert rerank(share=1.0).ids == LIST.ids


def test_aspects_take_turns_in_the_order_of_the_alphabet() -> None:
    aspects = {"two": turned(LIST, 3, 2), "one": turned(LIST, 1, 3, 0)}
    context = RunContext()
    found = rerank(method="round_robin", aspects="rankings", rankings=aspects, context=context)
    assert found.ids == ("b", "d", "a", "c")
    assert context.notes == {"aspects": 2}
    assert context.cost.calls == 0


def test_what_only_an_aspect_found_does_not_come_out_and_is_counted() -> None:
    strange = Hit(Passage("z", "z", "zebra", LIST.query.scope), Score(9.0, ScoreKind.BM25, "x"))
    aspect = Ranking(LIST.query, (strange, LIST.hits[2]), "aspect")
    context = RunContext()
    found = rerank(
        method="round_robin", aspects="rankings", rankings={"one": aspect}, context=context
    )
    assert found.ids == ("c", "a", "b", "d")
    assert context.notes == {"aspects": 1, "strangers": 1}


def test_weights_say_which_aspect_matters() -> None:
    aspects = {"one": turned(LIST, 1), "two": turned(LIST, 3)}
    config: dict[str, Any] = {"method": "xquad", "aspects": "rankings", "share": 0.0}
    assert rerank(rankings=aspects, weights={"one": 1.0, "two": 3.0}, **config).ids[0] == "d"
    assert rerank(rankings=aspects, weights={"one": 3.0, "two": 1.0}, **config).ids[0] == "b"


@pytest.mark.parametrize("method", ["round_robin", "xquad"])
def test_wordings_bring_what_each_asks_for_to_the_front(method: str) -> None:
    context = RunContext()
    variants = QueryVariants((asks(1, 0), asks(0, 1)))
    found = rerank(method=method, aspects="wordings", variants=variants, share=0.0, context=context)
    assert len({"a", "b"} & set(found.ids[:2])) == 1  # one of each side
    assert context.notes["aspects"] == 2
    assert (context.cost.calls, context.cost.rounds) == (2 + 4, 2)


def test_no_more_wordings_are_embedded_than_the_config_says() -> None:
    model = ToldVectors()
    config = DiversifyConfig(method="xquad", aspects="wordings", wordings=3)
    node = DiversifyRerank(config, embedder=model)
    variants = QueryVariants(tuple(asks(1, place) for place in range(5)))
    context = RunContext()
    node.run(LIST.query, LIST, context, variants=variants)
    assert model.queries == [[at(1, 0), at(1, 1), at(1, 2)]]
    told = node.estimate(4, Sizes(query=3, passage=3))
    assert (told.calls, told.rounds) == (context.cost.calls, context.cost.rounds)
    assert told.tokens_in == pytest.approx(context.cost.tokens_in, rel=0.15)


def test_one_wording_or_no_aspect_is_no_reason_to_fail() -> None:
    one = rerank(method="xquad", aspects="rankings", rankings={})
    assert one.ids == LIST.ids
    assert rerank(method="round_robin", aspects="rankings", rankings={}).ids == LIST.ids
    empty = {"one": Ranking(LIST.query, (), "aspect")}
    assert rerank(method="xquad", aspects="rankings", rankings=empty).ids == LIST.ids


def test_a_corpus_gives_vectors_for_nothing() -> None:
    corpus = FakeCorpus([hit.passage for hit in hits(A)])
    node, context = DiversifyRerank(DiversifyConfig(), corpus=corpus), RunContext()
    assert sorted(node.run(A, ranked(A), context).ids) == sorted(ranked(A).ids)
    assert context.cost.calls == node.estimate(3, Sizes(10, 10)).calls == 0


def test_a_batch_is_what_runs_are() -> None:
    config = DiversifyConfig(method="xquad", aspects="wordings")
    node = DiversifyRerank(config, embedder=HashEmbedder(HashEmbedderConfig()))
    items: list[dict[str, Any]] = [
        {"query": LIST.query, "ranking": one, "variants": QueryVariants(group)}
        for one, group in (
            (LIST, (asks(1, 0), asks(0, 1))),
            (turned(LIST), (asks(1, 0),)),
            (turned(LIST, 2, 0, 1), (asks(0, 1),)),
        )
    ]
    together = node.run_batch(items, [RunContext() for _ in items])
    assert together == [node.run(**item, context=RunContext()) for item in items]


def test_those_behind_the_depth_follow_as_they_came() -> None:
    assert rerank(depth=1).ids == LIST.ids
    assert shown(rerank(depth=1))[-1] == ("d", 0.25)


def test_ports_and_settings_that_do_not_fit_are_errors() -> None:
    rankings, variants = {"one": LIST}, QueryVariants((LIST.query,))
    cases: list[tuple[dict[str, Any], str]] = [
        ({"rankings": rankings}, "'aspects' is none, but the port 'rankings' is fed"),
        ({"variants": variants}, "'aspects' is none, but the port 'variants' is fed"),
        (
            {"method": "xquad", "aspects": "rankings"},
            "'aspects' is rankings, but the port 'rankings' is not fed",
        ),
        (
            {"method": "xquad", "aspects": "wordings", "rankings": rankings, "variants": variants},
            "'aspects' is wordings, but the port 'rankings' is fed",
        ),
        (
            {
                "method": "xquad",
                "aspects": "rankings",
                "rankings": rankings,
                "weights": {"eins": 1.0},
            },
            "no weight for the ranking 'one'",
        ),
    ]
    for ports, message in cases:
        with pytest.raises(UsageError, match=message):
            rerank(**ports)


def test_the_build_hears_of_rankings_that_are_not_wired() -> None:
    def said_of(names: Mapping[str, Sequence[str]], **config: Any) -> list[str]:
        return DiversifyRerank(DiversifyConfig(**config)).check_ports(names)

    aspects: dict[str, Any] = {"method": "xquad", "aspects": "rankings"}
    assert said_of({}, **aspects) == ["'aspects' is rankings, but the port 'rankings' is not fed"]
    assert said_of({"rankings": ("a",)}) == [
        "'aspects' is none, but 'rankings' is wired: nothing reads it"
    ]
    wrong = said_of({"rankings": ("price", "size")}, **aspects, weights={"prise": 1.0, "size": 1.0})
    assert "did you mean 'price'" in wrong[0]
    assert wrong[1] == "no weight for 'price'"
    assert not said_of({"rankings": ("a", "b")}, **aspects)


def test_an_aspect_of_another_reader_is_refused() -> None:
    secret = Hit(Passage("a", "a", "x", Scope("b")), LIST.hits[0].score)
    aspect = {"one": Ranking(LIST.query, (secret,), "aspect")}
    with pytest.raises(ScopeError, match="the ranking 'one' gave passage 'a'"):
        rerank(method="xquad", aspects="rankings", rankings=aspect)


@pytest.mark.parametrize(
    "config",
    [
        {"method": "xquad"},
        {"method": "mmr", "aspects": "wordings"},
        {"method": "round_robin", "aspects": "rankings", "weights": {"a": 1.0}},
        {"method": "xquad", "aspects": "rankings", "weights": {"a": 0.0}},
    ],
)
def test_settings_that_say_nothing_together_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DiversifyConfig.model_validate(config)
