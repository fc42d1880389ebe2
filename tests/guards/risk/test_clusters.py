"""Questions of one document share fate, and a test must not count them as many."""

from __future__ import annotations

import numpy as np

from assay.guards.risk.binomial import p_value
from assay.guards.risk.clusters import cluster_p_value, one_each

DELTA, ALPHA = 0.1, 0.1


def worlds(count: int, *, size: int, correlation: float) -> list[dict[str, list[float]]]:
    """Calibration sets at the boundary: risk just above alpha, losses alike within a cluster."""
    rng = np.random.default_rng(9)
    found = []
    for _ in range(count):
        fates = rng.random(60) < ALPHA * 1.0001
        own = rng.random((60, size)) < ALPHA * 1.0001
        shared = rng.random((60, size)) < correlation**0.5
        losses = np.where(shared, fates[:, None], own).astype(float)
        found.append({str(n): row.tolist() for n, row in enumerate(losses)})
    return found


def test_a_test_of_questions_certifies_too_often_and_both_tests_of_clusters_do_not() -> None:
    by_question = by_draw = by_mean = 0
    for number, world in enumerate(worlds(1000, size=10, correlation=0.5)):
        everything = [loss for own in world.values() for loss in own]
        by_question += p_value(int(sum(everything)), len(everything), ALPHA) <= DELTA
        drawn = one_each(world, salt=str(number))
        by_draw += p_value(int(sum(drawn.values())), len(drawn), ALPHA) <= DELTA
        by_mean += cluster_p_value(world, ALPHA) <= DELTA
    assert by_question > 148
    assert by_draw <= 148
    assert by_mean <= 148


def test_the_draw_depends_on_salt_and_cluster_alone() -> None:
    items = {"a": [1, 2, 3, 4, 5], "b": [6, 7, 8, 9], "empty": []}
    turned = dict(reversed(items.items()))
    assert one_each(items, salt="s") == one_each(turned, salt="s")
    assert set(one_each(items, salt="s")) == {"a", "b"}
    assert len({one_each(items, salt=str(n))["a"] for n in range(40)}) > 1
