from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipeline.errors import UsageError
from assay.stages.comparisons.votes import kendall_tau
from assay.stages.schedules.block_designs import DESIGNS, blocks_of
from assay.stages.schedules.joint_rank import joint_rank
from assay.stages.schedules.schedule import demand, drive
from assay.stages.windows.window import Ordered
from tests.stages.rerank.oracles import by_relevance, oracle_order

REGULAR = ("equi_replicate", "latin_square", "triangular")


def some_generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(
    st.sampled_from(sorted(DESIGNS)), st.integers(1, 130), st.integers(16, 40), st.integers(1, 5)
)
def test_blocks_hold_no_candidate_twice_and_none_of_the_dummies(
    name: str, n: int, k: int, r: int
) -> None:
    for block in blocks_of(DESIGNS[name], n, k=k, r=r, generator=some_generator(n)):
        assert len(set(block)) == len(block) <= k
        assert all(0 <= one < n for one in block)


@given(st.integers(2, 20), st.integers(1, 6), st.integers(0, 99))
def test_each_candidate_stands_in_exactly_r_blocks_of_k(k: int, r: int, seed: int) -> None:
    n = k * (1 + seed % 5)
    blocks = blocks_of(DESIGNS["equi_replicate"], n, k=k, r=r, generator=some_generator(seed))
    assert {len(block) for block in blocks} == ({n} if n <= k else {k})
    assert {sum(one in block for block in blocks) for one in range(n)} == {r}


def test_the_triangle_of_four() -> None:
    blocks = DESIGNS["triangular"].blocks(10, 4, 2, some_generator())
    assert blocks == [(0, 1, 2, 3), (0, 4, 5, 6), (1, 4, 7, 8), (2, 5, 7, 9), (3, 6, 8, 9)]


def covered(blocks: list[tuple[int, ...]], n: int) -> tuple[float, float]:
    met = np.zeros((n, n), dtype=bool)
    for block in blocks:
        for i, j in combinations(block, 2):
            met[i, j] = met[j, i] = True
    near = met | ((met.astype(int) @ met.astype(int)) > 0)
    pairs = np.triu_indices(n, 1)
    return float(met[pairs].mean()), float(near[pairs].mean())


@pytest.mark.parametrize(
    ("design", "n", "k", "r", "direct"),
    [
        ("latin_square", 100, 10, 2, 0.1818),
        ("triangular", 91, 13, 2, 0.267),
        ("equi_replicate", 100, 20, 4, 0.573),
        ("equi_replicate", 1000, 100, 3, 0.269),
    ],
)
def test_pairs_that_meet_and_those_within_two_steps(
    design: str, n: int, k: int, r: int, direct: float
) -> None:
    blocks = blocks_of(DESIGNS[design], n, k=k, r=r, generator=some_generator())
    first, second = covered(blocks, n)
    assert first == pytest.approx(direct, abs=0.01)
    assert second == 1.0


def ndcg(order: tuple[int, ...], relevance: list[float]) -> float:
    gains = {place: 10.0 - rank for rank, place in enumerate(np.argsort(relevance)[::-1][:10])}
    discounts = 1 / np.log2(np.arange(2, 12))
    ideal = sum(np.arange(10, 0, -1) * discounts)
    return float(
        sum(gains.get(one, 0.0) * d for one, d in zip(order, discounts, strict=False)) / ideal
    )


@pytest.mark.parametrize(
    ("settings", "tau", "gain"),
    [
        ({"combine": "pagerank"}, 0.949, 0.970),
        ({"combine": "win_rate"}, 0.934, 0.953),
        ({"design": "latin_square", "block": 10, "combine": "pagerank"}, 0.864, 0.848),
        ({"design": "latin_square", "block": 10, "combine": "win_rate"}, 0.824, 0.817),
    ],
)
def test_a_perfect_ranker_reaches_the_quality_of_the_notes(
    settings: dict[str, object], tau: float, gain: float
) -> None:
    taus, gains = [], []
    for seed in range(20):
        relevance = some_generator(seed).permutation(100).tolist()
        order = oracle_order(
            joint_rank(100, generator=some_generator(seed), **settings),  # type: ignore[arg-type]
            relevance,
        )
        true = sorted(range(100), key=lambda one: -relevance[one])
        taus.append(kendall_tau(order, true))
        gains.append(ndcg(order, relevance))
    assert np.mean(taus) == pytest.approx(tau, abs=0.02)
    assert np.mean(gains) == pytest.approx(gain, abs=0.035)


def test_the_cost_is_that_of_the_docstring() -> None:
    for settings, windows, rounds in (
        ({}, 20, 1),
        ({"design": "latin_square", "block": 10}, 20, 1),
        ({"final": 20}, 21, 2),
    ):
        asked = demand(
            joint_rank(100, generator=some_generator(), **settings),
            by_relevance,
        )
        assert (asked.windows.total(), asked.rounds) == (windows, rounds)


def test_one_block_that_holds_all_gives_the_rankers_order() -> None:
    relevance = some_generator(1).permutation(9).tolist()
    order = oracle_order(joint_rank(9, generator=some_generator(), repeats=1), relevance)
    assert order == tuple(sorted(range(9), key=lambda one: -relevance[one]))


def test_blocks_that_failed_do_not_vote() -> None:
    (kept,) = drive(
        [joint_rank(30, generator=some_generator(), block=10)],
        lambda asked: [Ordered(tuple(range(len(places))), failed=True) for _, places in asked],
    )
    assert kept.order == tuple(range(30))


def test_a_first_stage_that_votes_settles_what_blocks_leave_open() -> None:
    taus = []
    for prior in (0.0, 2.0):
        schedule = joint_rank(40, generator=some_generator(), block=10, repeats=1, prior=prior)
        taus.append(
            kendall_tau(oracle_order(schedule, [-float(one) for one in range(40)]), range(40))
        )
    assert taus[0] + 0.02 < taus[1]


def test_a_square_that_does_not_fit_its_blocks_is_refused() -> None:
    with pytest.raises(UsageError, match="needs blocks of 10"):
        blocks_of(DESIGNS["latin_square"], 100, k=5, r=2, generator=some_generator())


@given(st.integers(0, 60), st.integers(0, 99), st.sampled_from(["pagerank", "kemeny", "win_rate"]))
def test_the_order_is_a_permutation_whatever_the_ranker_says(n: int, seed: int, name: str) -> None:
    random = some_generator(seed)
    (found,) = drive(
        [joint_rank(n, generator=some_generator(seed), block=7, combine=name, final=5)],
        lambda asked: [by_relevance(random.random(len(places)).tolist()) for _, places in asked],
    )
    assert sorted(found.order) == list(range(n))
