"""Selection with guaranteed risk."""

from __future__ import annotations

import pytest

from assay.guards.risk.selective import selective_risk
from assay.pipeline.errors import UsageError


def test_worked_example() -> None:
    confidences = [(i + 1) / 500 for i in range(500)]
    wrong = [
        (7 * i % 50 == 0 and confidences[i] <= 0.9) or (i % 4 == 0 and confidences[i] <= 0.3)
        for i in range(500)
    ]
    assert sum(wrong) == 45
    found = selective_risk(confidences, wrong, risk=0.05, delta=0.05)
    assert found.threshold == pytest.approx(0.292)
    assert found.answered == 355
    assert found.bound == pytest.approx(0.047119, abs=1e-6)
    expected = [
        (250, 4, 0.048948),
        (375, 12, 0.062846),
        (312, 5, 0.044209),
        (343, 5, 0.040266),
        (359, 8, 0.050521),
        (351, 6, 0.043556),
        (355, 7, 0.047119),
        (357, 8, 0.050800),
        (356, 8, 0.050941),
    ]
    for step, (answered, errors, bound) in zip(found.visited, expected, strict=True):
        assert step[:2] == (answered, errors)
        assert step[2] == pytest.approx(bound, abs=1e-6)


def test_without_a_threshold_that_holds_it_abstains_always() -> None:
    found = selective_risk([0.1, 0.2, 0.3], [True, True, True], risk=0.1, delta=0.1)
    assert (found.threshold, found.answered, found.bound) == (None, 0, 1.0)


def test_equal_confidences_are_answered_together() -> None:
    found = selective_risk([0.5] * 200, [False] * 200, risk=0.1, delta=0.1)
    assert (found.threshold, found.answered) == (0.5, 200)


@pytest.mark.parametrize(
    ("confidences", "wrong"), [([], []), ([0.5], []), ([float("nan")], [True])]
)
def test_questions_without_confidence_or_label_are_refused(
    confidences: list[float], wrong: list[bool]
) -> None:
    with pytest.raises(UsageError, match="confidence and a label"):
        selective_risk(confidences, wrong, risk=0.1, delta=0.1)
