"""What share of the given answers is wrong when the mix of questions is another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.guards.risk.binomial import clopper_pearson_lower, clopper_pearson_upper
from assay.pipeline.errors import UsageError

SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)


@dataclass(frozen=True, slots=True)
class Counts:
    """What was seen, by stratum.

    Args:
        wrong: answerable questions that got a wrong answer.
        answered: answerable questions that got an answer.
        answerable: questions.
        false_answers: unanswerable questions that got an answer.
        unanswerable: questions.
    """

    wrong: int
    answered: int
    answerable: int
    false_answers: int
    unanswerable: int


@dataclass(frozen=True, slots=True)
class Mixed:
    """Of a share of unanswerable questions: the bound on wrong answers, and the plain figure."""

    share: float
    bound: float
    plain: float


def wrong_given_answered(
    counts: Counts, delta: float, shares: Sequence[float] = SHARES
) -> tuple[Mixed, ...]:
    """Bounds that hold for all shares together with probability ``1 - delta``.

    An answer to an unanswerable question is wrong. Three exact bounds, ``delta / 3`` each: on
    wrong answers and on answers at all among the answerable, and on answers to the unanswerable.

    Raises:
        UsageError: for impossible counts or shares.
    """
    if not (
        0 <= counts.wrong <= counts.answered <= counts.answerable
        and 0 <= counts.false_answers <= counts.unanswerable
        and counts.answerable > 0
        and counts.unanswerable > 0
    ):
        raise UsageError(f"impossible counts: {counts}")
    wrong = clopper_pearson_upper(counts.wrong, counts.answerable, delta / 3)
    answered = clopper_pearson_lower(counts.answered, counts.answerable, delta / 3)
    false = clopper_pearson_upper(counts.false_answers, counts.unanswerable, delta / 3)
    found: list[Mixed] = []
    for share in shares:
        if not 0.0 <= share <= 1.0:
            raise UsageError(f"a share must lie in [0, 1], found {share}")
        right = (1 - share) * max(0.0, answered - wrong)
        bad = share * false + (1 - share) * wrong
        seen = share * counts.false_answers / counts.unanswerable
        seen += (1 - share) * counts.wrong / counts.answerable
        good = (1 - share) * (counts.answered - counts.wrong) / counts.answerable
        found.append(
            Mixed(
                share,
                min(1.0, bad / (bad + right)) if bad + right else 0.0,
                seen / (seen + good) if seen + good else 0.0,
            )
        )
    return tuple(found)
