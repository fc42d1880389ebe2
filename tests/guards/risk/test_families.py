"""Procedures that bound the chance of any false rejection."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.guards.risk.families import bonferroni, fallback, graphical, holm
from assay.guards.risk.fixed_sequence import fixed_sequence
from assay.pipeline.errors import UsageError

P = [0.001, 0.004, 0.012, 0.030, 0.060, 0.020]
CHAIN = [[1.0 if j == i + 1 else 0.0 for j in range(6)] for i in range(6)]
p_lists = st.lists(st.floats(0, 1), min_size=2, max_size=8)


def uniform(n: int) -> list[list[float]]:
    return [[0.0 if i == j else 1 / (n - 1) for j in range(n)] for i in range(n)]


def test_worked_example() -> None:
    assert bonferroni(P, 0.05) == {0, 1}
    assert holm(P, 0.05) == {0, 1, 2}
    assert fallback(P, [0.05 / 6] * 6) == {0, 1, 2, 3}
    assert graphical(P, [1, 0, 0, 0, 0, 0], CHAIN, 0.05) == {0, 1, 2, 3}
    assert graphical(P, [0.5, 0, 0, 0, 0, 0.5], CHAIN, 0.05) == {0, 1, 2, 5}
    assert graphical(P, [1 / 6] * 6, uniform(6), 0.05) == {0, 1, 2}


@given(p_lists, st.floats(0.01, 0.3))
def test_a_uniform_graph_is_holm_and_holm_rejects_what_bonferroni_does(
    values: list[float], delta: float
) -> None:
    n = len(values)
    found = holm(values, delta)
    assert bonferroni(values, delta) <= found
    shares = [delta / (n - step) for step in range(n)]
    if all(abs(value - share) > 1e-9 for value in values for share in shares):
        assert graphical(values, [1 / n] * n, uniform(n), delta) == found


@given(p_lists, st.floats(0.01, 0.3))
def test_a_chain_is_the_fixed_sequence(values: list[float], delta: float) -> None:
    n = len(values)
    chain = [[1.0 if j == i + 1 else 0.0 for j in range(n)] for i in range(n)]
    found = graphical(values, [1.0, *[0.0] * (n - 1)], chain, delta)
    assert found == set(range(fixed_sequence(values, delta).rejected))
    assert fallback(values, [delta, *[0.0] * (n - 1)]) == found


def test_nan_is_never_rejected_and_hides_no_other() -> None:
    nan = float("nan")
    assert bonferroni([nan, 0.001], 0.05) == {1}
    assert holm([nan, 0.001], 0.05) == {1}
    assert graphical([nan, 0.001], [0.5, 0.5], uniform(2), 0.05) == {1}
    assert fallback([nan, 0.001], [0.025, 0.025]) == {1}


def test_true_hypotheses_are_rejected_as_rarely_as_promised() -> None:
    draws = np.random.default_rng(2).random((2000, 5)).tolist()
    procedures: list[Callable[[list[float]], frozenset[int]]] = [
        lambda p: bonferroni(p, 0.1),
        lambda p: holm(p, 0.1),
        lambda p: fallback(p, [0.02] * 5),
        lambda p: graphical(p, [0.2] * 5, uniform(5), 0.1),
    ]
    for reject in procedures:
        assert sum(bool(reject(p)) for p in draws) <= 267  # 1e-6 band of 10 % of 2000


@pytest.mark.parametrize(
    ("weights", "transitions"),
    [
        ([0.6, 0.6], [[0, 1], [1, 0]]),
        ([0.5, 0.5], [[0, 1.5], [1, 0]]),
        ([0.5, 0.5], [[0.5, 0.5], [1, 0]]),
        ([0.5, -0.5], [[0, 1], [1, 0]]),
        ([0.5, 0.5], [[0, 1]]),
    ],
)
def test_a_graph_that_bounds_nothing_is_refused(
    weights: list[float], transitions: list[list[float]]
) -> None:
    with pytest.raises(UsageError, match=r"at most 1|expected 2 rows"):
        graphical([0.1, 0.2], weights, transitions, 0.05)
