"""The selector keeps what stands before the elbow; see test_gaps for where that is."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from assay.corpora.corpus import Corpus
from assay.pipeline.errors import UsageError
from assay.stages.select.elbow import Elbow, ElbowConfig
from tests.conformance.samples import Sample, asked
from tests.corpora.doubles import document, started
from tests.words import hit, query, ranking


def sample(corpus: Corpus) -> Sample:
    return Sample(asked(), config={"neighbours": 1, "max_k": 2}, resources={"corpus": corpus})


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
    assert result.reasons["x1"] == "logit 8.9, place 2 of the first 2 (at most 2 are kept)"
    assert result.dropped[0].reason == "logit 8.8, place 3 behind the first 2 (at most 2 are kept)"


def test_the_reason_names_the_drop_that_cut() -> None:
    hits = [hit(f"x{n}", score=score) for n, score in enumerate([9.0, 8.5, 8.0, 1.0, 0.5, 0.0])]
    result = Elbow(ElbowConfig()).run(query(), ranking(*hits))
    assert result.ids == ("x0", "x1", "x2")
    end = ", before a drop of 7 (2 deviations over the mean)"
    assert result.reasons["x0"] == f"logit 9, place 1 of the first 3{end}"
    assert result.dropped[0].reason == f"logit 1, place 4 behind the first 3{end}"


def test_the_fallback_and_the_tolerance_are_the_configs() -> None:
    ranked = ranking(*(hit(f"x{n}", score=score) for n, score in enumerate([0.9, 0.8, 0.1])))
    assert len(Elbow(ElbowConfig()).run(query(), ranked).kept) == 2
    assert len(Elbow(ElbowConfig(fallback="all")).run(query(), ranked).kept) == 3
    assert len(Elbow(ElbowConfig(tolerance=1.0)).run(query(), ranked).kept) == 3


def test_fewer_than_the_least_are_filled_up() -> None:
    ranked = ranking(*(hit(f"x{n}", score=score) for n, score in enumerate([9.0, 1.0, 0.9, 0.8])))
    result = Elbow(ElbowConfig(min_k=3)).run(query(), ranked)
    assert result.ids == ("x0", "x1", "x2")
    assert result.reasons["x2"] == "logit 0.9, place 3 of the first 3 (at least 3 are kept)"


def test_a_least_above_the_most_and_neighbours_without_a_corpus_are_refused(
    tmp_path: Path,
) -> None:
    with pytest.raises(ValidationError, match="'min_k' 3 is above 'max_k' 2"):
        ElbowConfig(min_k=3, max_k=2)
    assert list(Elbow(ElbowConfig(neighbours=1)).prepare(tmp_path))
    assert not list(Elbow(ElbowConfig()).prepare(tmp_path))
    with pytest.raises(UsageError, match="resource 'corpus'"):
        Elbow(ElbowConfig(neighbours=1)).run(query(), ranking(hit("x")))


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
