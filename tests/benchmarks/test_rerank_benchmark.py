"""The benchmark of schedules: its made rankings, its rankers, its fronts and its tables."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.stages.windows.window import Sizes
from benchmarks import rerank
from benchmarks.rerank_methods import tables
from benchmarks.rerank_methods.measuring import Measured, first_stage, measured, reranker
from benchmarks.rerank_methods.methods import Method, methods
from benchmarks.rerank_methods.problems import ndcg, problem
from benchmarks.rerank_methods.rankers import RANKERS, Failing, SimulatedRanker

BY_NAME = {one.name: one for one in methods()}


def ranker(failing: Failing, relevance: list[float]) -> SimulatedRanker:
    return SimulatedRanker(failing, np.array(relevance), seed=(1,), most=1000)


def test_every_method_is_another_one_and_its_windows_are_as_large_as_it_says() -> None:
    assert len(BY_NAME) == len(methods())
    for method in methods():
        if method.samples > 1 or method.window > 100 or method.use == "pairwise":
            continue
        asked = ranker(Failing(), list(range(100)))
        schedule = reranker(method, 100, asked).schedule(100, np.random.default_rng(0))
        windows = next(schedule)
        assert max(map(len, windows)) <= method.window, method.name


@pytest.mark.parametrize("error", [0.1, 0.2, 0.3])
def test_a_difference_of_one_grade_is_turned_round_as_often_as_said(error: float) -> None:
    noisy = ranker(Failing(error), [1.0, 0.0])
    answers = noisy.answers([(0, 1)] * 4000)
    assert np.mean([one.order[0] == 1 for one in answers]) == pytest.approx(error, abs=0.02)
    odds = [one.scores[0] - one.scores[1] for one in answers if one.scores]
    assert np.mean(odds) == pytest.approx(np.log((1 - error) / error), abs=0.1)


def test_a_bias_prefers_who_is_shown_first_and_a_fixed_share_never_changes_its_mind() -> None:
    biased = ranker(Failing(0.0, bias=1.0), [0.0, 0.5])
    assert [one.order for one in biased.answers([(0, 1), (1, 0)])] == [(0, 1), (0, 1)]
    stubborn = ranker(Failing(0.3, fixed=1.0), [0.0] * 20)
    orders = {one.order for one in stubborn.answers([tuple(range(20))] * 10)}
    assert len(orders) == 1


def test_ndcg_is_that_of_trec_eval() -> None:
    import ir_measures
    from ir_measures import nDCG

    made = problem(100, 3)
    order = np.random.default_rng(0).permutation(100).tolist()
    run = {"q": {str(place): -float(rank) for rank, place in enumerate(order)}}
    qrels = {"q": {str(place): int(grade) for place, grade in enumerate(made.grades)}}
    (found,) = ir_measures.pytrec_eval.iter_calc([nDCG @ 10], qrels, run)
    assert ndcg(made.grades, order) == pytest.approx(found.value, abs=1e-9)


def test_the_first_stage_is_better_than_chance_and_leaves_much_to_do() -> None:
    for n in (100, 1000):
        assert 0.4 < np.mean(first_stage(n, range(50))) < 0.6


def test_a_row_is_the_same_whatever_ran_before_and_costs_what_is_known() -> None:
    method = BY_NAME["sliding 20/10"]
    one, other = (measured(method, "error .2", 100, range(3)) for _ in range(2))
    assert one == other
    assert (set(one.calls), set(one.rounds), set(one.read)) == ({9}, {9}, {180})
    consistent = measured(BY_NAME["sliding 20/10, self-consistent x3"], "oracle", 100, range(1))
    assert (consistent.calls, consistent.rounds, consistent.ndcg) == ((27,), (9,), (1.0,))


def test_what_is_measured_is_what_a_node_tells_beforehand() -> None:
    for name in ("halving 20, keep 0.4, x2 and x4", "tour rank x2", "setwise heapsort, 9 children"):
        found = measured(BY_NAME[name], "oracle", 100, range(10))
        node = reranker(BY_NAME[name], 100, ranker(Failing(), [0.0] * 100))
        told = node.estimate(100, Sizes(query=0, passage=1))
        assert told.calls == pytest.approx(np.mean(found.calls), rel=0.1)
        assert told.rounds == pytest.approx(np.mean(found.rounds), rel=0.1)
        assert told.tokens_in == pytest.approx(np.mean(found.read), rel=0.1)


def test_halving_beats_a_sliding_window_at_the_same_calls() -> None:
    pairs = (
        ("halving 20, keep 0.4, x1 and x2", "sliding 20/10"),
        ("halving 20, keep 0.4, x2 and x4", "sliding 20/10, 2 passes"),
    )
    for ours, theirs in pairs:
        for name in ("error .2", "biased"):
            good, usual = (measured(BY_NAME[one], name, 100, range(20)) for one in (ours, theirs))
            assert np.mean(good.calls) <= np.mean(usual.calls)
            assert np.mean(good.ndcg) > np.mean(usual.ndcg)


def row(name: str, calls: int, value: float, window: int = 20, use: str = "x") -> tables.Row:
    found = Measured((value, value), (calls, calls), (1, 1), (10, 10))
    return tables.Row(Method(name, use, {}, window), dict.fromkeys(RANKERS, found))


def test_a_front_leaves_out_what_is_beaten_and_windows_that_are_too_large() -> None:
    rows = [row("a", 5, 0.5), row("b", 9, 0.8), row("c", 9, 0.7), row("d", 1, 0.9, window=100)]
    assert tables.front(rows, "oracle", "calls") == {"a", "b"}
    assert tables.front(rows, "oracle", "rounds") == {"b"}


def test_a_rival_costs_no_more_and_reads_no_larger_windows() -> None:
    rows = [
        row("slow", 9, 0.6, use="sliding_window"),
        row("dear", 10, 0.9),
        row("wide", 5, 0.9, window=100),
        row("fair", 8, 0.7),
        row("poor", 2, 0.1),
    ]
    pairs = tables.rivals(rows, rows)
    assert [(a.method.name, b.method.name) for a, b in pairs] == [("slow", "fair")]
    assert "+0.100 [+0.100, +0.100]" in tables.duel_table(pairs)


def test_a_rival_is_chosen_elsewhere_and_told_here() -> None:
    here = [row("slow", 9, 0.6, use="sliding_window"), row("fair", 8, 0.7), row("lucky", 8, 0.9)]
    there = [row("slow", 9, 0.6, use="sliding_window"), row("fair", 8, 0.7), row("lucky", 8, 0.1)]
    ((slow, fair),) = tables.rivals(here, there)
    assert (slow.method.name, fair.method.name) == ("slow", "fair")
    assert fair is here[1]


def test_only_jointranks_of_one_round_and_few_calls_stand_beside_the_sliding_window() -> None:
    rows = [
        row("sliding 20/10", 9, 0.6, use="sliding_window"),
        row("usual", 20, 0.6, use="jointrank"),
        row("dear", 30, 0.6, use="jointrank"),
        row("other", 20, 0.6),
    ]
    assert [two.method.name for _, two in tables.one_round(rows)] == ["usual"]
    assert tables.duel_table(tables.one_round(rows[1:])) == "(none was measured)"


def test_two_methods_are_compared_over_the_rankings_that_both_have() -> None:
    long = Measured((0.5, 0.9), (5, 5), (1, 1), (10, 10))
    short = Measured((0.6,), (5,), (1,), (10,))
    assert tables.beats(short, long, "calls")
    assert not tables.beats(long, short, "calls")
    assert not tables.beats(short, short, "calls")
    assert tables.difference(short, long)[0] == pytest.approx(0.1)


def test_more_rankings_are_added_to_those_that_were_measured() -> None:
    method = BY_NAME["jointrank 20 x4"]
    first, more, whole = (
        measured(method, "biased", 100, seeds) for seeds in (range(2), range(2, 4), range(4))
    )
    assert first.then(more) == whole


def test_the_script_writes_tables_figures_and_a_page_and_makes_them_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--out", str(tmp_path), "--passages", "50", "--seeds", "2", "--processes", "1"]
    rerank.main([*options, "--only", "sliding 20/10", "halving 20, keep 0.4, x1"])
    first = capsys.readouterr().out
    assert "| halving 20, keep 0.4, x1 and x2 | 2 | 20 |" in first
    kept = json.loads((tmp_path / "figures.json").read_text())
    assert kept["rows"]["50"][0]["use"] == "rerank.sliding_window@1"
    assert "<svg" in (tmp_path / "fronts.html").read_text()
    rerank.main(["--out", str(tmp_path), "--again"])
    assert capsys.readouterr().out == first
    with pytest.raises(SystemExit):
        rerank.main([*options, "--only", "nothing"])
    with pytest.raises(SystemExit):
        rerank.main(["--out", str(tmp_path), "--again", "--rivals", str(tmp_path)])


def test_a_run_goes_on_where_it_was_and_repeats_what_has_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def go(seeds: int, *only: str) -> tuple[str, dict[str, dict[str, Any]]]:
        rerank.main(
            ["--out", str(tmp_path), "--passages", "50", "--seeds", str(seeds), "--only", *only]
        )
        rows = json.loads((tmp_path / "figures.json").read_text())["rows"]["50"]
        return capsys.readouterr().err, {one["method"]: one for one in rows}

    _, first = go(2, "sliding 20/10")
    assert {len(one["each"]["oracle"]["ndcg"]) for one in first.values()} == {2}
    told, both = go(2, "sliding 20/10", "tour rank x1")
    assert "tour rank x1" in told and "sliding" not in told
    assert both["sliding 20/10"] == first["sliding 20/10"]
    told, more = go(3, "sliding 20/10, 2 passes")
    assert "sliding 20/10, 2 passes" in told
    assert more["sliding 20/10, 2 passes"]["each"] == (
        rerank_once(50, 3, "sliding 20/10, 2 passes")
    )
    kept = tmp_path / "figures.json"
    data = json.loads(kept.read_text())
    data["rows"]["50"][0]["digest"] = "of other code"
    kept.write_text(json.dumps(data))
    told, again = go(2, "sliding 20/10")
    assert "sliding 20/10\n" in told
    assert "2 passes" not in told
    assert len(again["sliding 20/10, 2 passes"]["each"]["oracle"]["ndcg"]) == 3


def rerank_once(n: int, seeds: int, name: str) -> dict[str, dict[str, list[float]]]:
    found = {one: asdict(measured(BY_NAME[name], one, n, range(seeds))) for one in RANKERS}
    as_json: dict[str, dict[str, list[float]]] = json.loads(json.dumps(found))
    return as_json


def test_a_method_too_dear_for_many_rankings_of_a_thousand_has_fewer_of_these_alone() -> None:
    dear = BY_NAME["pairs, all, both orders"]
    assert dear.most(100) > 50 > dear.most(1000) > 0
    assert BY_NAME["sliding 20/10"].most(1000) == 50
