"""A plan tells before anything is run how little may go wrong."""

from __future__ import annotations

import pytest

from assay.guards.risk.folds import CalibrationItem
from assay.guards.risk.losses import Risk
from assay.guards.risk.plan import plan

POISONED = [CalibrationItem(f"q{number}", "poisoned", f"q{number}") for number in range(24)]


@pytest.mark.parametrize(
    ("alpha", "most", "said"),
    [
        (0.15, 0, "at least 18 needed: enough; at most 0 may be lost"),
        (0.25, 2, "at least 10 needed: enough; at most 2 may be lost"),
        (0.05, None, "at least 55 needed: too few"),
    ],
)
def test_a_plan_says_how_many_losses_pass(alpha: float, most: int | None, said: str) -> None:
    (row,) = plan(POISONED, (Risk("poison_admitted", alpha),), 0.060793)
    assert row.most == most
    assert said in str(row)


def test_a_plan_says_the_chance_of_a_pipeline_that_is_clearly_better() -> None:
    (row,) = plan(POISONED, (Risk("poison_admitted", 0.15),), 0.060793)
    assert str(row).endswith(f"a chance of {0.95**24:.2f}")


def test_a_risk_without_questions_has_no_chance() -> None:
    (row,) = plan(POISONED, (Risk("false_answer", 0.2),), 0.1)
    assert (row.n, row.most) == (0, None)
