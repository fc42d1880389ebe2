"""Rankings that are changed inside a pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.dataset import to_query
from assay.evaluation.suites.ranking_change import (
    RankingChange,
    changed,
    with_changed_rankings,
)
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from tests.evaluation.suites.small import index, loader, towns, write_pipeline

QUERY = Query("which?", Scope("local"), id="q")


def ranking(*names: str) -> Ranking:
    return Ranking(
        QUERY,
        tuple(
            Hit(Passage(name, name, f"text of {name}", Scope("local")), score(10.0 - place))
            for place, name in enumerate(names)
        ),
        "found",
    )


def score(value: float) -> Score:
    return Score(value, ScoreKind.BM25, "found")


@given(
    st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8),
    st.sets(st.sampled_from("abcdefgh")),
    st.permutations(range(5)),
    st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from("abcdefgh")),
        max_size=3,
        unique_by=lambda one: one[1],
    ),
)
def test_a_changed_ranking_holds_each_passage_once_and_its_scores_fall(
    names: list[str], gone: set[str], order: list[int], insert: list[tuple[int, str]]
) -> None:
    before = ranking(*names)
    inside = tuple((place, name) for place, name in insert if name in set(names) - gone)
    change = RankingChange(remove=tuple(gone), insert=inside, order=tuple(order))
    after = changed(before, change, None if not inside else _Never())  # type: ignore[arg-type]
    assert sorted(after.ids) == sorted(set(names) - gone)
    values = [hit.score.value for hit in after.hits]
    assert values == sorted(values, reverse=True)


class _Never:
    """A corpus that nothing is asked of: what is put in is in the ranking already."""


def test_each_change_does_what_it_says() -> None:
    before = ranking("a", "b", "c", "d")
    assert changed(before, RankingChange(), None) == before
    assert changed(before, RankingChange(remove=("b",)), None).ids == ("a", "c", "d")
    assert changed(before, RankingChange(order=(2, 0, 1)), None).ids == ("c", "a", "b", "d")
    moved = changed(before, RankingChange(insert=((0, "d"),)), _Never())  # type: ignore[arg-type]
    assert moved.ids == ("d", "a", "b", "c")
    assert moved.hits[0].score.value == 10.0
    empty = changed(ranking(), RankingChange(order=(1, 0), insert=((0, "a"),)), None)
    assert empty.ids == ()


def test_passages_are_put_in_only_from_a_corpus() -> None:
    with pytest.raises(UsageError, match="from one corpus"):
        changed(ranking("a"), RankingChange(insert=((0, "z"),)), None)


def test_a_pipeline_answers_from_the_changed_ranking_one_by_one_and_in_batches(
    tmp_path: Path,
) -> None:
    data, path = towns(), write_pipeline(tmp_path)
    index(path, data)
    query = to_query(data.queries[0])
    other = to_query(data.queries[2])
    with loader(path)(()) as pipeline:
        corpus = pipeline.resources["corpus"]
        change = RankingChange(remove=("aldermoor",), insert=((0, "fernleigh"),))
        disturbed = with_changed_rankings(pipeline, "found", {query.id: change}, corpus)
        alone = disturbed.run(query).to_json()
        batch = [one.to_json() for one in disturbed.batch([query, other])]
        for record in (alone, batch[0]):
            assert record["stages"]["chosen"]["kept"] == ["fernleigh"]
            assert record["stages"]["found"]["passages"][0]["id"] == "fernleigh"
            assert "aldermoor" not in str(record["stages"])
        assert batch[1]["stages"]["chosen"]["kept"] == ["brackenfell"]
        assert pipeline.run(query).to_json()["stages"]["chosen"]["kept"] == ["aldermoor"]
        with pytest.raises(UsageError, match="did you mean 'found'"):
            with_changed_rankings(pipeline, "foundd", {}, corpus)
