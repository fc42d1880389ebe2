"""Choosing among configurations costs a share of delta, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from assay.guards.risk.binomial import clopper_pearson_upper
from assay.guards.risk.choosing import MEASURES, Measure, choose
from assay.pipeline.errors import UsageError


def test_the_lowest_bound_that_keeps_the_level_is_taken() -> None:
    losses = {"plain": [1.0] * 30 + [0.0] * 70, "careful": [1.0] * 2 + [0.0] * 98}
    found = choose(losses, Measure("mean"), level=0.1, delta=0.1)
    assert found.chosen == "careful"
    assert [one.name for one in found.candidates] == ["careful", "plain"]
    assert found.candidates[0].bound == clopper_pearson_upper(2, 100, 0.05)
    assert [one.keeps for one in found.candidates] == [True, False]
    assert choose(losses, Measure("mean"), level=0.01, delta=0.1).chosen is None


@pytest.mark.parametrize("name", MEASURES)
def test_the_chosen_of_many_breaks_its_promise_as_rarely_as_promised(name: str) -> None:
    """Ten configurations of the same kind: the luckiest looks best, and its bound still holds."""
    truth = {"mean": 0.5, "quantile": 0.9, "tail": 0.95, "gini": 1 / 3}[name]
    measure = Measure(name)  # type: ignore[arg-type]
    rng = np.random.default_rng(7)
    broken = 0
    for _ in range(200):
        losses = {str(one): rng.random(60).tolist() for one in range(10)}
        best = choose(losses, measure, level=1.0, delta=0.1).candidates[0]
        broken += best.bound < truth
    assert broken <= 43  # 1e-6 band of 10 % of 200


def test_without_losses_the_bound_is_the_worst_there_is() -> None:
    for name in MEASURES:
        found = choose({"a": []}, Measure(name), level=0.5, delta=0.1)
        assert (found.candidates[0].bound, found.chosen) == (1.0, None)


def test_wrong_wishes_are_refused() -> None:
    with pytest.raises(UsageError, match="nothing to choose"):
        choose({}, Measure("mean"), level=0.1, delta=0.1)
    with pytest.raises(UsageError, match="delta"):
        choose({"a": [0.0]}, Measure("mean"), level=0.1, delta=1.0)
    with pytest.raises(UsageError, match="unknown measure 'man'"):
        Measure("man")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="beta"):
        Measure("tail", beta=1.0)
