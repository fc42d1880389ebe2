from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.dataset import Dataset, LabelledQuery
from assay.evaluation.suites.depth_rankings import (
    Reranked,
    feeding,
    phantoms,
    same_ranking,
    scaled,
)
from assay.evaluation.suites.depth_sweep import DepthSweepSuite
from assay.evaluation.suites.ranked_passages import scores_of
from assay.pipeline import registry
from assay.pipeline.errors import UsageError
from tests.evaluation.made import dataset, document
from tests.evaluation.suites.direct_runner import DirectRunner, words_then
from tests.evaluation.suites.toy_rerankers import TOYS, rivers


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_plugins", lambda: TOYS)


POINTWISE: dict[str, Any] = {"use": "rerank.cross_encoder@1", "resources": {"model": "judge"}}
DEPTHS = (2, 3, 5, 12)


def towns() -> Dataset:
    """Rivers, with questions whose best passage BM25 does not put first."""
    data = rivers()
    more = [
        document(f"long{number}", f"bridge opened {'bridge opened ' * number} for trade")
        for number in range(1, 5)
    ]
    return dataset(data.queries, [*data.documents, *more], data.qrels, data.spans)


def runner_with(folder: Path, node: dict[str, Any], data: Dataset | None = None) -> DirectRunner:
    return DirectRunner(words_then(("reranked", node)), data or towns(), folder)


# -- rankings from scores ---------------------------------------------------------


def made(scores: list[float], scored: int | None = None) -> Reranked:
    names = [chr(97 + place) for place in range(len(scores))]
    first = {name: float(-place) for place, name in enumerate(names)}
    known = dict(list(zip(names, scores, strict=True))[:scored])
    return Reranked(tuple(names), first, known)


@given(st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=12), st.data())
def test_every_way_to_rank_keeps_every_passage_once(
    scores: list[float], data: st.DataObject
) -> None:
    one = made(scores)
    depth = data.draw(st.integers(1, len(scores)))
    for ranked in (one.at(depth), one.fused(0.3, depth), one.guarded(2, depth)):
        assert sorted(ranked) == sorted(one.before)
        assert ranked[depth:] == one.before[depth:]
    assert one.fused(1.0, depth) == one.at(depth)
    assert one.fused(0.0, depth) == one.before
    assert one.guarded(len(scores), depth) == one.at(depth)


def test_a_passage_from_behind_must_beat_the_middle_of_those_in_front() -> None:
    one = made([5.0, 1.0, 3.0, 4.0, 2.5])  # the median of the first three is 3
    assert one.guarded(3, 5) == ("a", "d", "c", "b", "e")
    assert one.at(5) == ("a", "d", "c", "e", "b")


def test_fused_scores_are_brought_to_one_scale_first() -> None:
    one = made([0.0, 1000.0, 0.0])
    assert one.fused(0.5, 3) == ("b", "a", "c")  # b: .5 * 1 + .5 * .5; a: .5
    assert scaled({"a": 7.0, "b": 7.0}) == {"a": 0.5, "b": 0.5}
    assert scaled({}) == {}


def test_a_phantom_comes_from_behind_and_shares_no_word() -> None:
    before, ranked = tuple("abcdef"), tuple("fecabd")
    shares = {"e"}.__contains__
    assert phantoms(before, ranked, 6, shares, top=2, tail=0.5) == ["f"]
    assert phantoms(before, ranked, 6, lambda _: False, top=3, tail=0.5) == ["f", "e"]
    assert phantoms(before, ranked, 2, lambda _: False, top=2, tail=1.0) == []


def test_ties_may_swap_and_nothing_else() -> None:
    scores = {"a": 1.0, "b": 1.0001, "c": 0.0}
    assert same_ranking("abc", "bac", scores, slack=1e-3)
    assert not same_ranking("abc", "cab", scores, slack=1e-3)
    assert not same_ranking("abc", "ab", scores, slack=1e-3)


def test_the_feeding_node_is_the_last_with_the_same_passages() -> None:
    seen = [{"": "ba", "sparse": "abc", "fused": "ab", "kept": "ab"}, {"": "", "sparse": "x"}]
    assert feeding(seen, ["sparse", "fused", "kept"]) == "kept"
    assert feeding(seen, ["sparse"]) is None


def test_with_heavy_tailed_noise_recall_has_its_best_inside_and_fusion_flattens_it() -> None:
    """The simulation of the source: a scorer that is wildly wrong now and then."""
    generator = np.random.default_rng(0)
    depths = (10, 50, 1000)
    recall: dict[Any, list[float]] = {depth: [] for depth in (*depths, "fused")}
    for _ in range(200):
        relevance = np.zeros(1000)
        place = min(int(generator.exponential(12)), 49)
        relevance[place] = 1.0
        noise = generator.standard_t(2, size=1000)
        names = [str(number) for number in range(1000)]
        one = Reranked(
            tuple(names),
            {name: 1.0 / (number + 5) for number, name in enumerate(names)},
            {name: 6 * relevance[n] + noise[n] for n, name in enumerate(names)},
        )
        for depth in depths:
            recall[depth].append(float(str(place) in one.at(depth)[:10]))
        recall["fused"].append(float(str(place) in one.fused(0.5, 1000)[:10]))
    at = {key: float(np.mean(found)) for key, found in recall.items()}
    assert at[50] > at[10] + 0.1
    assert at[50] > at[1000] + 0.1
    assert at["fused"] > at[1000] + 0.1


# -- the suite ---------------------------------------------------------------------


def test_every_depth_from_cached_scores_is_a_fresh_run_at_that_depth(tmp_path: Path) -> None:
    runner = runner_with(tmp_path, POINTWISE)
    [deep] = {len(scores_of(one, "found")) for one in runner.run(runner.dataset.queries, label="")}
    assert deep > 12  # so that the deepest leaves some behind
    whole = runner.run(runner.dataset.queries, label="", overrides=("nodes.reranked.depth=12",))
    for depth in DEPTHS:
        fresh = runner.run(
            runner.dataset.queries, label="", overrides=(f"nodes.reranked.depth={depth}",)
        )
        for one, other in zip(whole, fresh, strict=True):
            before = scores_of(one, "found")
            scores = {
                name: score
                for name, score in scores_of(one, "reranked").items()
                if name in list(before)[:12]
            }
            cached = Reranked(tuple(before), before, scores).at(depth)
            assert cached == tuple(scores_of(other, "reranked"))


def test_a_pointwise_reranker_is_run_once_and_checked_on_a_few(tmp_path: Path) -> None:
    runner = runner_with(tmp_path, POINTWISE)
    found = DepthSweepSuite(depths=DEPTHS, checked=3).measure(runner.dataset, runner, seed=0)
    assert runner.asked == [("rerank depth 12", 12), ("rerank depth 2", 3)]
    assert [row.name for row in found.rows] == [
        "not reranked", "depth 2", "depth 3", "depth 5", "depth 12", "fused, weight 0.25",
        "fused, weight 0.5", "fused, weight 0.75", "guard behind rank 10",
    ]  # fmt: skip
    by_name = {row.name: row.values for row in found.rows}
    assert by_name["depth 5"]["reranked"].value == 5
    # The reranker sees the river's name, of which BM25's long passages know nothing.
    assert by_name["depth 12"]["ndcg@10"].value == 1
    assert any("gave the same ranking" in one for one in found.notes)


def test_a_listwise_reranker_is_run_at_every_depth(tmp_path: Path) -> None:
    spec = words_then(
        ("reranked", {"use": "rerank.sliding_window@1", "resources": {"ranker": "windows"},
                      "config": {"window": 4, "step": 2}})
    )  # fmt: skip
    spec["resources"] = {
        "judge": spec["resources"]["judge"],
        "windows": {"use": "windows.cross_encoder@1", "resources": {"model": "judge"}},
        "corpus": spec["resources"]["corpus"],
    }
    runner = DirectRunner(spec, towns(), tmp_path)
    found = DepthSweepSuite(depths=(4, 8)).measure(runner.dataset, runner, seed=0)
    assert runner.asked == [("rerank depth 8", 12), ("rerank depth 4", 12)]
    assert "Every depth was run, since its scores say nothing but the order." in found.notes


def test_a_reranker_whose_scores_depend_on_the_list_is_found_out(tmp_path: Path) -> None:
    runner = runner_with(tmp_path, {"use": "toys.crowd@1"})
    found = DepthSweepSuite(depths=(3, 12)).measure(runner.dataset, runner, seed=0)
    assert runner.asked[-1] == ("rerank depth 3", 12)
    assert any("gave another ranking than the scores" in one for one in found.notes)
    by_name = {row.name: row.values["mrr@10"].value or 0 for row in found.rows}
    assert by_name["depth 3"] < by_name["depth 12"]


def test_a_reranker_that_likes_strange_passages_has_phantoms(tmp_path: Path) -> None:
    strange = [document(f"strange{number}", f"Silence{number} falls.") for number in range(6)]
    query = LabelledQuery("q", "Which bridge opened across the Arn?", ("x",), True)
    data = dataset([query], [*rivers().documents, *strange], {"q": {"arn": 1, "strange0": 1}})
    phantom = {}
    nodes: dict[str, dict[str, Any]] = {"fewest": {"use": "toys.fewest@1"}, "overlap": POINTWISE}
    for name, node in nodes.items():
        spec = words_then(("reranked", node), by="dense")
        runner = DirectRunner(spec, data, tmp_path / name)
        found = DepthSweepSuite(depths=(5, 18), tail=0.5).measure(data, runner, seed=0)
        rows = {row.name: row.values for row in found.rows}
        assert rows["depth 5"]["phantoms"].value == 0  # nothing can come from behind rank 10
        phantom[name] = rows["depth 18"]["phantoms"].value
        said = "6 on 1 question, 1 of them judged relevant"
        assert any(said in one for one in found.notes) == (name == "fewest")
    assert phantom == {"fewest": 6, "overlap": 0}


def test_a_node_that_has_no_depth_is_refused_with_the_way_out(tmp_path: Path) -> None:
    runner = DirectRunner(words_then(), rivers(), tmp_path)
    with pytest.raises(UsageError, match="name the reranker with node="):
        DepthSweepSuite().measure(runner.dataset, runner, seed=0)


def test_the_input_of_the_reranker_can_be_named_and_is_checked(tmp_path: Path) -> None:
    runner = runner_with(tmp_path, POINTWISE)
    named = DepthSweepSuite(depths=(3,), before="found").measure(runner.dataset, runner, seed=0)
    assert named.per_query[0]["reranked_from"] == "found"
    with pytest.raises(UsageError, match="did you mean 'found'"):
        DepthSweepSuite(depths=(3,), before="fond").measure(runner.dataset, runner, seed=0)
