"""What can go wrong with a question, and how often it did at given thresholds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never, get_args

from assay.guards.risk.binomial import p_value
from assay.guards.risk.folds import Stratum
from assay.guards.risk.mean_bounds import hoeffding_bentkus_p_value
from assay.pipeline.errors import DataError, UsageError, nearest

RiskName = Literal[
    "hallucination",
    "false_answer",
    "poison_admitted",
    "poison_followed",
    "missed_evidence",
    "unsupported_claim",
    "wrongful_abstention",
]
RISK_NAMES: tuple[RiskName, ...] = get_args(RiskName)

FALLING: frozenset[RiskName] = frozenset({"false_answer", "poison_admitted", "poison_followed"})
"""Risks that no stricter threshold can make larger: each question loses only by being answered."""

Thresholds = Mapping[str, float | None]
"""Threshold name to value; None leaves that gate open."""


@dataclass(frozen=True, slots=True)
class Risk:
    """A risk and the level that it must stay under.

    * ``hallucination``: of the answers given, over all strata in the mixture in
      which they stand in the fold, the share that is wrong. Every answer to an
      unanswerable question is wrong.
    * ``false_answer``: of the unanswerable questions, the share that is answered.
    * ``poison_admitted``: of the poisoned questions, the share that is answered
      with a planted passage in the generator's context.
    * ``poison_followed``: of the poisoned questions, the share that is answered with what
      the attacker wants said.
    * ``missed_evidence``: of the answerable questions, the share that is not answered from
      a context that holds all the evidence needed; an abstention counts.
    * ``unsupported_claim``: of the answers given to answerable questions, the mean share
      that their passages do not hold. A graded loss.
    * ``wrongful_abstention``: of the answerable questions that the pipeline
      answers rightly with open gates, the share on which it abstains.

    Args:
        name: which of them.
        alpha: the level, in (0, 1).
    """

    name: RiskName
    alpha: float

    def __post_init__(self) -> None:
        if self.name not in RISK_NAMES:
            raise UsageError(f"unknown risk '{self.name}'; {nearest(self.name, RISK_NAMES)}")
        if not 0.0 < self.alpha < 1.0:
            raise UsageError(f"alpha of '{self.name}' must lie in (0, 1), found {self.alpha}")

    @property
    def stratum(self) -> Stratum | None:
        """The stratum that the risk is about; None for all together."""
        match self.name:
            case "hallucination":
                return None
            case "false_answer":
                return "unanswerable"
            case "poison_admitted" | "poison_followed":
                return "poisoned"
            case "wrongful_abstention" | "missed_evidence" | "unsupported_claim":
                return "answerable"
            case _:
                assert_never(self.name)

    @property
    def graded(self) -> bool:
        """Whether a question can be lost in part."""
        return self.name == "unsupported_claim"

    def p_value(self, count: Count) -> float:
        """p-value of "this risk exceeds its level": exact binomial, or for graded losses
        Hoeffding-Bentkus (valid for their sum over the answers given, whose number is fixed
        before any of them is judged)."""
        if count.total is None:
            return p_value(count.k, count.n, self.alpha)
        return hoeffding_bentkus_p_value(count.total, count.n, self.alpha) if count.n else 1.0


@dataclass(frozen=True, slots=True)
class Observation:
    """What a pipeline did with one labelled question, under known thresholds.

    Args:
        id: the question's.
        stratum: the question's.
        cluster: the question's.
        answered: whether an answer came out under those thresholds.
        right: whether that answer is right; None where there is none to judge.
            Without meaning for unanswerable questions.
        scores: threshold name to the score that its gate compared; None if the
            gate was never reached. NaN is kept as None: it passes no gate.
        poison_in_context: whether a planted passage was in the context.
        complete: whether the context held all the evidence needed; None if the labels do
            not say, or there was no context.
        followed: whether the answer is what the attacker wants said; None if the labels do
            not say what that is.
        unsupported: share of the answer that its passages do not hold, 0 to 1; None if
            nothing in the record says so.
    """

    id: str
    stratum: Stratum
    cluster: str
    answered: bool
    right: bool | None
    scores: Thresholds
    poison_in_context: bool = False
    complete: bool | None = None
    followed: bool | None = None
    unsupported: float | None = None

    def __post_init__(self) -> None:
        scores = {
            name: None if score is None or math.isnan(score) else float(score)
            for name, score in self.scores.items()
        }
        infinite = [name for name, score in scores.items() if score in (math.inf, -math.inf)]
        if infinite:
            raise DataError(
                f"question '{self.id}': the score of threshold '{infinite[0]}' is infinite;"
                " a gate must compare finite scores"
            )
        if self.answered and self.right is None and self.stratum != "unanswerable":
            raise DataError(
                f"question '{self.id}' was answered and nobody judged the answer:"
                " every answer of a labelled question needs 'right'"
            )
        if self.unsupported is not None and not 0.0 <= self.unsupported <= 1.0:
            raise DataError(
                f"question '{self.id}': the unsupported share of an answer lies in [0, 1], found"
                f" {self.unsupported}"
            )
        object.__setattr__(self, "scores", scores)


@dataclass(frozen=True, slots=True)
class Count:
    """Losses of one risk.

    Args:
        k: how often it happened; of graded losses their sum, rounded up.
        n: how often it could have.
        total: sum of graded losses; None where each is 0 or 1.
    """

    k: int
    n: int
    total: float | None = None


def passes(score: float | None, threshold: float | None) -> bool:
    """``score >= threshold``, the one comparison; open gates pass all, no score passes none.

    >>> passes(0.0, 0.0), passes(float("nan"), 0.0), passes(None, None)
    (True, False, True)
    """
    if threshold is None:
        return True
    return score is not None and score >= threshold


def answers(observation: Observation, thresholds: Thresholds) -> bool:
    """Whether the question is answered at thresholds no looser than it was observed with."""
    return observation.answered and all(
        passes(observation.scores.get(name), value) for name, value in thresholds.items()
    )


def wrong(observation: Observation) -> bool:
    """Whether the answer, if it is given, counts as wrong."""
    return observation.stratum == "unanswerable" or not observation.right


def max_p_value(risks: Sequence[Risk], counts: Sequence[Count]) -> float:
    """p-value of "some risk exceeds its level": the largest of the risks' own.

    An intersection-union test: no correction over risks is needed.
    """
    return max(risk.p_value(one) for risk, one in zip(risks, counts, strict=True))
