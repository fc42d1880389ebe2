"""The share of wrong answers under another mix of questions."""

from __future__ import annotations

import pytest

from assay.guards.risk.prevalence import Counts, wrong_given_answered
from assay.pipeline.errors import UsageError


def test_worked_example() -> None:
    found = wrong_given_answered(Counts(4, 160, 200, 5, 150), 0.05, (0.1, 0.3, 0.5))
    bounds = [one.bound for one in found]
    assert bounds == pytest.approx([0.083972, 0.114360, 0.164265], abs=1e-6)
    plain = [one.plain for one in found]
    assert plain == pytest.approx([0.029493, 0.042105, 0.064000], abs=1e-6)


def test_a_system_that_never_answers_is_never_wrong_as_far_as_was_seen() -> None:
    (one,) = wrong_given_answered(Counts(0, 0, 50, 0, 50), 0.05, (0.5,))
    assert one.plain == 0.0
    assert one.bound == 1.0


@pytest.mark.parametrize("counts", [Counts(5, 4, 9, 0, 9), Counts(0, 0, 0, 0, 9)])
def test_impossible_counts_are_refused(counts: Counts) -> None:
    with pytest.raises(UsageError, match="impossible counts"):
        wrong_given_answered(counts, 0.05)


def test_a_share_is_a_share() -> None:
    with pytest.raises(UsageError, match="share"):
        wrong_given_answered(Counts(0, 9, 9, 0, 9), 0.05, (1.5,))
