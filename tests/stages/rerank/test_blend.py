from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.pipeline.builder import build
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind, Skipped
from assay.stages.rerank.blend import Blend, BlendConfig
from tests.conformance.samples import A, B, Sample, ranked, small_corpus

QUERY = Query("what is a tuple", Scope("local"))
SKIPPED = Skipped("reranked", "condition 'gate' does not hold")


def sample() -> Sample:
    return Sample(
        tuple(
            {
                "query": one,
                "ranking": ranked(one),
                "reranked": Ranking(one, ranked(one).hits[::-1], "sample"),
            }
            for one in (A, B)
        ),
        config={"weight": 0.6, "guard": 1},
    )


def hit(name: str, score: float, kind: ScoreKind, text: str = "a tuple") -> Hit:
    return Hit(Passage(name, "d", text, QUERY.scope), Score(score, kind, "test"))


def first(*scores: float, texts: Sequence[str] = (), kind: ScoreKind = ScoreKind.FUSED) -> Ranking:
    """Passages a, b, c, ... in order, with these scores."""
    return Ranking(
        QUERY,
        tuple(
            hit(chr(ord("a") + place), score, kind, texts[place] if texts else "a tuple")
            for place, score in enumerate(scores)
        ),
        "first",
    )


def again(kind: ScoreKind = ScoreKind.LOGIT, /, **scores: float) -> Ranking:
    """A reranker's scores by passage, best first."""
    best = sorted(scores, key=lambda name: -scores[name])
    return Ranking(QUERY, tuple(hit(name, scores[name], kind) for name in best), "second")


def blended(ranking: Ranking, reranked: Ranking | Skipped, **settings: Any) -> Ranking:
    return Blend(BlendConfig(**settings)).run(QUERY, ranking, reranked, RunContext())


def scores_of(ranking: Ranking) -> dict[str, float]:
    return {hit.passage.id: hit.score.value for hit in ranking.hits}


def test_scores_are_the_weighted_mean_of_both_sides() -> None:
    found = blended(
        first(1.0, 0.8, 0.0), again(a=-4.0, b=4.0, c=0.0), weight=0.25, normalise="min_max"
    )
    assert scores_of(found) == pytest.approx({"b": 0.25 + 0.75 * 0.8, "a": 0.75, "c": 0.125})
    assert found.ids == ("b", "a", "c")
    assert {(one.score.kind, one.score.source) for one in found.hits} == {
        (ScoreKind.FUSED, "rerank.blend@1")
    }


def test_a_reranker_that_finds_nothing_moves_little_by_sigmoid_and_much_by_min_max() -> None:
    ranking, unsure = first(1.0, 0.9, 0.0), again(a=-11.0, b=-9.0, c=-11.5)
    assert blended(ranking, unsure, weight=0.5, normalise="sigmoid").ids == ("a", "b", "c")
    assert blended(ranking, unsure, weight=0.5, normalise="min_max").ids == ("b", "a", "c")


def test_centre_and_width_move_the_sigmoid() -> None:
    found = blended(
        first(1.0, 0.0),
        again(a=-2.0, b=2.0),
        weight=1.0,
        normalise="sigmoid",
        centre=-2.0,
        width=4.0,
    )
    assert scores_of(found) == pytest.approx({"b": 1 / (1 + math.exp(-1)), "a": 0.5})


def test_weight_0_is_the_first_ranking_and_weight_1_the_reranker() -> None:
    ranking, reranked = first(1.0, 0.5, 0.25, 0.0), again(d=5.0, c=2.0, a=1.0, b=-7.0)
    for scale in ("min_max", "z_score", "softmax", "rank", "sigmoid"):
        assert blended(ranking, reranked, weight=0.0, normalise=scale).ids == ranking.ids
        assert blended(ranking, reranked, weight=1.0, normalise=scale).ids == reranked.ids


def test_scores_that_tell_only_the_order_count_by_rank() -> None:
    order = again(ScoreKind.ORDER, c=1.0, b=1 / 2, a=1 / 3)
    found = blended(first(1.0, 0.5, 0.0), order, weight=1.0, normalise="min_max")
    assert scores_of(found) == pytest.approx({"c": 1.0, "b": 2 / 3, "a": 1 / 3})


def test_what_was_not_reranked_follows_as_it_came() -> None:
    reranked = Ranking(
        QUERY, (*again(b=9.0, a=-9.0).hits, *first(1.0, 0.9, 0.8, 0.7).hits[2:]), "second"
    )
    found = blended(first(1.0, 0.9, 0.8, 0.7), reranked, weight=0.6)
    assert found.ids == ("b", "a", "c", "d")
    assert [hit.score.value for hit in found.hits[2:]] == [0.0, 0.0]


def test_a_skipped_reranker_leaves_the_order_and_costs_no_kind_of_score() -> None:
    found = blended(first(3.0, 2.0, 1.0, kind=ScoreKind.BM25), SKIPPED)
    assert found.ids == ("a", "b", "c")
    assert [hit.score for hit in found.hits] == [
        Score(value, ScoreKind.FUSED, "rerank.blend@1") for value in (1.0, 0.5, 0.0)
    ]


def test_passages_that_were_never_given_are_left_out_and_counted() -> None:
    context = RunContext()
    found = Blend(BlendConfig()).run(QUERY, first(1.0, 0.0), again(x=9.0, a=1.0, b=0.0), context)
    assert found.ids == ("a", "b")
    assert context.notes["strangers"] == 1


def test_rankings_of_two_readers_are_refused() -> None:
    other = Ranking(Query("q", Scope("another")), (), "second")
    with pytest.raises(UsageError, match="different readers"):
        blended(first(1.0), other)


def test_sigmoid_of_other_scores_than_logits_is_refused_with_the_way_out() -> None:
    with pytest.raises(UsageError, match=r"'sigmoid' is for scores of kind 'logit'.*'min_max'"):
        blended(first(1.0), again(ScoreKind.RATING, a=9.0), normalise="sigmoid")


def test_the_guard_holds_back_what_the_reranker_does_not_like_better_than_the_best_places() -> None:
    ranking = first(1.0, 0.99, 0.98, 0.97, 0.96)
    reranked = again(a=1.0, b=2.0, c=3.0, d=2.0, e=9.0)  # median of the first three: 2
    free = blended(ranking, reranked, weight=1.0)
    assert free.ids == ("e", "c", "b", "d", "a")
    context = RunContext()
    held = Blend(BlendConfig(weight=1.0, guard=3)).run(QUERY, ranking, reranked, context)
    assert held.ids == ("e", "c", "b", "a", "d")
    assert context.notes["held"] == 1
    values = [hit.score.value for hit in held.hits]
    assert values == sorted(values, reverse=True)


def test_a_phantom_is_told_and_held_if_wished() -> None:
    texts = ("a tuple", "tuples", "the tuple", "whales")
    ranking = first(1.0, 0.9, 0.8, 0.1, texts=texts)
    reranked = again(d=9.0, a=1.0, b=0.5, c=0.4)
    context = RunContext()
    tagged = Blend(BlendConfig(weight=0.9)).run(QUERY, ranking, _read(reranked, ranking), context)
    assert tagged.ids[0] == "d"
    assert context.notes == {"phantoms": 1, "phantom_ids": "d"}
    assert blended(ranking, _read(reranked, ranking), weight=0.9, phantoms="hold").ids[-1] == "d"
    assert blended(ranking, _read(reranked, ranking), weight=0.9, phantoms="leave").ids[0] == "d"


@pytest.mark.parametrize(
    ("text", "place"), [("one tuple", 3), ("whales", 0)], ids=["shares a word", "stood high"]
)
def test_what_shares_a_word_or_stood_high_is_no_phantom(text: str, place: int) -> None:
    texts = ["a tuple"] * 4
    texts[place] = text
    ranking = first(1.0, 0.9, 0.8, 0.7, texts=texts)
    scores = dict.fromkeys("abcd", 0.0) | {"abcd"[place]: 9.0}
    context = RunContext()
    Blend(BlendConfig()).run(QUERY, ranking, _read(again(**scores), ranking), context)
    assert context.notes == {}


def _read(reranked: Ranking, ranking: Ranking) -> Ranking:
    """The reranked hits with the passages of the first ranking."""
    passages = {hit.passage.id: hit.passage for hit in ranking.hits}
    hits = tuple(Hit(passages[one.passage.id], one.score) for one in reranked.hits)
    return Ranking(QUERY, hits, "second")


@given(
    scores=st.lists(st.floats(0, 1), min_size=1, max_size=30),
    seed=st.integers(0, 1000),
    depth=st.integers(0, 30),
    weight=st.floats(0, 1),
    scale=st.sampled_from(["min_max", "z_score", "softmax", "rank", "sigmoid"]),
    guard=st.one_of(st.none(), st.integers(1, 30)),
)
def test_it_is_a_permutation_with_falling_scores_whatever_comes(
    scores: list[float], seed: int, depth: int, weight: float, scale: Any, guard: int | None
) -> None:
    ranking = first(*sorted(scores, reverse=True))
    logits = np.random.default_rng(seed).normal(0, 5, size=len(scores)).round(1)
    reranked = again(
        **{hit.passage.id: float(x) for hit, x in zip(ranking.hits[:depth], logits, strict=False)}
    )
    found = blended(ranking, reranked, weight=weight, normalise=scale, guard=guard)
    assert sorted(found.ids) == sorted(ranking.ids)
    values = [hit.score.value for hit in found.hits]
    assert values == sorted(values, reverse=True)
    assert all(0.0 <= value <= 1.0 for value in values)
    # Nothing unscored passes what was scored before it.
    if guard is None:
        assert found.ids[depth:] == ranking.ids[depth:]


def test_with_heavy_noise_depth_hurts_the_reranker_and_hardly_the_blend() -> None:
    generator = np.random.default_rng(3)
    n, relevant, runs = 200, 10, 60
    depths = (10, 20, 50, 100, 200)
    recall = {"reranked": dict.fromkeys(depths, 0.0), "blended": dict.fromkeys(depths, 0.0)}
    for _ in range(runs):
        relevance = np.zeros(n)
        relevance[:relevant] = 1.0
        seen = relevance + generator.normal(0, 0.6, n)
        order = np.argsort(-seen, kind="stable")
        logits = 3.0 * relevance + generator.standard_t(1.2, n)
        ranking = Ranking(
            QUERY,
            tuple(hit(str(one), float(seen[one]), ScoreKind.COSINE) for one in order),
            "first",
        )
        for depth in depths:
            scored = {str(one): float(logits[one]) for one in order[:depth]}
            reranked = again(**scored)
            mixed = blended(ranking, reranked, weight=0.3, normalise="sigmoid", centre=2.0)
            for name, ids in (("reranked", reranked.ids), ("blended", mixed.ids)):
                there = sum(int(one) < relevant for one in ids[:10])
                recall[name][depth] += there / relevant / runs
    alone, mixed_recall = recall["reranked"], recall["blended"]
    best = max(alone.values())
    assert alone[10] < best - 0.02 and alone[200] < best - 0.02  # an interior maximum
    assert max(mixed_recall.values()) - mixed_recall[200] < (best - alone[200]) / 2
    assert mixed_recall[200] > alone[200]


@pytest.mark.parametrize("settings", [{"weight": 1.5}, {"guard": 0}, {"width": 0.0}])
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BlendConfig(**settings)


PIPELINE = """
assay: 1
name: gated
resources:
  corpus: {use: given}
  judge: {use: given}
nodes:
  found: {use: retrieve.hybrid@1, resources: {corpus: corpus}, inputs: {query: query}}
  gate: {use: rerank.gate@1, config: {sure: SURE}, inputs: {query: query, ranking: found}}
  reranked:
    use: rerank.cross_encoder@1
    when: gate
    resources: {model: judge}
    inputs: {query: query, ranking: found}
  blended:
    use: rerank.blend@1
    inputs: {query: query, ranking: found, reranked: reranked}
  kept: {use: select.top_k@1, inputs: {query: query, ranking: blended}}
  said:
    use: generate.extractive@1
    resources: {model: judge}
    inputs: {query: query, selection: kept}
output: said
"""


@pytest.mark.parametrize(("sure", "calls"), [("0.0", 0), ("1.0", 6)])
def test_in_a_pipeline_a_closed_gate_saves_every_call(
    tmp_path: Path, sure: str, calls: int
) -> None:
    (tmp_path / "gated.yaml").write_text(PIPELINE.replace("SURE", sure), encoding="utf-8")
    corpus, judge = small_corpus(tmp_path / "index"), OverlapCrossEncoder(Config())
    with build(tmp_path / "gated.yaml", resources={"corpus": corpus, "judge": judge}) as pipeline:
        record = pipeline.run(B)
        batch = next(iter(pipeline.batch([B])))
    for one in (record, batch):
        told = one.to_json()
        assert told["outcome"] == "answered"
        assert told["cost"]["by_node"].get("reranked", {"calls": 0})["calls"] == calls
        passages = told["stages"]["blended"]["passages"]
        assert [row["kind"] for row in passages] == ["fused"] * len(passages)
        assert len(passages) == 6
