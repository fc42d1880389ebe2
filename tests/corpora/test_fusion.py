from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.fusion import (
    LOWEST,
    Scheme,
    interleaved,
    joint_query,
    normalised,
    reciprocal_rank_fusion,
    weighted_fusion,
)
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind

LOCAL = Scope("local")
ASKED = Query("q", LOCAL)
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)


def scored(
    scores: Mapping[str, float] | Sequence[float], kind: ScoreKind = ScoreKind.BM25
) -> Ranking:
    named = (
        scores if isinstance(scores, Mapping) else {f"p{n}": one for n, one in enumerate(scores)}
    )
    hits = (
        Hit(Passage(name, name, name, LOCAL), Score(value, kind, "test"))
        for name, value in named.items()
    )
    return Ranking(ASKED, tuple(hits), "test")


def values(fused: Ranking) -> dict[str, float]:
    return {hit.passage.id: hit.score.value for hit in fused.hits}


def test_each_scheme_gives_the_numbers_of_its_formula() -> None:
    ranking = scored([4.0, 2.0, 0.0])
    deviation = math.sqrt(8 / 3)
    powers = [math.exp(2 / deviation), 1.0, math.exp(-2 / deviation)]
    assert normalised(ranking, "min_max") == [1.0, 0.5, 0.0]
    assert normalised(ranking, "z_score") == pytest.approx(
        [1 / (1 + math.exp(-2 / deviation)), 0.5, 1 / (1 + math.exp(2 / deviation))]
    )
    assert normalised(ranking, "softmax") == pytest.approx([one / sum(powers) for one in powers])
    assert normalised(ranking, "rank") == pytest.approx([1.0, 2 / 3, 1 / 3])


def test_the_theoretical_scheme_begins_at_the_least_value_of_the_kind() -> None:
    assert normalised(scored([4.0, 3.0, 2.0]), "theoretical") == [1.0, 0.75, 0.5]
    near = scored([0.6, 0.2], ScoreKind.COSINE)
    assert normalised(near, "theoretical") == pytest.approx([1.0, 1.2 / 1.6])


@pytest.mark.parametrize("kind", [kind for kind in ScoreKind if kind not in LOWEST])
def test_a_kind_without_a_least_value_is_refused_by_name(kind: ScoreKind) -> None:
    with pytest.raises(UsageError, match=rf"ranking 'b'.*'{kind}'.*min_max"):
        weighted_fusion(
            ASKED,
            {"a": scored([1.0]), "b": scored([-1.0], kind)},
            scheme="theoretical",
            source="t",
        )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_head_that_was_rescored_is_normalised_alone(scheme: Scheme) -> None:
    """Logits of 2 and -9 before scores near 0 would lift the tail above the second hit."""
    kind = ScoreKind.COSINE if scheme == "theoretical" else ScoreKind.LOGIT
    head = scored({"a": 0.9, "b": -0.9}, kind)
    tail = scored({"c": 0.016, "d": 0.015}, ScoreKind.RRF)
    found = normalised(Ranking(ASKED, head.hits + tail.hits, "test"), scheme)
    if scheme == "rank":
        assert found == [1.0, 0.75, 0.5, 0.25]
    else:
        assert found == [*normalised(head, scheme), 0.0, 0.0]


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [("min_max", 1.0), ("z_score", 0.5), ("theoretical", 1.0), ("softmax", 0.5), ("rank", None)],
)
def test_equal_scores_have_the_stated_value(scheme: Scheme, expected: float | None) -> None:
    found = normalised(scored([3.0, 3.0]), scheme)
    assert found == ([1.0, 0.5] if expected is None else [expected, expected])


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [("min_max", 1.0), ("z_score", 0.5), ("theoretical", 1.0), ("softmax", 1.0), ("rank", 1.0)],
)
def test_one_hit_has_the_stated_value(scheme: Scheme, expected: float) -> None:
    assert normalised(scored([3.0]), scheme) == [expected]
    assert normalised(scored([]), scheme) == []


def test_scores_at_the_bound_of_their_kind_are_worth_nothing() -> None:
    assert normalised(scored([0.0, 0.0]), "theoretical") == [0.0, 0.0]


any_scores = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=8)


@given(any_scores, st.sampled_from([one for one in SCHEMES if one != "theoretical"]))
def test_no_scores_leave_the_scale_or_change_their_order(
    scores: list[float], scheme: Scheme
) -> None:
    scores = sorted(scores, reverse=True)
    found = normalised(scored(scores, ScoreKind.LOGIT), scheme)
    assert len(found) == len(scores)
    assert all(0.0 <= one <= 1.0 for one in found)
    assert found == sorted(found, reverse=True)


@given(any_scores.filter(bool), st.floats(0.01, 100), st.floats(-100, 100))
def test_unit_and_origin_of_scores_do_not_matter(
    scores: list[float], unit: float, origin: float
) -> None:
    scores = [round(max(-1e6, min(1e6, one)), 3) for one in scores]
    moved = [unit * one + origin for one in scores]
    for scheme in ("min_max", "z_score", "softmax"):
        assert normalised(scored(moved, ScoreKind.LOGIT), scheme) == pytest.approx(
            normalised(scored(scores, ScoreKind.LOGIT), scheme), abs=1e-3
        )


def test_a_weighted_score_is_the_weighted_mean_with_0_for_what_is_missing() -> None:
    fused = weighted_fusion(
        ASKED,
        {"a": scored({"x": 4.0, "y": 2.0, "z": 0.0}), "b": scored({"y": 9.0, "u": 1.0})},
        scheme="min_max",
        source="t",
        weights={"a": 3.0, "b": 1.0},
    )
    assert fused.ids == ("x", "y", "u", "z")
    assert values(fused) == {"x": 0.75, "y": 0.625, "u": 0.0, "z": 0.0}
    assert {hit.score.kind for hit in fused.hits} == {ScoreKind.FUSED}


def test_rankings_can_have_schemes_of_their_own() -> None:
    fused = weighted_fusion(
        ASKED,
        {"a": scored({"x": 4.0, "y": 2.0}), "b": scored({"y": 0.5, "x": 0.4}, ScoreKind.COSINE)},
        scheme={"a": "theoretical", "b": "min_max"},
        source="t",
    )
    assert values(fused) == {"y": 0.75, "x": 0.5}


def test_an_empty_ranking_keeps_its_weight_and_the_order_of_the_others() -> None:
    fused = weighted_fusion(
        ASKED, {"a": scored([2.0, 1.0]), "b": scored([])}, scheme="min_max", source="t"
    )
    assert values(fused) == {"p0": 0.5, "p1": 0.0}


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e308])
def test_only_the_ratio_of_weights_counts(size: float) -> None:
    rankings = {"a": scored({"x": 2.0, "y": 1.0}), "b": scored({"y": 2.0, "x": 1.0})}
    fused = weighted_fusion(
        ASKED, rankings, scheme="min_max", source="t", weights={"a": size, "b": size / 4}
    )
    assert values(fused) == pytest.approx({"x": 0.8, "y": 0.2})


def test_turns_are_taken_and_what_was_taken_is_skipped() -> None:
    # The second turn of 'one' takes c, for b is taken already.
    rankings = {"one": scored({"a": 3, "b": 2, "c": 1}), "two": scored({"b": 2, "d": 1})}
    assert interleaved(ASKED, rankings, source="t").ids == ("a", "b", "c", "d")
    assert interleaved(ASKED, rankings, first="two", source="t").ids == ("b", "a", "d", "c")


def test_several_rankings_take_turns_in_the_order_of_the_alphabet_after_the_first() -> None:
    rankings = {name: scored({f"{name}{n}": 9 - n for n in range(2)}) for name in "cab"}
    fused = interleaved(ASKED, rankings, first="b", source="t")
    assert fused.ids == ("b0", "a0", "c0", "b1", "a1", "c1")


def test_an_interleaved_score_says_the_place_and_nothing_else() -> None:
    fused = interleaved(ASKED, {"a": scored([5.0, 5.0])}, source="t")
    assert values(fused) == {"p0": 1 / 61, "p1": 1 / 62}
    assert {hit.score.kind for hit in fused.hits} == {ScoreKind.RRF}


def test_a_first_turn_for_nobody_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"'dense'.*\['a'\]"):
        interleaved(ASKED, {"a": scored([1.0])}, first="dense", source="t")


ids = st.lists(st.sampled_from("abcdefgh"), unique=True)
some_rankings = st.dictionaries(st.sampled_from(["one", "two", "three"]), ids, min_size=1)


@given(some_rankings)
def test_merged_recall_is_at_least_the_best_at_its_share_of_the_depth(
    found: dict[str, list[str]],
) -> None:
    rankings = {
        name: scored({one: 9.0 - place for place, one in enumerate(own)})
        for name, own in found.items()
    }
    fused = interleaved(ASKED, rankings, source="t").ids
    assert sorted(fused) == sorted({one for own in found.values() for one in own})
    for own in found.values():
        for depth in range(1, len(own) + 1):
            assert set(own[:depth]) <= set(fused[: depth * len(found)])


@given(some_rankings, st.randoms(use_true_random=False), st.sampled_from(SCHEMES))
def test_no_fusion_minds_the_order_of_its_inputs(
    found: dict[str, list[str]], random: object, scheme: Scheme
) -> None:
    rankings = {
        name: scored({one: 9.0 - place for place, one in enumerate(own)})
        for name, own in found.items()
    }
    names = list(rankings)
    random.shuffle(names)  # type: ignore[attr-defined]
    turned = {name: rankings[name] for name in names}
    fusions: tuple[Callable[[Mapping[str, Ranking]], Ranking], ...] = (
        lambda some: weighted_fusion(ASKED, some, scheme=scheme, source="t"),
        lambda some: interleaved(ASKED, some, source="t"),
        lambda some: reciprocal_rank_fusion(ASKED, some, k=60, source="t"),
    )
    for fuse in fusions:
        fused = fuse(rankings)
        assert fuse(turned) == fused
        own = [hit.score.value for hit in fused.hits]
        assert own == sorted(own, reverse=True)
        assert len(set(fused.ids)) == len(fused.ids)


@given(some_rankings, st.integers(1, 5), st.sampled_from(SCHEMES))
def test_a_limit_cuts_the_same_ranking(
    found: dict[str, list[str]], limit: int, scheme: Scheme
) -> None:
    rankings = {
        name: scored({one: 9.0 - place for place, one in enumerate(own)})
        for name, own in found.items()
    }
    whole = weighted_fusion(ASKED, rankings, scheme=scheme, source="t")
    cut = weighted_fusion(ASKED, rankings, scheme=scheme, source="t", limit=limit)
    assert cut.hits == whole.hits[:limit]
    turns = interleaved(ASKED, rankings, source="t")
    assert interleaved(ASKED, rankings, source="t", limit=limit).hits == turns.hits[:limit]


def test_the_query_is_that_of_the_first_name_and_readers_are_not_mixed() -> None:
    other = Ranking(Query("other", LOCAL), (), "t")
    assert joint_query({"b": other, "a": scored([])}, [], "x") == ASKED
    with pytest.raises(UsageError, match="at least one ranking"):
        joint_query({}, [], "fuse.x@1")
    strange = Ranking(Query("q", Scope("other")), (), "t")
    with pytest.raises(UsageError, match="different readers"):
        joint_query({"a": other, "b": strange}, [], "x")
