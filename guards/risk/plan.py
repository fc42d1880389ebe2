"""Are there enough questions, and if nothing could be certified, why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from assay.guards.risk.binomial import (
    LARGEST_SAMPLE,
    clopper_pearson_lower,
    max_failures,
    n_min,
    p_value,
    sample_size,
)
from assay.guards.risk.conformal import (
    ROUNDING,
    allowed_in_expectation,
    allowed_with_confidence,
)
from assay.guards.risk.folds import CalibrationItem
from assay.guards.risk.losses import Observation, Risk, Thresholds
from assay.guards.risk.schema import Diagnosis
from assay.guards.risk.tally import Tally

POWER = 0.9

EXAMPLE = 1 / 3
"""Share of the level at which a plan tells the chance to pass."""


@dataclass(frozen=True, slots=True)
class PlanRow:
    """Whether one risk can be certified at all.

    Args:
        risk: what is to be certified.
        n: certify questions that it can be measured on, one per cluster.
        needed: the least number, reached only if no loss occurs.
        most: losses among ``n`` questions that still pass, None where even 0 does not.
    """

    risk: Risk
    n: int
    needed: int
    most: int | None

    @property
    def enough(self) -> bool:
        """Whether a certificate is possible."""
        return self.n >= self.needed

    def __str__(self) -> str:
        kind = self.risk.stratum or "any"
        said = (
            f"{self.risk.name} <= {self.risk.alpha:g}: {self.n} certify questions ({kind} stratum),"
            f" at least {self.needed} needed: {'enough' if self.enough else 'too few'}"
        )
        if self.most is None:
            return said
        chance = p_value(self.most, self.n, self.risk.alpha * EXAMPLE)
        return (
            f"{said}; at most {self.most} may be lost, of which a pipeline whose true rate is a"
            f" third of the level has a chance of {chance:.2f}"
        )


def plan(
    tested: Sequence[CalibrationItem],
    risks: Sequence[Risk],
    delta: float,
    *,
    expectation: bool = False,
) -> tuple[PlanRow, ...]:
    """Compare numbers of questions with the least that each risk needs.

    Args:
        tested: certify questions, one per cluster.
        risks: what is to be certified.
        delta: size of the test that is to be made.
        expectation: whether conformal risk control takes the place of a test.
    """
    return tuple(
        PlanRow(
            risk=risk,
            n=n,
            needed=math.ceil(1 / risk.alpha - 1 - ROUNDING)
            if expectation
            else n_min(risk.alpha, delta),
            most=_most(risk, n, delta, expectation=expectation),
        )
        for risk in risks
        for n in [sum(risk.stratum in (None, one.stratum) for one in tested)]
    )


def _most(risk: Risk, n: int, delta: float, *, expectation: bool) -> int | None:
    """Whole losses that still pass; None where even 0 does not."""
    if not n:
        return None
    if expectation:
        allowed = allowed_in_expectation(n, risk.alpha)
    elif risk.graded:
        allowed = allowed_with_confidence(n, risk.alpha, delta, binary=False)
    else:
        return max_failures(n, risk.alpha, delta)
    return None if allowed < 0 else math.floor(allowed)


def too_few(rows: Sequence[PlanRow]) -> Diagnosis | None:
    """The diagnosis when some risk has too few questions, before anything is run."""
    short = [row for row in rows if not row.enough]
    if not short:
        return None
    worst = max(short, key=lambda row: row.needed - row.n)
    return Diagnosis(
        binding=worst.risk.name,
        k=0,
        n=0,
        n_needed=worst.needed,
        abstention_floor=0.0,
        text="Too few certify questions, even if nothing goes wrong: "
        + "; ".join(str(row) for row in short)
        + ". Label more questions, or ask for a higher alpha or delta.",
    )


def diagnose(
    tune: Sequence[Observation],
    risks: Sequence[Risk],
    *,
    surest: Thresholds,
    thresholds: Sequence[str],
    delta: float,
    tested: bool,
    expectation: bool = False,
) -> Diagnosis:
    """Why nothing was certified; looks at the tune fold only.

    Anything about the certify fold would let the next pipeline be fitted to it.

    Args:
        tune: observations of the tune fold, made with open gates.
        risks: what was to be certified.
        surest: the thresholds that are most sure to pass, judged on tune.
        thresholds: names of all thresholds.
        delta: size of the next test.
        tested: whether the certify fold was looked at.
        expectation: whether conformal risk control took the place of a test.
    """
    tally = Tally(tune)
    counts = [tally.count(risk, surest) for risk in risks]
    ranked = sorted(zip(risks, counts, strict=True), key=lambda one: -one[0].p_value(one[1]))
    risk, binding = ranked[0]
    lost = binding.k if binding.total is None else binding.total
    rate = lost / binding.n if binding.n else 1.0
    needed = None if expectation else sample_size(rate, risk.alpha, delta, power=POWER)
    if expectation:
        remedy = "Improve the pipeline, raise alpha, or label more questions of its kind."
    elif needed is not None:
        remedy = (
            f"About {needed} certify questions that count for it would certify it with"
            f" probability {POWER:g} if that rate is the true one."
        )
    elif rate < risk.alpha:
        remedy = (
            f"That is so close to the level that more than {LARGEST_SAMPLE} certify questions"
            " would be needed: improve the pipeline or raise alpha."
        )
    else:
        remedy = (
            "At that rate no number of questions is enough: the scores do not tell right from"
            " wrong well enough, so improve the pipeline or raise alpha."
        )
    floor = _abstention_floor(tune, risks, thresholds, delta)
    parts = [
        f"At the surest thresholds tried, {risk.name} is {lost:g} of {binding.n} on the tune"
        f" fold, where at most {risk.alpha:g} is allowed.",
        remedy,
    ]
    if floor > 0:
        parts.append(
            f"Any rule that only abstains must do so on at least {floor:.0%} of these questions."
        )
    if not tested:
        parts.append("The certify fold was not looked at, so this cost no attempt.")
    return Diagnosis(
        binding=risk.name,
        k=binding.k,
        n=binding.n,
        n_needed=needed,
        abstention_floor=floor,
        text=" ".join(parts),
    )


def _abstention_floor(
    tune: Sequence[Observation], risks: Sequence[Risk], thresholds: Sequence[str], delta: float
) -> float:
    """(mu - alpha) / (1 - alpha) with mu a lower bound on the share of wrong answers."""
    for risk in risks:
        if risk.name == "hallucination":
            opened = Tally(tune).count(risk, dict.fromkeys(thresholds))
            mu = clopper_pearson_lower(opened.k, opened.n, delta)
            return max(0.0, (mu - risk.alpha) / (1 - risk.alpha))
    return 0.0
