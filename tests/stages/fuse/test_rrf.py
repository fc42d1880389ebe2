from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from assay.stages.fuse.rrf import Rrf, RrfConfig

LOCAL = Scope("local")


def ranking(ids: list[str], scope: Scope = LOCAL) -> Ranking:
    hits = tuple(
        Hit(Passage(name, name, name, scope), Score(-float(rank), ScoreKind.LOGIT, "test"))
        for rank, name in enumerate(ids)
    )
    return Ranking(Query("q", scope), hits, "test")


def test_scores_are_sums_of_reciprocal_ranks() -> None:
    fused = Rrf(RrfConfig()).run({"a": ranking(["x", "y"]), "b": ranking(["y", "z"])})
    assert fused.ids == ("y", "x", "z")
    assert [hit.score.value for hit in fused.hits] == [1 / 62 + 1 / 61, 1 / 61, 1 / 62]
    assert fused.hits[0].score.kind is ScoreKind.RRF


def test_weights_belong_to_names() -> None:
    rankings = {"a": ranking(["x"]), "b": ranking(["y"])}
    assert Rrf(RrfConfig(weights={"a": 1.0, "b": 2.0})).run(rankings).ids == ("y", "x")
    assert Rrf(RrfConfig(weights={"a": 2.0, "b": 1.0})).run(rankings).ids == ("x", "y")


def test_ties_go_to_the_better_best_rank_then_to_the_id() -> None:
    # With k = 0: u has 1/2 + 1/2 = 1, v has 1 from one first place.
    fused = Rrf(RrfConfig(k=0)).run({"a": ranking(["v", "u"]), "b": ranking(["t", "u"])})
    assert fused.ids == ("t", "v", "u")


def test_depth_is_the_length_of_the_result() -> None:
    assert Rrf(RrfConfig(depth=1)).run({"a": ranking(["x", "y"])}).ids == ("x",)


def test_weights_must_name_the_inputs() -> None:
    node = Rrf(RrfConfig(weights={"dense": 1.0, "spare": 1.0}))
    problems = node.check_ports({"rankings": ["dense", "sparse"]})
    assert problems == [
        "weight for 'spare', which is no input; did you mean 'sparse'?",
        "no weight for the input 'sparse'; weigh every input or none",
    ]
    assert node.check_ports({"rankings": ["dense", "spare"]}) == []
    assert node.run({"dense": ranking(["x"])}).ids == ("x",)  # 'spare' was left out of this run
    with pytest.raises(UsageError, match="no weight for the input 'more'"):
        node.run({"dense": ranking(["x"]), "more": ranking(["y"])})


def test_weights_are_positive() -> None:
    with pytest.raises(ValidationError):
        RrfConfig(weights={"a": 0.0})


def test_rankings_of_different_readers_are_not_joined() -> None:
    with pytest.raises(UsageError, match="different readers"):
        Rrf(RrfConfig()).run({"a": ranking(["x"]), "b": ranking(["y"], Scope("other"))})


lists = st.lists(st.sampled_from("abcdefgh"), unique=True)


@given(st.dictionaries(st.sampled_from(["one", "two", "three"]), lists, min_size=1), st.randoms())
def test_the_order_of_the_inputs_does_not_matter(
    found: dict[str, list[str]], random: object
) -> None:
    names = list(found)
    random.shuffle(names)  # type: ignore[attr-defined]
    node = Rrf(RrfConfig())
    forward = node.run({name: ranking(found[name]) for name in sorted(found)})
    assert node.run({name: ranking(found[name]) for name in names}) == forward
    assert set(forward.ids) == {name for ids in found.values() for name in ids}
    values = [hit.score.value for hit in forward.hits]
    assert values == sorted(values, reverse=True)


@given(lists)
def test_a_single_ranking_keeps_its_order(ids: list[str]) -> None:
    assert Rrf(RrfConfig()).run({"only": ranking(ids)}).ids == tuple(ids)
