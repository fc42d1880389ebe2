"""Everything in a certificate that follows from a walk; to write it, and to verify it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.guards.risk.attempts import spending
from assay.guards.risk.binomial import clopper_pearson_upper
from assay.guards.risk.judge_sample import JudgeSample, share_for_test, tested_levels
from assay.guards.risk.losses import Count, Observation, Risk, Thresholds
from assay.guards.risk.mean_bounds import hoeffding_bentkus_upper
from assay.guards.risk.path import Step, Walk
from assay.guards.risk.procedures import ProcedureName
from assay.guards.risk.schema import (
    Bounded,
    CertifiedPoint,
    JudgeInfo,
    Number,
    RiskResult,
    Share,
    TestName,
)
from assay.guards.risk.sensitivity import sensitivity
from assay.guards.risk.tally import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What was asked for, as far as figures depend on it.

    Args:
        risks: with the levels that are guaranteed.
        delta: probability that the certificate is wrong.
        procedure: which points of the path are certified.
        judge: how the model that judged was checked, if one did.
    """

    risks: Sequence[Risk]
    delta: float
    procedure: ProcedureName = "fixed-sequence"
    judge: JudgeSample | None = None

    @property
    def tested_risks(self) -> tuple[Risk, ...]:
        """The risks with the levels that they are tested at."""
        return tested_levels(self.risks, self.judge, self.delta)

    def spent(self, attempt: int) -> float:
        """Size of the test of an attempt, counted from 1."""
        if self.procedure == "expectation":
            return 0.0
        return spending(share_for_test(self.delta, self.judge), attempt)


def results(walked: Walk, observations: Sequence[Observation], promise: Promise) -> dict[str, Any]:
    """Everything in a certificate that follows from the walk.

    Used to write the certificate and again to verify it.
    """
    chosen, judge = walked.chosen, promise.judge
    thresholds: Thresholds = {} if chosen is None else chosen.thresholds
    tally = Tally(observations)
    no_test = promise.procedure == "expectation"
    fields: dict[str, Any] = {
        "stopped_at": walked.stopped_at,
        "certified_path": tuple(
            CertifiedPoint(
                thresholds=numbers(step.thresholds),
                counts={
                    risk.name: (one.k, one.n)
                    for risk, one in zip(promise.risks, step.counts, strict=True)
                },
                max_p=None if no_test else step.p_value,
            )
            for step in walked.certified
        ),
        "judge": None
        if judge is None
        else JudgeInfo(
            missed=judge.missed,
            checked=judge.checked,
            overlooked=judge.overlooked(promise.delta),
        ),
        "risks": (),
        "utility": None,
        "coverage": None,
        "wrongful_abstention": None,
        "sensitivity": None,
    }
    if chosen is None:
        return fields
    return fields | {
        "risks": _risks(chosen, promise),
        "utility": _share(tally.right_rate(thresholds)),
        "coverage": _share(tally.coverage(thresholds)),
        "wrongful_abstention": _abstained(tally, promise, thresholds),
        "sensitivity": sensitivity(
            tally, observations, promise.risks, thresholds, delta=promise.delta
        ),
    }


def _risks(chosen: Step, promise: Promise) -> tuple[RiskResult, ...]:
    found = []
    no_test = promise.procedure == "expectation"
    for risk, tested, one in zip(promise.risks, promise.tested_risks, chosen.counts, strict=True):
        test: TestName = "hoeffding-bentkus" if risk.graded else "binomial"
        upper = (
            clopper_pearson_upper(one.k, one.n, promise.delta)
            if one.total is None
            else hoeffding_bentkus_upper(one.total, one.n, promise.delta)
        )
        found.append(
            RiskResult(
                name=risk.name,
                stratum=risk.stratum,
                alpha=risk.alpha,
                tested_at=tested.alpha,
                n=one.n,
                k=one.k,
                total=one.total,
                p=None if no_test else tested.p_value(one),
                test="conformal-risk-control" if no_test else test,
                ucb_descriptive=upper,
            )
        )
    return tuple(found)


def _abstained(tally: Tally, promise: Promise, thresholds: Thresholds) -> Bounded | None:
    """Exactly where the risk was declared, so that gates stood open; else from above."""
    declared = [risk for risk in promise.risks if risk.name == "wrongful_abstention"]
    one = tally.count(declared[0], thresholds) if declared else tally.abstained(thresholds)
    if not one.n:
        return None
    upper = clopper_pearson_upper(one.k, one.n, promise.delta)
    return Bounded(k=one.k, n=one.n, ucb_descriptive=upper)


def numbers(thresholds: Mapping[str, float]) -> dict[str, Number]:
    """Thresholds as a certificate writes them."""
    return {name: Number.of(value) for name, value in thresholds.items()}


def _share(one: Count) -> Share:
    return Share(k=one.k, n=one.n)
