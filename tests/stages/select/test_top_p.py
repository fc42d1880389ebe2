"""A share of the expected evidence, on probabilities only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.corpus import Corpus
from assay.pipeline import Hit, Ranking, Score, ScoreKind, Selection
from assay.pipeline.errors import UsageError
from assay.stages.select.top_p import TopP, TopPConfig
from tests.conformance.samples import Sample, asked
from tests.stages.select.test_threshold import hit
from tests.words import query, ranking


def sample(corpus: Corpus) -> Sample:
    return Sample(tuple(_probable(item) for item in asked()), config={"p": 0.5})


def _probable(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same with the scores as probabilities."""
    hits = [
        Hit(one.passage, Score(1 / (1 + math.exp(-one.score.value)), ScoreKind.PROBABILITY, "test"))
        for one in item["ranking"].hits
    ]
    return {**item, "ranking": Ranking(item["query"], tuple(hits), "test")}


def run(*values: float, **config: Any) -> Selection:
    hits = [hit(f"p{n}", value) for n, value in enumerate(values)]
    return TopP(TopPConfig(**config)).run(query(), ranking(*hits))


def test_the_shortest_beginning_that_holds_the_share_is_kept() -> None:
    # 1.5 passages are expected; 0.9 of that is 1.35, and .8 + .4 + .2 reach it.
    assert run(0.8, 0.4, 0.2, 0.1, p=0.9).ids == ("p0", "p1", "p2")
    assert run(0.8, 0.4, 0.2, 0.1, p=0.8).ids == ("p0", "p1")
    assert run(0.8, 0.4, 0.2, 0.1, p=1).ids == ("p0", "p1", "p2", "p3")


def test_the_reasons_tell_the_mass() -> None:
    found = run(0.8, 0.4, 0.2, 0.1, p=0.8)
    end = "the first 2 hold 0.8 of the expected evidence (1.5 passages)"
    assert found.reasons["p1"] == f"probability 0.4; {end}"
    assert found.dropped[0].reason == f"probability 0.2; {end}"


def test_nothing_is_kept_where_next_to_nothing_is_expected() -> None:
    assert run(0.0, 0.0).kept == ()
    found = run(0.1, 0.1, least_mass=0.3, min_k=1)
    assert found.kept == ()
    assert found.dropped[0].reason == "probability 0.1; expected evidence 0.2, under 0.3"


def test_the_bounds_and_the_depth_hold() -> None:
    assert len(run(0.9, 0.1, min_k=2).kept) == 2
    assert len(run(0.5, 0.5, 0.5, max_k=1).kept) == 1
    found = run(0.9, 0.8, 0.7, depth=1)
    assert found.ids == ("p0",)
    assert found.dropped[0].reason == "probability 0.8, behind the first 1 that are looked at"


def test_other_kinds_are_refused_at_the_head_and_dropped_behind_it() -> None:
    with pytest.raises(UsageError, match="probability"):
        TopP(TopPConfig()).run(query(), ranking(hit("a", 0.9, ScoreKind.FUSED)))
    both = ranking(hit("a", 0.9), hit("b", 0.9, ScoreKind.FUSED))
    found = TopP(TopPConfig()).run(query(), both)
    assert found.dropped[0].reason == "fused score 0.9, which is no probability"


@given(st.lists(st.floats(0, 1), max_size=15), st.floats(0.01, 1))
def test_the_kept_hold_the_share_and_one_less_would_not(values: list[float], p: float) -> None:
    values = sorted(values, reverse=True)
    size = len(run(*values, p=p).kept)
    goal = p * math.fsum(values)
    assert math.fsum(values[:size]) >= goal - 1e-8
    if size:
        assert math.fsum(values[: size - 1]) <= goal  # equal where both are too small to tell
