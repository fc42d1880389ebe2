"""A threshold meets scores of its own kind only, and may keep nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.corpora.corpus import Corpus
from assay.pipeline import Hit, Score, ScoreKind, Selection
from assay.pipeline.builder import build_text
from assay.pipeline.errors import BuildError, UsageError
from assay.stages.select.threshold import Threshold, ThresholdConfig
from tests.conformance.samples import INNER, Sample, asked
from tests.words import passage, query, ranking


def sample(corpus: Corpus) -> Sample:
    return Sample(asked(), config={"kind": "logit", "threshold": 0.0})


def hit(name: str, value: float, kind: ScoreKind = ScoreKind.PROBABILITY) -> Hit:
    return Hit(passage(name, "A text."), Score(value, kind, "test"))


def run(*hits: Hit, threshold: float = 0.5, kind: str = "probability", **more: int) -> Selection:
    config = ThresholdConfig.model_validate({"kind": kind, "threshold": threshold, **more})
    return Threshold(config).run(query(), ranking(*hits))


def test_what_reaches_the_threshold_is_kept_and_every_reason_has_its_figure() -> None:
    found = run(hit("a", 0.83), hit("b", 0.5), hit("c", 0.499))
    assert found.ids == ("a", "b")
    assert found.reasons["a"] == "probability 0.83, at least 0.5"
    assert found.dropped[0].reason == "probability 0.499, below 0.5"


def test_it_may_keep_nothing() -> None:
    assert run(hit("a", 0.4)).kept == ()


def test_the_least_and_the_most_say_that_they_decided() -> None:
    found = run(hit("a", 0.4), hit("b", 0.3), min_k=1)
    assert found.reasons == {"a": "probability 0.4, below 0.5 (at least 1 are kept)"}
    found = run(hit("a", 0.9), hit("b", 0.8), max_k=1)
    assert found.dropped[0].reason == "probability 0.8, at least 0.5 (at most 1 are kept)"


def test_another_kind_is_refused_and_one_behind_the_best_is_dropped() -> None:
    with pytest.raises(UsageError, match="needs scores of kind 'probability', found 'logit'"):
        run(hit("a", 4.0, ScoreKind.LOGIT))
    found = run(hit("a", 0.9), hit("b", 0.8, ScoreKind.RRF))
    assert found.ids == ("a",)
    assert found.dropped[0].reason == "RRF 0.8 is not of the kind that is compared"


def test_kind_and_threshold_are_asked_for() -> None:
    with pytest.raises(ValidationError, match="kind"):
        ThresholdConfig.model_validate({"threshold": 0.5})
    with pytest.raises(ValidationError, match="threshold"):
        ThresholdConfig.model_validate({"kind": "logit"})


@pytest.mark.parametrize(
    "node",
    ["select.threshold@1, config: {kind: probability, threshold: 0.5}", "select.top_p@1"],
)
def test_the_build_refuses_a_kind_that_its_input_never_has(node: str, tmp_path: Path) -> None:
    text = INNER.replace("select.top_k@1", node)
    with pytest.raises(BuildError, match="compares scores of kind 'probability'; those of 'found'"):
        build_text(text, name="cut.yaml", base=tmp_path)
    right = text.replace("kind: probability", "kind: bm25")
    if right != text:
        assert build_text(right, name="cut.yaml", base=tmp_path)


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_keeps_more(values: list[float], one: float, two: float) -> None:
    hits = [hit(f"p{n}", value) for n, value in enumerate(sorted(values, reverse=True))]
    low, high = sorted((one, two))
    assert set(run(*hits, threshold=high).ids) <= set(run(*hits, threshold=low).ids)
