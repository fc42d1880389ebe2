"""The model of select.learned as a ranking of probabilities, which other selectors decide on."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.pipeline.context import RunContext
from assay.pipeline.words import Ranking, ScoreKind
from assay.stages.rerank.learned import LearnedRerank
from assay.stages.select.learned import Learned, LearnedConfig
from assay.stages.select.learned_judge import LearnedJudgeConfig
from assay.stages.select.top_p import TopP, TopPConfig
from tests.conformance.samples import Sample, asked
from tests.stages.select.learned_models import drawn_model
from tests.words import hit, query, ranking

pytest.importorskip("safetensors", reason="needs safetensors: pip install 'assay[embedded]'")

FOUND = ranking(*(hit(name, f"The text of {name}.", 9.0 - n) for n, name in enumerate("abcd")))


def folder(depth: int = 20) -> str:
    place = Path(tempfile.mkdtemp()) / "selector"
    drawn_model(depth=depth).save(place)
    return str(place)


def embedder() -> HashEmbedder:
    return HashEmbedder(HashEmbedderConfig(dimension=64))


def sample() -> Sample:
    return Sample(asked(), config={"path": folder()}, resources={"embedder": embedder()})


def rerank(place: str, **config: Any) -> Ranking:
    node = LearnedRerank(LearnedJudgeConfig(path=place, **config), embedder=embedder())
    node.start()
    return node.run(query(), FOUND, RunContext())


def test_hits_come_by_probability_and_are_those_of_the_selector() -> None:
    place = folder()
    found = rerank(place)
    values = [one.score.value for one in found.hits]
    assert values == sorted(values, reverse=True)
    assert {one.score.kind for one in found.hits} == {ScoreKind.PROBABILITY}
    selector = Learned(
        LearnedConfig(path=place, decode="threshold", threshold=0.0), embedder=embedder()
    )
    selector.start()
    kept = selector.run(query(), FOUND, RunContext()).kept
    assert [(one.passage.id, one.score.value) for one in kept] == [
        (one.passage.id, one.score.value) for one in found.hits
    ]


def test_what_stands_behind_the_depth_follows_with_its_own_scores() -> None:
    found = rerank(folder(), depth=2)
    assert sorted(found.ids[:2]) == ["a", "b"]
    assert found.hits[2:] == FOUND.hits[2:]


def test_a_selector_for_probabilities_takes_it_from_there() -> None:
    found = rerank(folder())
    result = TopP(TopPConfig(p=0.5)).run(query(), found)
    assert 0 < len(result.kept) < 4
    assert result.ids == found.ids[: len(result.kept)]
