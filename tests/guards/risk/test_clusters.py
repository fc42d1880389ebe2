"""Means of clusters; that they hold where questions share fate is a world of ``test_worlds``."""

from __future__ import annotations

import pytest

from assay.guards.risk.clusters import cluster_p_value
from assay.guards.risk.mean_bounds import hoeffding_bentkus_p_value


def test_a_cluster_counts_once_however_many_questions_it_has() -> None:
    one_each = {str(n): [0.0] for n in range(60)}
    many = {str(n): [0.0] * 10 for n in range(60)}
    assert cluster_p_value(many, 0.1) == cluster_p_value(one_each, 0.1)
    assert cluster_p_value(one_each, 0.1) == hoeffding_bentkus_p_value(0.0, 60, 0.1)


def test_the_mean_of_a_cluster_is_its_loss() -> None:
    losses = {"a": [1.0, 0.0], "b": [0.0, 0.0, 0.0], "nobody asked": []}
    assert cluster_p_value(losses, 0.4) == pytest.approx(hoeffding_bentkus_p_value(0.5, 2, 0.4))
    assert cluster_p_value({}, 0.1) == 1.0
