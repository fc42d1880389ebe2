"""The elbow keeps what stands before the first gap that stands out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.corpus import Corpus
from assay.stages.select.elbow import Elbow, ElbowConfig, elbow
from tests.conformance.samples import Sample, asked
from tests.corpora.doubles import document, started
from tests.words import hit, query, ranking


def sample(corpus: Corpus) -> Sample:
    return Sample(asked(), config={"neighbours": 1, "max_k": 2}, resources={"corpus": corpus})


@pytest.mark.parametrize(
    ("scores", "size"),
    [
        ([0.90, 0.88, 0.86, 0.50, 0.48, 0.47], 3),
        ([0.90, 0.89, 0.85, 0.84, 0.83, 0.60, 0.59], 5),
        ([0.9, 0.5, 0.45, 0.4, 0.38], 1),
        ([0.9, 0.8, 0.7, 0.6, 0.5], 5),  # equal gaps but for rounding noise: no elbow
        ([0.9, 0.7, 0.5], 3),
        ([0.9], 1),
        ([], 0),
    ],
)
def test_worked_examples(scores: list[float], size: int) -> None:
    assert elbow(scores) == size


@given(
    st.lists(st.integers(0, 1000), min_size=0, max_size=30),
    st.integers(1, 8),
    st.integers(-1000, 1000),
)
def test_the_elbow_does_not_move_under_scaling_and_shifting(
    raw: list[int], scale: int, shift: int
) -> None:
    scores = [float(value) for value in sorted(raw, reverse=True)]
    assert elbow(scores) == elbow([scale * value + shift for value in scores])


@given(st.lists(st.floats(-10, 10), max_size=30))
def test_the_elbow_lies_inside_the_list(raw: list[float]) -> None:
    scores = sorted(raw, reverse=True)
    assert min(1, len(scores)) <= elbow(scores) <= len(scores)


@pytest.fixture
def corpus(tmp_path: object) -> Corpus:
    text = "\n\n".join(f"Paragraph {n} " + "word " * 30 for n in range(5))
    return started(tmp_path, [document("d", text)], max_words=40)  # type: ignore[arg-type]


def test_the_selection_is_bounded_and_tells_what_it_dropped(corpus: Corpus) -> None:
    node = Elbow(ElbowConfig(max_k=2), corpus=corpus)
    hits = [hit(f"x{n}", score=score) for n, score in enumerate([9.0, 8.9, 8.8, 1.0])]
    result = node.run(query(), ranking(*hits))
    assert result.ids == ("x0", "x1")
    assert [one.hit.passage.id for one in result.dropped] == ["x2", "x3"]
    assert "elbow" in result.dropped[0].reason


def test_an_empty_ranking_gives_an_empty_selection(corpus: Corpus) -> None:
    assert Elbow(ElbowConfig(min_k=2), corpus=corpus).run(query(), ranking()).kept == ()


def test_neighbours_stand_behind_the_hit_that_brought_them_and_carry_its_score(
    corpus: Corpus,
) -> None:
    found = corpus.search_bm25(query("Paragraph 2"), 1)[0]
    result = Elbow(ElbowConfig(max_k=1, neighbours=1), corpus=corpus).run(query(), ranking(found))
    assert len(result.kept) == 3
    assert result.kept[0] == found
    assert {one.score for one in result.kept} == {found.score}
    positions = [one.passage.position for one in result.kept[1:]]
    assert positions == [found.passage.position - 1, found.passage.position + 1]
