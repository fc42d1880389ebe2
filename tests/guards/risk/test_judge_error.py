"""Labels of a judge that overlooks wrong answers."""

from __future__ import annotations

import numpy as np
import pytest

from assay.guards.risk.judge_error import judged_risk, level_for_judge
from assay.pipeline.errors import UsageError


def test_worked_example() -> None:
    found = judged_risk(missed=2, checked=80, wrong=3, n=200, delta=0.05)
    assert found.overlooked == pytest.approx(0.087407, abs=1e-6)
    assert found.judged == pytest.approx(0.043208, abs=1e-6)
    assert found.bound == pytest.approx(0.047347, abs=1e-6)


def test_a_judge_that_was_never_checked_proves_nothing() -> None:
    assert judged_risk(missed=0, checked=0, wrong=0, n=500, delta=0.1).bound == 1.0
    with pytest.raises(UsageError, match="proves nothing"):
        level_for_judge(0.1, 1.0)


def test_the_bound_holds_for_a_judge_that_overlooks_a_tenth() -> None:
    rng = np.random.default_rng(6)
    risk, overlooks, missed = 0.1, 0.1, 0
    for _ in range(500):
        found = judged_risk(
            missed=int(rng.binomial(60, overlooks)),
            checked=60,
            wrong=int(rng.binomial(300, risk * (1 - overlooks))),
            n=300,
            delta=0.1,
        )
        missed += found.bound < risk
    assert missed <= 85
