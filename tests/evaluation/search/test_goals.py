"""Objectives and constraints, as the command line writes them."""

from __future__ import annotations

import math

import pytest

from assay.evaluation.search.goals import Constraint, constraint_of, objective_of
from assay.pipeline.errors import UsageError


@pytest.mark.parametrize(
    ("key", "maximise"),
    [
        ("qa.correct", True),
        ("retrieval.ndcg@10", True),
        ("abstention.risk", False),
        ("abstention.augrc", False),
        ("abstention.auroc", True),
        ("cost.seconds.p50", False),
        ("poison.asr", False),
    ],
)
def test_the_direction_is_that_of_the_figure(key: str, maximise: bool) -> None:
    objective = objective_of(key)
    assert objective.maximise is maximise
    assert (objective.signed(1.0) < objective.signed(0.5)) is maximise


def test_a_mistyped_figure_gets_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r"did you mean 'qa\.correct'"):
        objective_of("qa.corect")
    with pytest.raises(UsageError, match=r"did you mean 'abstention\.risk'"):
        constraint_of("abstention.rsk<=0.1")


@pytest.mark.parametrize(
    "written", ["", "abstention.risk", "abstention.risk<0.1", "abstention.risk<=", "<=0.1",
                "abstention.risk<=x", "abstention.risk<=nan", "abstention.risk<=inf"],
)  # fmt: skip
def test_what_is_no_constraint_says_how_to_write_one(written: str) -> None:
    with pytest.raises(UsageError, match="write for example"):
        constraint_of(written)


def test_a_violation_is_a_share_of_the_bound() -> None:
    most = constraint_of(" abstention.risk <= 0.2 ")
    assert most == Constraint("abstention.risk", True, 0.2)
    assert most.violation(0.2) == 0
    assert most.violation(0.3) == pytest.approx(0.5)
    least = constraint_of("abstention.coverage>=0.5")
    assert least.violation(0.6) == 0
    assert least.violation(0.25) == pytest.approx(0.5)
    assert constraint_of("poison.asr<=0").violation(0.25) == 0.25
    assert most.violation(None) == math.inf
