"""Heaps, bubbles, tournaments and partitions: exact with a perfect ranker, at the stated cost."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.stages.schedules.bubble_sort import bubble_sort
from assay.stages.schedules.heapsort import heapsort
from assay.stages.schedules.schedule import Places, Schedule, demand, drive
from assay.stages.schedules.top_down_partitioning import top_down_partitioning
from assay.stages.schedules.tour_rank import tour_rank
from assay.stages.schedules.tournament import tournament
from assay.stages.windows.window import Ordered
from tests.stages.rerank.oracles import by_relevance, oracle_order

Maker = Callable[[int], Schedule]
EXACT: dict[str, Maker] = {
    "heapsort": lambda n: heapsort(n, children=9, top=10),
    "bubble_sort": lambda n: bubble_sort(n, window=4, top=10),
    "tournament, one goes on": lambda n: tournament(n, group=5, advance=1, top=10),
    "tournament, two go on": lambda n: tournament(n, group=5, advance=2, top=10),
    "top_down_partitioning": lambda n: top_down_partitioning(n, window=20, pivot=10),
}
ALL: dict[str, Maker] = EXACT | {
    "tour_rank": lambda n: tour_rank(n, generator=np.random.default_rng(0)),
    "heapsort of pairs": lambda n: heapsort(n, children=1, top=3),
    "small partitions": lambda n: top_down_partitioning(n, window=2, pivot=1),
    "small tournament": lambda n: tournament(n, group=2, advance=1, top=3),
}


def shuffled(n: int, seed: int) -> list[float]:
    return [float(one) for one in np.random.default_rng(seed).permutation(n)]


def mean_windows(make: Maker, n: int, seeds: int) -> float:
    total = 0
    for seed in range(seeds):
        relevance = shuffled(n, seed)
        total += demand_of(make(n), relevance)
    return total / seeds


def demand_of(schedule: Schedule, relevance: list[float]) -> int:
    return demand(
        schedule, lambda places: by_relevance([relevance[one] for one in places])
    ).windows.total()


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("n", [2, 20, 50, 100, 300])
def test_the_best_ten_are_exact(name: str, n: int) -> None:
    for seed in range(5):
        relevance = shuffled(n, seed)
        order = oracle_order(EXACT[name](n), relevance)
        assert list(order[:10]) == sorted(range(n), key=lambda one: -relevance[one])[:10]


@pytest.mark.parametrize(("children", "windows"), [(3, 85), (9, 33), (19, 25)])
def test_a_heap_asks_about_as_often_as_the_notes_say(children: int, windows: int) -> None:
    mean = mean_windows(lambda n: heapsort(n, children=children, top=10), 100, 60)
    assert windows * 0.9 < mean <= windows


@pytest.mark.parametrize(
    ("n", "advance", "first", "ten"),
    [(100, 2, 35, 92.7), (100, 1, 25, 52.2), (1000, 2, 337, 421), (1000, 1, 251, 296)],
)
def test_a_tournament_asks_about_as_often_as_the_notes_say(
    n: int, advance: int, first: int, ten: float
) -> None:
    winner = mean_windows(lambda n: tournament(n, group=5, advance=advance, top=1), n, 3)
    assert winner == pytest.approx(first, rel=0.03)
    all_ten = mean_windows(lambda n: tournament(n, group=5, advance=advance, top=10), n, 10)
    assert all_ten == pytest.approx(ten, rel=0.07)


def test_a_later_winner_costs_far_less_than_the_first() -> None:
    one = mean_windows(lambda n: tournament(n, group=5, advance=2, top=1), 100, 10)
    two = mean_windows(lambda n: tournament(n, group=5, advance=2, top=2), 100, 10)
    assert two - one < one / 4


def test_groups_of_a_stage_share_a_round() -> None:
    relevance = shuffled(100, 0)
    asked = demand(
        tournament(100, group=5, advance=1, top=1),
        lambda places: by_relevance([relevance[one] for one in places]),
    )
    assert (asked.windows.total(), asked.rounds) == (25, 3)


def test_a_partition_of_a_good_first_stage_takes_three_rounds() -> None:
    asked = demand(
        top_down_partitioning(100, window=20, pivot=10),
        lambda places: by_relevance([-float(one) for one in places]),
    )
    assert (asked.windows.total(), asked.rounds) == (6, 2)


def test_windows_that_cannot_be_read_leave_the_first_stage_as_it_was() -> None:
    for make in ALL.values():
        (kept,) = drive(
            [make(60)],
            lambda asked: [Ordered(tuple(range(len(p))), failed=True) for _, p in asked],
        )
        assert kept.order[:3] == (0, 1, 2)


def test_tournaments_of_tour_rank_go_side_by_side() -> None:
    relevance = shuffled(100, 0)

    def ranker(places: Places) -> Ordered:
        return by_relevance([relevance[one] for one in places])

    one = demand(tour_rank(100, generator=np.random.default_rng(0), tournaments=1), ranker)
    four = demand(tour_rank(100, generator=np.random.default_rng(0), tournaments=4), ranker)
    assert (one.windows.total(), one.rounds) == (11, 5)
    assert (four.windows.total(), four.rounds) == (44, 5)


@pytest.mark.parametrize("name", ALL)
@given(n=st.integers(0, 45), seed=st.integers(0, 999))
def test_a_ranker_without_any_sense_still_gets_a_permutation(name: str, n: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    (found,) = drive(
        [ALL[name](n)],
        lambda asked: [by_relevance(generator.random(len(p)).tolist()) for _, p in asked],
    )
    assert sorted(found.order) == list(range(n))
