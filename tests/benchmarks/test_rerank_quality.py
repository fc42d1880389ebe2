"""The benchmark of rerankers on real sets: what it keeps on disk, its systems, its tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.models.protocols import CrossEncoder
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from benchmarks.rerank_figures import language_models
from benchmarks.rerank_figures.first_stage import Candidates
from benchmarks.rerank_figures.kept import KeptCrossEncoder, KeptEmbedder, vectors
from benchmarks.rerank_figures.language_models import Ordered, reordered, sampled
from benchmarks.rerank_figures.measuring import measured, measured_orders, oracle
from benchmarks.rerank_figures.scores import Scored
from benchmarks.rerank_figures.systems import (
    ALONE,
    BLENDED,
    GATED,
    INPUT,
    Cost,
    bridge_system,
    fused,
    likeness,
    reranked,
    systems,
)
from benchmarks.rerank_figures.tables import costs_table, quality_table
from benchmarks.retrieval_quality.tasks import Question, Task

SCOPE = Scope("local")
TASK = Task("made", "made")
TEXTS = ("red apples", "green apples are sour", "a red car", "pears", "the sea is green")


def question(
    number: int, scores: Sequence[float], texts: Sequence[str] = TEXTS
) -> tuple[Candidates, dict[str, Scored]]:
    """A question whose last passage is relevant, and what a reranker says: the reverse order."""
    query = Query("which apples are green", SCOPE, id=str(number))
    hits = tuple(
        Hit(Passage(f"{number}-{n}", "d", text, SCOPE), Score(score, ScoreKind.FUSED, "first"))
        for n, (text, score) in enumerate(zip(texts, scores, strict=True))
    )
    own = Question(query, {hits[-1].passage.id: 1}, "report", str(number))
    judged = {hit.passage.id: Scored(float(n), 1, 10, 100.0, 0.5) for n, hit in enumerate(hits)}
    return Candidates(own, Ranking(query, hits, "first")), judged


UNSURE, SURE = (1.0, 0.95, 0.9, 0.5, 0.1), (1.0, 0.3, 0.2, 0.1, 0.0)


class Counting(OverlapCrossEncoder):
    """Counts the pairs that it was asked about."""

    def __init__(self) -> None:
        super().__init__(Config())
        self.pairs = 0

    def score(self, pairs, contexts):  # type: ignore[no-untyped-def]
        self.pairs += len(pairs)
        return super().score(pairs, contexts)


def test_a_kept_model_is_asked_once_for_a_pair_and_its_cost_is_booked_each_time(
    tmp_path: Path,
) -> None:
    model = Counting()
    pairs = [("green apples", "apples"), ("green apples", "sea"), ("green apples", "apples")]
    wanted = OverlapCrossEncoder(Config()).score(pairs, [RunContext() for _ in pairs])
    costs = []
    for _ in range(2):
        kept = KeptCrossEncoder(tmp_path / "kept.jsonl", lambda: model)
        contexts = [RunContext() for _ in pairs]
        np.testing.assert_allclose(kept.score(pairs, contexts), wanted, atol=1e-6)
        costs.append([(one.cost.calls, one.cost.tokens_in) for one in contexts])
    assert model.pairs == 2
    assert costs[0] == costs[1] == [(1, 3), (1, 3), (1, 3)]


def test_a_line_that_was_cut_off_is_computed_again(tmp_path: Path) -> None:
    path, model = tmp_path / "kept.jsonl", Counting()
    KeptCrossEncoder(path, lambda: model).score([("a", "b")], [RunContext()])
    path.write_text(path.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    kept = KeptCrossEncoder(path, lambda: model)
    assert not kept.holds([("a", "b")])
    kept.score([("a", "b")], [RunContext()])
    assert model.pairs == 2


def test_vectors_are_kept_and_only_what_is_new_is_embedded(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npz"
    embedder = HashEmbedder(HashEmbedderConfig())
    first, second = question(0, UNSURE)[0], question(1, UNSURE, ("f", "g", "h", "i", "j"))[0]
    vectors(path, [first], 5, lambda: embedder)
    both = vectors(path, [first, second], 5, lambda: embedder)

    def refuse() -> HashEmbedder:
        raise AssertionError("everything is there")

    again = vectors(path, [first, second], 5, refuse)
    assert sorted(again) == sorted(both) == sorted({*TEXTS, *"fghij", "which apples are green"})
    wanted = embedder.embed_passages(["a red car"], [RunContext()])[0]
    np.testing.assert_allclose(again["a red car"], wanted)


def test_the_gate_spares_the_reranker_where_the_input_is_sure() -> None:
    made = systems()
    for scores, asked in ((UNSURE, True), (SURE, False)):
        one, judged = question(0, scores)
        new = reranked(one, judged, 5)
        found = made[GATED](one, new)
        assert found.asked is asked
        kept = made[BLENDED](one, new).ranking if asked else one.ranking
        assert found.ranking.ids == kept.ids


def test_every_system_gives_a_permutation(tmp_path: Path) -> None:
    one, judged = question(0, UNSURE)
    embedder = HashEmbedder(HashEmbedderConfig())
    known = KeptEmbedder(vectors(tmp_path / "vectors.npz", [one], 5, lambda: embedder))
    model = KeptCrossEncoder(tmp_path / "bridge.jsonl", lambda: OverlapCrossEncoder(Config()))
    made = systems()
    near = likeness(known, made[BLENDED])
    bridged = bridge_system(near, model, lambda: model.seconds)
    compared = {**made, "fused": fused, "near": near, "fused near": likeness(known, fused)}
    compared["bridged"] = bridged
    for depth in (2, 5):
        new = reranked(one, judged, depth)
        for name, system in compared.items():
            assert sorted(system(one, new).ranking.ids) == sorted(one.ranking.ids), name
    assert bridged(one, reranked(one, judged, 5)).more.calls == 4


def test_figures_are_of_the_questions_that_have_scores_and_the_oracle_takes_the_better() -> None:
    made = [question(n, UNSURE) for n in range(3)]
    known = {one.question.query.id: judged for one, judged in made[:2]}
    known["1"] = {name: Scored(-one.logit, 1, 10, 100.0, 0.5) for name, one in known["1"].items()}
    rows = measured(TASK, [one for one, _ in made], known, "adaptive", 5, "report", systems())
    (row,) = rows
    assert (len(row.questions), row.left_out) == (2, 1)
    last = 1 / np.log2(6)
    assert row.values[INPUT] == pytest.approx([last, last])
    assert row.values[ALONE] == pytest.approx([1.0, last])
    assert oracle(row) == pytest.approx((1 + last) / 2)
    assert row.cost(ALONE) == Cost(5, 50, 500.0, 2.5)
    assert row.cost(INPUT) == Cost()
    shown = quality_table(rows)
    assert f"| made | 2 | {last:.3f} |" in shown
    assert f"| {(1 - last) / 2:+.3f} |" in shown
    assert "better of both" in shown
    assert "| input |" not in costs_table(rows).split("\n", 2)[2]


def test_orders_of_language_models_are_measured_where_all_of_them_are_there(
    tmp_path: Path,
) -> None:
    found = [question(n, UNSURE)[0] for n in range(3)]
    orders = {
        "good": {str(n): Ordered((f"{n}-4", f"{n}-0"), Cost(2, 9, 1.0, 1.0), 0) for n in range(3)},
        "none": {"0": Ordered(("0-0",), Cost(), 1), "2": Ordered(("2-0",), Cost(), 1)},
    }
    (row,) = measured_orders(TASK, found, orders, "adaptive", 2)
    assert [one.query.id for one in row.questions] == ["0", "2"]
    assert row.mean("good") == 1.0
    assert "better of both" not in quality_table([row])
    assert row.mean("none") == row.mean(INPUT) == pytest.approx(1 / np.log2(6))
    assert reordered(found[0], ("0-4", "0-0")).ids == ("0-4", "0-0", "0-1", "0-2", "0-3")
    few = sampled(found, "report", 2)
    assert few == sampled(found[::-1], "report", 2)
    assert sampled(found, "dev", 2) == []
    assert language_models.read(tmp_path / "none.jsonl") == {}


def test_a_kept_model_is_a_cross_encoder_that_gives_logits(tmp_path: Path) -> None:
    kept: CrossEncoder = KeptCrossEncoder(tmp_path / "x", lambda: OverlapCrossEncoder(Config()))
    assert kept.kind is ScoreKind.LOGIT
