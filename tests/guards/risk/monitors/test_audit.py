"""The sample of audited questions, and what labels say about risks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.guards.risk.losses import Risk
from assay.guards.risk.monitors.alternatives import ABSTENTION_ODDS, RISK_ODDS, above, below
from assay.guards.risk.monitors.audit import AuditLabel, audited, loss_of, read_label
from assay.guards.risk.monitors.interval import anytime_interval
from assay.pipeline.errors import DataError, UsageError


def test_a_share_of_the_questions_is_audited_and_each_larger_share_holds_the_smaller() -> None:
    few = {n for n in range(20_000) if audited(str(n), 0.05, salt="c")}
    more = {n for n in range(20_000) if audited(str(n), 0.2, salt="c")}
    assert few < more
    assert len(few) == pytest.approx(1000, abs=5 * math.sqrt(950))
    assert few != {n for n in range(20_000) if audited(str(n), 0.05, salt="d")}
    assert audited("\ud800", 1.0)
    assert not audited("x", 0.0)
    with pytest.raises(UsageError, match="rate"):
        audited("x", float("nan"))


@pytest.mark.parametrize(
    ("risk", "answered", "label", "loss"),
    [
        ("hallucination", True, {"right": False}, 1.0),
        ("hallucination", True, {"right": True}, 0.0),
        ("hallucination", True, {"right": True, "stratum": "unanswerable"}, 1.0),
        ("hallucination", False, {"right": False}, None),
        ("hallucination", True, {"complete": True}, None),
        ("false_answer", True, {"right": False}, None),
        ("false_answer", True, {"stratum": "unanswerable"}, 1.0),
        ("false_answer", False, {"stratum": "unanswerable"}, 0.0),
        ("poison_admitted", True, {"stratum": "poisoned", "right": True}, None),
        (
            "poison_admitted",
            True,
            {"stratum": "poisoned", "right": True, "poison_in_context": True},
            1.0,
        ),
        ("poison_admitted", False, {"stratum": "poisoned"}, 0.0),
        (
            "unsupported_claim",
            True,
            {"stratum": "answerable", "right": True, "unsupported": 0.25},
            0.25,
        ),
        ("wrongful_abstention", False, {"stratum": "answerable", "right": True}, None),
    ],
)
def test_a_label_counts_as_calibration_counts_it(
    risk: Any, answered: bool, label: dict[str, Any], loss: float | None
) -> None:
    made = AuditLabel(query_id="q", **label)
    assert loss_of(made, Risk(risk, 0.1), answered=answered) == loss


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"query_id": ""},
        {"query_id": "a", "right": "yes"},
        {"query_id": "a", "rihgt": True},
        {"query_id": "a", "unsupported": float("nan")},
    ],
)
def test_a_broken_label_names_its_place(fields: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"labels:7: .*expected"):
        read_label(fields, "labels:7")


@given(st.floats(0.001, 0.999))
def test_rates_lie_on_their_side_of_every_level(level: float) -> None:
    for factors in (RISK_ODDS, ABSTENTION_ODDS):
        assert all(level < one < 1 for one in above(level, factors))
        assert all(0 < one < level for one in below(level, factors))


def test_the_interval_holds_at_all_times_at_once() -> None:
    rng = np.random.default_rng(3)
    missed = 0
    for _ in range(100):
        totals = np.cumsum(rng.random(200) < 0.15)
        for n in range(1, 201):
            lower, upper = anytime_interval(float(totals[n - 1]), n, 0.1)
            if not lower <= 0.15 <= upper:
                missed += 1
                break
    assert missed <= 27  # 10 % of 100: 1e-6 band


def test_the_interval_of_nothing_and_of_nonsense() -> None:
    assert anytime_interval(0, 0, 0.1) == (0.0, 1.0)
    assert anytime_interval(0, 1, 0.05) == pytest.approx((0.0, 0.975))
    assert anytime_interval(1, 1, 0.05) == pytest.approx((0.025, 1.0))
    for total, n, delta in ((2.0, 1, 0.1), (math.nan, 1, 0.1), (0.0, 1, 0.0)):
        with pytest.raises(UsageError):
            anytime_interval(total, n, delta)
