from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipeline.errors import UsageError
from assay.stages.schedules.gaussian_relevance import Belief, compared, merged, won_for_sure
from assay.stages.schedules.realm import realm
from assay.stages.schedules.schedule import Places, demand, drive
from assay.stages.windows.window import Ordered
from tests.stages.rerank.oracles import by_relevance, oracle_order


@pytest.mark.parametrize(
    ("probability", "mean", "spread"),
    [
        (1.0, 29.3958, 7.1715),
        (0.9, 28.5167, 7.6411),
        (0.75, 27.1979, 8.1193),
        (0.5, 25.0, 8.4115),
        (0.0, 20.6042, 7.1715),
    ],
)
def test_beliefs_of_equals_after_one_comparison(
    probability: float, mean: float, spread: float
) -> None:
    after = compared(Belief(), Belief(), probability)
    assert (after.mean, after.spread) == pytest.approx((mean, spread), abs=1e-4)


def test_clones_of_a_pivot_are_merged_by_their_precision() -> None:
    after = merged([Belief(21.4833, 7.6411), Belief(27.1979, 8.1193)])
    assert (after.mean, after.spread) == pytest.approx((24.1674, 7.8693), abs=1e-4)


@given(st.floats(0, 50), st.floats(0.1, 9), st.floats(0, 50), st.floats(0.1, 9))
def test_a_likelier_win_never_means_less_relevance(a: float, b: float, c: float, d: float) -> None:
    one, other = Belief(a, b), Belief(c, d)
    means = [compared(one, other, p).mean for p in (0.0, 0.3, 0.6, 1.0)]
    assert means == sorted(means)
    assert all(belief.spread > 0 for belief in won_for_sure(one, other))


def answer(relevance: list[float], places: Places) -> Ordered:
    return by_relevance([relevance[one] for one in places])


def test_the_head_is_found_with_about_eighty_windows() -> None:
    overlaps, windows, rounds = [], [], []
    for seed in range(20):
        relevance = [float(one) for one in np.random.default_rng(seed).permutation(100)]
        asked = demand(realm(100, temperature=10.0), functools.partial(answer, relevance))
        windows.append(asked.windows.total())
        rounds.append(asked.rounds)
        order = oracle_order(realm(100, temperature=10.0), relevance)
        best = set(sorted(range(100), key=lambda one: -relevance[one])[:10])
        overlaps.append(len(best & set(order[:10])))
    assert 50 < np.mean(windows) < 160
    assert np.mean(rounds) < 9
    assert np.mean(overlaps) >= 8


def test_no_new_level_begins_after_the_most_windows() -> None:
    relevance = [float(one) for one in np.random.default_rng(0).permutation(100)]
    asked = demand(
        realm(100, most_windows=1),
        lambda places: by_relevance([relevance[one] for one in places]),
    )
    assert (asked.windows.total(), asked.rounds) == (50, 1)


def test_a_ranker_without_scores_is_refused() -> None:
    with pytest.raises(UsageError, match="tells scores"):
        demand(realm(5), lambda places: Ordered(tuple(range(len(places)))))


@given(st.integers(0, 40), st.integers(0, 99))
def test_a_ranker_without_any_sense_still_gets_a_permutation(n: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    (found,) = drive(
        [realm(n, kappa=1.0)],
        lambda asked: [by_relevance(generator.normal(size=len(p)).tolist()) for _, p in asked],
    )
    assert sorted(found.order) == list(range(n))
