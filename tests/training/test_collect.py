"""What a node is given, with labels, by running only what comes before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assay.corpora.dataset import Dataset, load
from assay.corpora.local import LocalCorpus
from assay.pipeline import Pipeline, build
from assay.pipeline.errors import DataError, UsageError
from assay.training.collect import collect
from tests.evaluation.search.small import lay

PIPELINE = """assay: 1
name: joined
resources:
  corpus: {use: corpora.local@1, config: {path: index}}
  judge: {use: models.overlap_cross_encoder@1}
nodes:
  sparse: {use: retrieve.bm25@1, config: {k: 5}, resources: {corpus: corpus}, inputs: {query: query}}
  few: {use: retrieve.bm25@1, config: {k: 2}, resources: {corpus: corpus}, inputs: {query: query}}
  fused: {use: fuse.rrf@1, inputs: {rankings: {long: sparse, short: few}}}
  chosen: {use: select.top_k@1, config: {k: 1}, inputs: {query: query, ranking: fused}}
  gate: {use: abstain.evidence@1, config: {kind: rrf}, inputs: {selection: chosen}}
  quoted:
    use: generate.extractive@1
    resources: {model: judge}
    inputs: {query: query, selection: gate}
output: quoted
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache.sqlite"))
    lay(tmp_path)
    (tmp_path / "joined.yaml").write_text(PIPELINE)
    corpus = build(tmp_path / "joined.yaml").resources["corpus"]
    assert isinstance(corpus, LocalCorpus)
    corpus.index(load(tmp_path / "set").documents, skipped={}, progress=lambda *_: None)
    return tmp_path


@pytest.fixture
def pipeline(place: Path) -> Iterator[Pipeline]:
    made = build(place / "joined.yaml")
    yield made
    made.close()


@pytest.fixture
def data(place: Path) -> Dataset:
    return load(place / "set")


def test_a_selector_is_given_what_it_is_given_in_a_run(pipeline: Pipeline, data: Dataset) -> None:
    found = collect(pipeline, "chosen", data)
    assert len(found) == len(data.queries)
    one = found[3]
    assert list(one.rankings) == ["ranking"]
    assert one.rankings["ranking"].query.id == "q03"
    assert one.needed == {"d3"}
    assert (one.group, one.cluster) == ("set", "c1")
    with build(pipeline.base / "joined.yaml") as whole:
        record = whole.run(one.rankings["ranking"].query).to_json()
    ran = [entry["id"] for entry in record["stages"]["fused"]["passages"]]
    assert list(one.rankings["ranking"].ids) == ran


def test_the_rankings_of_a_joined_port_have_their_names_in_the_file(
    pipeline: Pipeline, data: Dataset
) -> None:
    found = collect(pipeline, "fused", data)
    assert [len(found[0].rankings[name].hits) for name in ("long", "short")] == [5, 2]


def test_what_comes_after_the_node_is_neither_loaded_nor_run(
    pipeline: Pipeline, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object) -> None:
        raise AssertionError("the judge was started")

    monkeypatch.setattr(type(pipeline.resources["judge"]), "start", fail)
    assert collect(pipeline, "chosen", data)


def test_a_started_pipeline_stays_started(pipeline: Pipeline, data: Dataset) -> None:
    pipeline.start()
    first = collect(pipeline, "chosen", data)
    assert collect(pipeline, "chosen", data) == first
    assert pipeline.run(first[0].rankings["ranking"].query).outcome


def test_questions_without_an_answer_have_nothing_relevant_and_unjudged_ones_are_counted(
    pipeline: Pipeline, data: Dataset
) -> None:
    queries = list(data.queries)
    queries[0] = replace(queries[0], answerable=False, answers=())
    qrels = {name: one for name, one in data.qrels.items() if name not in ("q00", "q01")}
    told: list[str] = []
    found = collect(
        pipeline, "chosen", replace(data, queries=tuple(queries), qrels=qrels), say=told.append
    )
    assert [one.rankings["ranking"].query.id for one in found[:2]] == ["q00", "q02"]
    assert found[0].needed == frozenset()
    assert told == ["1 of 30 questions of 'set' have no judgements and are left out"]


def test_questions_that_do_not_reach_the_node_are_counted_with_the_reason(
    place: Path, data: Dataset
) -> None:
    text = PIPELINE.replace(
        "inputs: {query: query, ranking: fused}}",
        "inputs: {query: query, ranking: fused}, when: few.size > 3}",
    )
    (place / "never.yaml").write_text(text)
    told: list[str] = []
    with (
        build(place / "never.yaml") as never,
        pytest.raises(DataError, match="no labelled question of 'set' reached the node 'chosen'"),
    ):
        collect(never, "chosen", data, say=told.append)
    assert told == [
        "30 questions did not reach 'chosen' and are left out: No node answered: condition"
        " 'few.size > 3' does not hold."
    ]


def test_a_duplicate_counts_as_the_passage_that_stands_for_it(place: Path, data: Dataset) -> None:
    made = build(place / "joined.yaml")
    corpus = made.resources["corpus"]
    assert isinstance(corpus, LocalCorpus)
    cut = [replace(one, whole=False) for one in data.documents]
    corpus.index([*cut, replace(cut[4], id="z")], skipped={}, progress=lambda *_: None)
    found = collect(made, "chosen", replace(data, qrels={"q04": {"z#0": 2, "d5#0": 0}}))
    made.close()
    assert [one.grades for one in found] == [{"d4#0": 2, "d5#0": 0}]


def test_a_corpus_without_the_needed_passages_is_an_error(
    pipeline: Pipeline, data: Dataset
) -> None:
    wrong = replace(data, qrels={"q00": {"strange": 1}})
    with pytest.raises(DataError, match="lacks, such as 'strange': index the set first"):
        collect(pipeline, "chosen", wrong)


def test_a_needed_passage_that_cannot_be_indexed_stays_needed(
    pipeline: Pipeline, data: Dataset
) -> None:
    empty = replace(data, qrels={"q00": {"d0": 1, "blank": 1}}, skipped={"blank": "empty"})
    (found,) = collect(pipeline, "chosen", empty)
    assert found.needed == {"d0", "blank"}


def test_a_node_that_fails_is_an_error_that_names_it(pipeline: Pipeline, data: Dataset) -> None:
    queries = (replace(data.queries[0], meta={"where": "year >="}), *data.queries[1:])
    with pytest.raises(DataError, match="question 'q00' of 'set': node 'sparse' failed"):
        collect(pipeline, "chosen", replace(data, queries=queries))


@pytest.mark.parametrize(
    ("node", "said"),
    [("chosn", "has no node 'chosn'; did you mean 'chosen'"), ("gate", "is given no ranking")],
)
def test_a_node_that_takes_no_ranking_is_refused(
    pipeline: Pipeline, data: Dataset, node: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        collect(pipeline, node, data)
