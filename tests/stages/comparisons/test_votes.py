from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from assay.stages.comparisons.comparisons import by_score
from assay.stages.comparisons.votes import (
    agreement,
    bounded_weights,
    comparisons_of,
    kendall_tau,
    reciprocal_ranks,
)


def test_reciprocal_ranks_of_the_votes_that_kemeny_and_borda_see_differently() -> None:
    votes = [[0, 1, 2]] * 3 + [[1, 2, 0]] * 2
    expected = [0.016185, 0.016235, 0.015975]
    assert reciprocal_ranks(votes, 3) == pytest.approx(expected, abs=1e-6)


@given(st.integers(0, 500), st.integers(2, 12))
def test_kendalls_tau_is_that_of_scipy(seed: int, n: int) -> None:
    generator = np.random.default_rng(seed)
    one, other = generator.permutation(n).tolist(), generator.permutation(n).tolist()
    ranks = [[order.index(name) for name in range(n)] for order in (one, other)]
    assert kendall_tau(one, other) == pytest.approx(float(stats.kendalltau(*ranks).statistic))


def test_votes_that_are_equal_agree_and_one_vote_agrees_with_itself() -> None:
    assert agreement([[1, 0, 2]] * 4) == 1.0
    assert agreement([[1, 0]]) == 1.0
    assert agreement([[0, 1], [1, 0]]) == -1.0


def test_outlying_votes_weigh_less_and_move_the_consensus_less() -> None:
    true = list(range(8))
    generator = np.random.default_rng(0)
    honest = []
    for _ in range(5):
        vote = true.copy()
        place = int(generator.integers(0, 7))
        vote[place], vote[place + 1] = vote[place + 1], vote[place]
        honest.append(vote)
    votes = [*honest, true[::-1], true[::-1]]
    weights = bounded_weights(votes, 8)
    assert min(weights[:5]) > 0.9
    assert max(weights[5:]) < 0.2
    plain = comparisons_of(votes, 8).wins.sum(axis=1)
    bounded = comparisons_of(votes, 8, weights=weights).wins.sum(axis=1)
    assert kendall_tau(by_score(bounded), true) >= kendall_tau(by_score(plain), true)
    lead, bounded_lead = ((one[0] - one[7]) / one.sum() for one in (plain, bounded))
    assert bounded_lead > 1.5 * lead
