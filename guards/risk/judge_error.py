"""A bound on the risk from labels of a judge that overlooks some wrong answers."""

from __future__ import annotations

from dataclasses import dataclass

from assay.guards.risk.binomial import clopper_pearson_upper
from assay.pipeline.errors import UsageError


@dataclass(frozen=True, slots=True)
class JudgedRisk:
    """What the judge's labels and the check of the judge say together.

    Args:
        overlooked: upper bound on the share of wrong answers that the judge calls right.
        judged: upper bound on the share of answers that it calls wrong.
        bound: upper bound on the true risk, at most 1.
    """

    overlooked: float
    judged: float
    bound: float


def judged_risk(*, missed: int, checked: int, wrong: int, n: int, delta: float) -> JudgedRisk:
    """Divide the judged risk by the share of wrong answers that the judge sees.

    Half of ``delta`` goes to the check of the judge, half to the risk. What the judge wrongly
    calls wrong only makes the bound larger.

    Args:
        missed: wrong answers, by people's labels, that the judge called right.
        checked: wrong answers, by people's labels, that it was shown.
        wrong: answers that it called wrong.
        n: answers that it judged.
        delta: probability that the bound is wrong, in (0, 1).
    """
    overlooked = clopper_pearson_upper(missed, checked, delta / 2) if checked else 1.0
    judged = clopper_pearson_upper(wrong, n, delta / 2) if n else 1.0
    bound = 1.0 if overlooked >= 1 else min(1.0, judged / (1 - overlooked))
    return JudgedRisk(overlooked, judged, bound)


def level_for_judge(alpha: float, overlooked: float) -> float:
    """The level that judged labels must keep so that the truth keeps ``alpha``.

    >>> level_for_judge(0.1, 0.5)
    0.05

    Raises:
        UsageError: if the judge may overlook everything.
    """
    if not 0.0 <= overlooked < 1.0:
        raise UsageError(
            f"a judge that may overlook a share of {overlooked} of wrong answers proves nothing:"
            " show it more answers that people found wrong"
        )
    return alpha * (1 - overlooked)
