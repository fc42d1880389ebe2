"""A check of the model that judged the questions, and the levels that it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from assay.guards.risk.binomial import clopper_pearson_upper
from assay.guards.risk.judge_error import level_for_judge
from assay.guards.risk.losses import Risk
from assay.pipeline.errors import UsageError


@dataclass(frozen=True, slots=True)
class JudgeSample:
    """How often the judge called a wrong answer right.

    Args:
        missed: wrong answers, by people's labels, that it called right.
        checked: wrong answers, by people's labels, that it was shown; at least 1.
    """

    missed: int
    checked: int

    def __post_init__(self) -> None:
        if not 0 <= self.missed <= self.checked or self.checked < 1:
            raise UsageError(
                "a judge's sample is MISSED/CHECKED, wrong answers that it called right out of"
                f" wrong answers that it was shown, for example 2/80; found"
                f" {self.missed}/{self.checked}"
            )

    def overlooked(self, delta: float) -> float:
        """Upper bound on the share that it misses, at half of ``delta``."""
        return clopper_pearson_upper(self.missed, self.checked, delta / 2)


def share_for_test(delta: float, judge: JudgeSample | None) -> float:
    """What all tests together may spend of ``delta``; the check of a judge takes half."""
    return delta if judge is None else delta / 2


def tested_levels(
    risks: Sequence[Risk], judge: JudgeSample | None, delta: float
) -> tuple[Risk, ...]:
    """The risks at the levels that the labels must keep so that the truth keeps its own.

    A judge that misses a share b of wrong answers makes the share of wrong answers look
    smaller by 1 - b, so ``hallucination`` is tested at ``alpha (1 - b)``. Source: section 2.1
    of "Noisy but Valid" (2026); the union bound gives b and the test half of delta each.

    Raises:
        UsageError: if the judge may overlook everything, or a risk counts right answers:
            a judge that calls wrong answers right would make it look better or worse.
    """
    if judge is None:
        return tuple(risks)
    if any(risk.name == "wrongful_abstention" for risk in risks):
        raise UsageError(
            "'wrongful_abstention' counts right answers, and a judge's sample says nothing about"
            " those that it calls wrong: leave the risk out, or label by people"
        )
    overlooked = judge.overlooked(delta)
    return tuple(
        replace(risk, alpha=level_for_judge(risk.alpha, overlooked))
        if risk.name == "hallucination"
        else risk
        for risk in risks
    )
