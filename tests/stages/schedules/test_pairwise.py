from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.stages.comparisons.aggregator import names
from assay.stages.schedules.kwik_sort import kwik_sort
from assay.stages.schedules.pair_sampling import all_pairs, cyclic_pairs
from assay.stages.schedules.pairwise import pairwise
from assay.stages.schedules.preference import (
    calibrated,
    cycles,
    made_one,
    preference,
)
from assay.stages.schedules.schedule import Arrangement, Places, Schedule, demand, drive
from assay.stages.windows.window import Ordered
from tests.stages.rerank.oracles import by_relevance, oracle_order

Judge = Callable[[Places], Ordered]


def said(probability: float) -> Ordered:
    """What a ranker says that believes in the first with this probability."""
    odds = math.log(probability / (1 - probability))
    return Ordered((0, 1) if odds >= 0 else (1, 0), (odds, 0.0))


def run(schedule: Schedule, judge: Judge) -> Arrangement:
    (found,) = drive([schedule], lambda asked: [judge(places) for _, places in asked])
    return found


def over_all(n: int, judge: Judge, *, both: bool = False, combine: str = "win_rate") -> Arrangement:
    generator = np.random.default_rng(0)
    return run(
        pairwise(n, pairs=all_pairs(n), both_orders=both, combine=combine, generator=generator),
        judge,
    )


def test_both_orders_become_one_by_their_log_odds() -> None:
    assert calibrated(0.7, 0.6) == pytest.approx(0.5550, abs=1e-4)
    assert calibrated(0.9, 0.9) == pytest.approx(0.5, abs=1e-12)
    assert calibrated(1.0, 0.0) > 0.99
    assert calibrated(1.0, 1.0) == 0.5


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_probabilities_of_both_sides_add_up_to_one(shown: float, turned: float) -> None:
    assert calibrated(shown, turned) + calibrated(turned, shown) == pytest.approx(1.0, abs=1e-12)


def test_scores_without_bounds_are_probabilities_all_the_same() -> None:
    assert preference(Ordered((0, 1), (9e9, -9e9))) == 1.0
    assert preference(Ordered((1, 0), (-9e9, 9e9))) == 0.0
    assert preference(Ordered((0, 1), failed=True)) is None


def test_three_candidates_of_the_notes() -> None:
    table = [[0.5, 0.9, 0.6], [0.2, 0.5, 0.7], [0.4, 0.1, 0.5]]
    for combine in ("win_rate", "greedy", "bradley_terry"):
        found = over_all(3, lambda places: said(table[places[0]][places[1]]), combine=combine)
        assert found.order == (0, 1, 2)
        assert found.notes == {"pairs": 6, "pairs_left_out": 0}


@pytest.mark.parametrize("combine", names())
@pytest.mark.parametrize("both", [True, False])
def test_transitive_answers_to_all_pairs_give_the_true_order(combine: str, both: bool) -> None:
    relevance = [float(one) for one in np.random.default_rng(3).permutation(11)]
    found = over_all(
        11,
        lambda places: Ordered(by_relevance([relevance[one] for one in places]).order),
        both=both,
        combine=combine,
    )
    assert [relevance[one] for one in found.order] == sorted(relevance, reverse=True)


@pytest.mark.parametrize("combine", sorted({*names()} - {"kwik_sort"}))
@pytest.mark.parametrize("both", [True, False])
def test_who_only_looks_at_the_place_leaves_the_first_stage_as_it_was(
    combine: str, both: bool
) -> None:
    found = over_all(9, lambda places: said(0.9), both=both, combine=combine)
    assert found.order == tuple(range(9))
    if both:
        assert found.notes["pairs_inconsistent"] == found.notes["pairs_both_orders"] == 36
        assert (found.notes["cycles_before"], found.notes["cycles_after"]) == (0, 0)


def test_the_second_order_removes_cycles_that_the_first_one_has() -> None:
    turning = {(0, 1): 0.9, (1, 2): 0.9, (0, 2): 0.1, (1, 0): 0.6, (2, 1): 0.6, (2, 0): 0.05}
    found = over_all(3, lambda places: said(turning[places[0], places[1]]), both=True)
    assert (found.notes["cycles_before"], found.notes["cycles_after"]) == (1, 0)
    assert found.notes["pairs_inconsistent"] == 3
    assert found.order == (0, 1, 2)


@given(st.integers(0, 8), st.integers(0, 999))
def test_cycles_are_counted_as_by_looking_at_every_triad(n: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    table = {
        pair: float(generator.choice([0.1, 0.5, 0.9]))
        for pair in itertools.combinations(range(n), 2)
    }

    def beats(one: int, other: int) -> bool:
        return table[one, other] > 0.5 if one < other else table[other, one] < 0.5

    slow = sum(
        beats(a, b) and beats(b, c) and beats(c, a)
        for a, b, c in itertools.permutations(range(n), 3)
    )
    assert cycles(n, table.items()) == slow // 3


def test_an_order_that_could_not_be_read_is_no_comparison() -> None:
    bad = Ordered((0, 1), failed=True)
    one = made_one([(0, 1), (1, 0)], [bad, said(0.8)])
    assert one.preferences == {(0, 1): pytest.approx(0.2)}
    assert (one.both, one.inconsistent) == (0, 0)
    assert made_one([(0, 1), (1, 0)], [bad, bad]).preferences == {}

    def reads_all_but_the_best(places: Places) -> Ordered:
        return bad if 2 in places else by_relevance([-float(places[0]), -float(places[1])])

    found = over_all(4, reads_all_but_the_best, both=True, combine="bradley_terry")
    assert sorted(found.order) == [0, 1, 2, 3]
    assert [one for one in found.order if one != 2] == [0, 1, 3]


def test_a_budget_leaves_out_whole_pairs_and_tells_how_many() -> None:
    asked: list[Places] = []

    def judge(places: Places) -> Ordered:
        asked.append(places)
        return said(0.7)

    schedule = pairwise(
        10,
        pairs=cyclic_pairs(10, opponents=3, dilation=1),
        both_orders=True,
        combine="win_rate",
        generator=np.random.default_rng(0),
        most_windows=21,
    )
    assert run(schedule, judge).notes["pairs_left_out"] == 20
    assert len(asked) == 20
    assert {places[::-1] for places in asked} == set(asked)


def shuffled(n: int, seed: int) -> list[float]:
    return [float(one) for one in np.random.default_rng(seed).permutation(n)]


@pytest.mark.parametrize("both", [True, False])
@given(n=st.integers(0, 40), top=st.integers(1, 45), seed=st.integers(0, 999))
def test_kwik_sort_sorts_the_best_with_a_perfect_ranker(
    both: bool, n: int, top: int, seed: int
) -> None:
    relevance = shuffled(n, seed)
    generator = np.random.default_rng(seed)
    order = oracle_order(kwik_sort(n, generator=generator, top=top, both_orders=both), relevance)
    assert sorted(order) == list(range(n))
    best = sorted(relevance, reverse=True)[:top]
    assert [relevance[one] for one in order[:top]] == best


def expected_comparisons(n: int, top: int) -> float:
    """Of partial quicksort at the mean, Martínez 2004, for one comparison with each pivot."""
    harmonic = [0.0, *np.cumsum(1 / np.arange(1, n + 1))]
    return float(
        2 * n + 2 * (n + 1) * harmonic[n] - 2 * (n + 3 - top) * harmonic[n + 1 - top] - 6 * top + 6
    )


@pytest.mark.parametrize("top", [1, 5, 40])
def test_kwik_sort_costs_what_the_theory_says(top: int) -> None:
    counted = []
    for seed in range(150):
        relevance = shuffled(40, seed)
        counted.append(
            demand(
                kwik_sort(40, generator=np.random.default_rng(seed), top=top),
                lambda places, known=relevance: by_relevance([known[one] for one in places]),  # type: ignore[misc]
            )
        )
    found = float(np.mean([one.windows.total() for one in counted]))
    assert found == pytest.approx(expected_comparisons(40, top), rel=0.05)
    assert {size for one in counted for size in one.windows} == {2}


@pytest.mark.parametrize("answer", [Ordered((0, 1), failed=True), Ordered((0, 1), (1.0, 1.0))])
def test_kwik_sort_keeps_the_first_stage_where_nothing_is_told(answer: Ordered) -> None:
    schedule = kwik_sort(30, generator=np.random.default_rng(1), top=30, both_orders=True)
    assert run(schedule, lambda places: answer).order == tuple(range(30))


@given(n=st.integers(0, 25), seed=st.integers(0, 999))
def test_without_any_sense_a_permutation_comes_out(n: int, seed: int) -> None:
    generator = np.random.default_rng(seed)

    def senseless(places: Sequence[int]) -> Ordered:
        return by_relevance(generator.random(2).tolist())

    found = run(kwik_sort(n, generator=np.random.default_rng(seed), top=5), senseless)
    assert sorted(found.order) == list(range(n))
    assert sorted(over_all(n, senseless, both=True, combine="greedy").order) == list(range(n))
