from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.stages.schedules.pair_sampling import (
    Pairs,
    all_pairs,
    coprime,
    cyclic_pairs,
    in_both_orders,
    neighbour_pairs,
    random_pairs,
)


def unordered(pairs: Pairs) -> set[tuple[int, int]]:
    return {(min(pair), max(pair)) for pair in pairs}


@pytest.mark.parametrize("dilation", [1, 3])
def test_fifty_candidates_with_sixteen_opponents_give_800_different_pairs(dilation: int) -> None:
    pairs = cyclic_pairs(50, opponents=16, dilation=dilation)
    assert len(pairs) == len(set(pairs)) == len(unordered(pairs)) == 800


def test_a_dilation_with_a_common_divisor_would_lose_pairs_and_is_refused() -> None:
    naive = {(i, (i + 5 * j) % 50) for i in range(50) for j in range(1, 11)}
    real = [pair for pair in naive if pair[0] != pair[1]]
    assert (len(real), len(unordered(real))) == (450, 225)
    with pytest.raises(ValueError, match="the next one that does not is 7"):
        cyclic_pairs(50, opponents=10, dilation=5)


@given(n=st.integers(2, 40), opponents=st.integers(1, 60), dilation=st.integers(1, 50))
def test_in_a_cycle_everybody_stands_first_equally_often(
    n: int, opponents: int, dilation: int
) -> None:
    pairs = cyclic_pairs(n, opponents=opponents, dilation=coprime(dilation, n))
    each = min(opponents, n - 1)
    assert len(set(pairs)) == len(pairs)
    assert all(one != other for one, other in pairs)
    for side in (0, 1):
        assert Counter(pair[side] for pair in pairs) == dict.fromkeys(range(n), each)


@given(n=st.integers(0, 30), share=st.floats(0.01, 1.0), seed=st.integers(0, 99))
def test_random_pairs_give_everybody_the_same_number_of_opponents(
    n: int, share: float, seed: int
) -> None:
    pairs = random_pairs(n, share=share, generator=np.random.default_rng(seed))
    each = min(n - 1, max(1, round(share * (n - 1))))
    assert len(set(pairs)) == len(pairs)
    assert Counter(one for one, _ in pairs) == dict.fromkeys(range(n if n > 1 else 0), each)


def test_nearness_draws_opponents_from_the_neighbourhood() -> None:
    def distance(nearness: float) -> float:
        generator = np.random.default_rng(0)
        pairs = random_pairs(60, share=0.2, generator=generator, nearness=nearness)
        return float(np.mean([abs(one - other) for one, other in pairs]))

    assert distance(0.0) > 18
    assert distance(2.0) < 10


def test_a_share_of_everything_is_every_pair() -> None:
    pairs = random_pairs(9, share=1.0, generator=np.random.default_rng(0))
    assert sorted(pairs) == sorted(all_pairs(9))


def test_neighbours_stand_at_most_that_far_apart() -> None:
    assert len(neighbour_pairs(10, reach=3)) == 9 + 8 + 7
    assert neighbour_pairs(3, reach=99) == [(0, 1), (0, 2), (1, 2)]
    assert neighbour_pairs(1, reach=2) == all_pairs(1) == cyclic_pairs(1, opponents=1, dilation=1)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda p: p[0] != p[1])))
def test_both_orders_of_each_pair_once(pairs: Pairs) -> None:
    found = in_both_orders(pairs)
    assert len(found) == len(set(found)) == 2 * len(unordered(pairs))
    assert unordered(found) == unordered(pairs)
