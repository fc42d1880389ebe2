from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.labels import labels_of_passage
from assay.corpora.where import filter_of
from assay.pipeline import build_text
from assay.pipeline.context import RunContext
from assay.pipeline.errors import BuildError
from assay.pipeline.words import Hit, Ranking, Score, ScoreKind
from assay.stages.filter.metadata import Metadata, MetadataConfig
from tests.stages.retrieve.zoo import PASSAGES, ask, zoo

FILE = """
assay: 1
name: zoo
resources:
  corpus: {use: given}
  judge: {use: models.overlap_cross_encoder@1}
nodes:
  found: {use: retrieve.bm25@1, resources: {corpus: corpus}, inputs: {query: query}}
  good:
    use: filter.metadata@1
    config: {where: "legs = 4"}
    inputs: {ranking: found}
  kept: {use: select.top_k@1, inputs: {query: query, ranking: good}}
  sure: {use: abstain.evidence@1, config: {kind: bm25, threshold: 0.1}, inputs: {selection: kept}}
  said: {use: generate.extractive@1, resources: {model: judge}, inputs: {query: query, selection: sure}}
output: said
"""


def ranking() -> Ranking:
    hits = tuple(
        Hit(one, Score(-float(rank), ScoreKind.LOGIT, "first"))
        for rank, one in enumerate(PASSAGES)
        if one.scope.tenant == "zoo"
    )
    return Ranking(ask("x"), hits, "first")


def kept(where: str, context: RunContext | None = None) -> Ranking:
    return Metadata(MetadataConfig(where=where)).run(ranking(), context or RunContext())


def test_hits_for_which_the_filter_holds_stay_as_they_are() -> None:
    context = RunContext()
    found = kept("legs >= 4 or document = 'bat'", context)
    assert found.ids == ("cat#0", "cat#1", "bat#0")
    assert found.hits == tuple(hit for hit in ranking().hits if hit.passage.id in found.ids)
    assert (found.query, found.source) == (ranking().query, "first")
    assert context.notes == {"kept": 3, "dropped": len(ranking().hits) - 3}


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("date >= 2021-01-01", ("bat#0",)),
        ("date < 2021-01-01", ("cat#0", "cat#1")),
        ("title = 'Cats'", ("cat#0", "cat#1")),
        ("title = 'Birds'", ("owl#0", "owl#1", "owl#2", "owl#3")),
        ("legs is null", ("bat#0",)),
        ("legs = 2 and not document = 'owl'", ()),
    ],
)
def test_it_sees_labels_and_what_the_document_says(where: str, ids: tuple[str, ...]) -> None:
    assert kept(where).ids == ids


def test_it_holds_where_the_search_s_own_filter_holds() -> None:
    corpus = zoo()
    query = ask("the owl or cat or bat or keeper sleeps at night in a barn")
    whole = Ranking(query, tuple(corpus.search_bm25(query, 99)), "first")
    for where in ("legs = 2", "title = 'Cats'", "document in ('cat', 'bat')", "date is not null"):
        inside = corpus.search_bm25(query, 99, where=filter_of(where))
        after = Metadata(MetadataConfig(where=where)).run(whole, RunContext())
        assert list(after.hits) == list(inside) != []


@given(st.sampled_from(["legs = 2", "not legs = 2", "legs in (0, 4)", "document < 'c'"]))
def test_it_keeps_exactly_what_holds_in_order(where: str) -> None:
    wanted = filter_of(where)
    assert wanted is not None
    ids = [one.passage.id for one in ranking().hits if wanted.holds(labels_of_passage(one.passage))]
    assert list(kept(where).ids) == ids


def test_an_empty_ranking_stays_empty() -> None:
    node = Metadata(MetadataConfig(where="a = 1"))
    assert node.run(Ranking(ask("x"), (), "first"), RunContext()).hits == ()


@pytest.mark.parametrize("where", ["legs =", " ", "legs = 4 and"])
def test_a_bad_filter_is_a_build_error_at_its_line(where: str) -> None:
    text = FILE.replace("legs = 4", where)
    with pytest.raises(BuildError, match=r"filter\.metadata@1: 'where'") as caught:
        build_text(text, name="zoo.yaml", base=Path(), resources={"corpus": zoo()})
    assert [one.line for one in caught.value.problems] == [11]


def test_it_hands_on_the_kinds_of_what_it_takes() -> None:
    with build_text(FILE, name="x", base=Path(), resources={"corpus": zoo()}) as pipeline:
        record = pipeline.run(ask("who hunts mice"))
    assert record.kind == "answered"
    assert record.stages["good"]["notes"] == {"kept": 1, "dropped": 1}
    with pytest.raises(BuildError, match=r"kind 'logit'; those of 'kept' are bm25 or rrf"):
        build_text(
            FILE.replace("kind: bm25", "kind: logit"),
            name="x",
            base=Path(),
            resources={"corpus": zoo()},
        )
