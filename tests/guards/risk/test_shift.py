"""What a promise bears when the questions change."""

from __future__ import annotations

import math

import pytest

from assay.guards.risk.shift import effective_size, risk_at_distance, table, weighted_quantile
from assay.pipeline.errors import UsageError

SCORES = [0.12, 0.25, 0.31, 0.33, 0.47, 0.52, 0.58, 0.66, 0.71, 0.93]
WEIGHTS = [1, 1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_weighted_quantile() -> None:
    assert weighted_quantile(SCORES, WEIGHTS, weight=2, alpha=0.2) == 0.93
    assert weighted_quantile(SCORES, WEIGHTS, weight=6, alpha=0.2) == math.inf
    assert weighted_quantile(SCORES, [1] * 10, weight=1, alpha=0.2) == 0.71
    assert effective_size(WEIGHTS) == pytest.approx(8.395348, abs=1e-6)


@pytest.mark.parametrize(
    ("distance", "bound"), [(0.0, 0.113467), (0.02, 0.129960), (0.05, 0.157349), (0.1, 0.209611)]
)
def test_risk_at_a_distance(distance: float, bound: float) -> None:
    found = risk_at_distance(0.05, 0.0475, 2000, distance=distance, delta=0.1)
    assert found == pytest.approx(bound, abs=1e-6)


def test_the_table_begins_with_no_shift_and_grows() -> None:
    bounds = [bound for _, bound in table([0.0] * 95 + [1.0] * 5, delta=0.1)]
    assert bounds == sorted(bounds)
    assert bounds[0] < 0.2


def test_weights_that_are_none_are_refused() -> None:
    with pytest.raises(UsageError, match="weight"):
        weighted_quantile([0.1], [-1], weight=1, alpha=0.1)
    with pytest.raises(UsageError, match="at least 2"):
        table([0.1], delta=0.1)
    with pytest.raises(UsageError, match="distance"):
        risk_at_distance(0.1, 0.1, 10, distance=2.0, delta=0.1)
