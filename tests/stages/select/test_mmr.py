"""What is relevant and unlike what is kept, cut by number or by value."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.corpus import Corpus
from assay.pipeline import Hit, Ranking, RunContext, Score, ScoreKind, Selection
from assay.pipeline.errors import UsageError
from assay.stages.rerank.diversify import DiversifyConfig, DiversifyRerank
from assay.stages.rerank.diversity import marginal_relevances
from assay.stages.select.mmr import Mmr, MmrConfig
from tests.conformance.samples import Sample, asked
from tests.stages.rerank.told_vectors import ToldVectors, asks, at, said

TWINS = said(at(1, 0), at(1, 0), at(0, 1), query=asks(1, 0))
"""The second says what the first says; the third is about something else."""


def sample(corpus: Corpus) -> Sample:
    return Sample(asked(), config={"max_k": 1}, resources={"corpus": corpus})


def probable(*values: float, of: Ranking = TWINS) -> Ranking:
    return Ranking(
        of.query,
        tuple(
            Hit(hit.passage, Score(value, ScoreKind.PROBABILITY, "test"))
            for hit, value in zip(of.hits, values, strict=True)
        ),
        "test",
    )


def run(ranking: Ranking = TWINS, **config: Any) -> Selection:
    node = Mmr(MmrConfig(**config), embedder=ToldVectors())
    return node.run(ranking.query, ranking, RunContext())


def test_a_twin_gives_way_to_what_is_new() -> None:
    assert run(max_k=2).ids == ("a", "c")


def test_a_floor_cuts_where_a_passage_adds_too_little() -> None:
    # Halves: a .5; then c .25 - 0 = .25 and b .45 - .5 = -.05.
    found = run(probable(1.0, 0.9, 0.5), scheme=None, floor=0.1, max_k=None)
    assert found.ids == ("a", "c")
    assert found.reasons["a"] == "marginal value 0.5, at least 0.1: relevance 1"
    assert found.reasons["c"] == (
        "marginal value 0.25, at least 0.1: relevance 0.5, likeness 0 to a"
    )
    assert found.dropped[0].reason == (
        "marginal value -0.05, below 0.1: relevance 0.9, likeness 1 to a"
    )
    assert run(probable(0.1, 0.1, 0.1), scheme=None, floor=0.1).kept == ()


def test_the_bounds_say_that_they_decided() -> None:
    found = run(probable(1.0, 0.9, 0.5), scheme=None, floor=0.3, min_k=2)
    assert found.reasons["c"].endswith("(at least 2 are kept)")
    found = run(probable(1.0, 0.9, 0.5), scheme=None, max_k=1)
    assert found.dropped[0].reason.endswith("(at most 1 are kept)")
    assert run(depth=1).dropped[1].reason == "place 3, behind the first 1 that are looked at"


def test_scores_that_are_no_relevances_need_a_scheme() -> None:
    with pytest.raises(UsageError, match="set 'scheme'"):
        run(scheme=None)  # the scores are 0, -1, -2


def test_vectors_come_from_one_place(tmp_path: Any) -> None:
    assert list(Mmr(MmrConfig()).prepare(tmp_path))
    assert not list(Mmr(MmrConfig(), embedder=ToldVectors()).prepare(tmp_path))


def test_the_order_is_that_of_the_reranker() -> None:
    reranker = DiversifyRerank(DiversifyConfig(), embedder=ToldVectors())
    asked_for = reranker.run(TWINS.query, TWINS, RunContext())
    assert run(max_k=None).ids == asked_for.ids


def test_queries_of_a_batch_each_get_what_they_would_get_alone() -> None:
    node = Mmr(MmrConfig(max_k=2), embedder=ToldVectors())
    other = said(at(0, 1), at(1, 1), query=asks(0, 1))
    items = [{"query": one.query, "ranking": one} for one in (TWINS, other)]
    found = node.run_batch(items, [RunContext(), RunContext()])
    assert found == [node.run(one.query, one, RunContext()) for one in (TWINS, other)]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=10), st.floats(0, 1))
def test_values_never_rise_along_the_order(raw: list[tuple[float, float]], share: float) -> None:
    relevance = np.array([one for one, _ in raw])
    places = np.array([other for _, other in raw])
    order = marginal_relevances(relevance, 1 - abs(places[:, None] - places[None]), share)
    values = [one.value for one in order]
    assert all(right <= left + 1e-12 for left, right in pairwise(values))
    assert sorted(one.place for one in order) == list(range(len(raw)))
