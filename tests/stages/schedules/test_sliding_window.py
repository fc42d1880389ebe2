from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.stages.schedules.schedule import demand
from assay.stages.schedules.sliding_window import sliding_window
from assay.stages.windows.window import Ordered
from tests.stages.rerank.oracles import by_relevance, oracle_order


@pytest.mark.parametrize(
    ("n", "windows"), [(1, 0), (20, 1), (21, 2), (25, 2), (30, 2), (50, 4), (100, 9), (1000, 99)]
)
def test_the_number_of_windows_is_that_of_the_formula(n: int, windows: int) -> None:
    asked = demand(sliding_window(n, window=20, step=10), by_relevance)
    assert (asked.windows.total(), asked.rounds) == (windows, windows)


def test_the_last_window_may_be_shorter_because_both_ends_move() -> None:
    asked = demand(sliding_window(25, window=20, step=10), by_relevance)
    assert asked.windows == {20: 1, 15: 1}


def test_a_perfect_ranker_gets_ten_exact_and_the_eleventh_by_luck() -> None:
    exact, eleventh = 0, 0
    for seed in range(200):
        relevance = np.random.default_rng(seed).permutation(100).tolist()
        order = oracle_order(sliding_window(100, window=20, step=10), relevance)
        best = sorted(range(100), key=lambda place: -relevance[place])
        exact += list(order[:10]) == best[:10]
        eleventh += order[10] == best[10]
    assert exact == 200
    assert 100 <= eleventh <= 180  # 139 of 200 by the draws of the note


def test_a_second_pass_is_made_only_where_the_first_changed_the_head() -> None:
    kept = demand(
        sliding_window(40, window=20, step=10, passes=3),
        lambda places: Ordered(tuple(range(len(places)))),
    )
    assert kept.rounds == 3
    turned = demand(
        sliding_window(40, window=20, step=10, passes=3),
        by_relevance,
    )
    assert turned.rounds > 3


@given(st.integers(0, 60), st.integers(2, 20), st.data())
def test_the_order_is_a_permutation_whatever_the_ranker_says(
    n: int, window: int, data: st.DataObject
) -> None:
    step = data.draw(st.integers(1, window))
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    order = oracle_order(sliding_window(n, window=window, step=step), generator.random(n).tolist())
    assert sorted(order) == list(range(n))
