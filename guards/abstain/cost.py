"""Answer where that is expected to be worth more than to abstain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Self

from pydantic import Field, model_validator

from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Abstention, AbstentionReason, Answer, Score, ScoreKind


class CostConfig(Config):
    """Settings of ``abstain.cost@1``; what each outcome is worth, in one unit of your choice."""

    right: float = Field(1.0, description="worth of a right answer")
    wrong: dict[str, float] = Field(
        default_factory=lambda: {"wrong": -4.0},
        min_length=1,
        description="worth of a wrong answer, by kind of error: {outdated: -2, invented: -9}",
    )
    abstain: float = Field(0.0, description="worth of an abstention")
    shares: dict[str, float] = Field(
        default_factory=dict,
        description="share of each kind among the errors, above 0, in sum 1; without it every"
        " error counts as the worst kind",
    )
    signal: str = Field(
        "",
        description="a signal from 0 to 1, such as p_true.true, that is taken for the probability"
        " while no calibrator is fitted; '' takes a calibrated confidence alone",
    )

    @model_validator(mode="after")
    def _utilities_make_sense(self) -> Self:
        worst = max(self.wrong.values())
        if not self.right > self.abstain > worst:
            raise ValueError(
                "'right' must be worth more than 'abstain', and 'abstain' more than every kind of"
                f" wrong answer; found {self.right:g}, {self.abstain:g} and {worst:g}"
            )
        if self.shares:
            if self.shares.keys() != self.wrong.keys():
                raise ValueError(
                    f"'shares' has {sorted(self.shares)}, 'wrong' {sorted(self.wrong)}: give each"
                    " kind its share, or none"
                )
            total = math.fsum(self.shares.values())
            if min(self.shares.values()) <= 0 or abs(total - 1) > 1e-6:
                raise ValueError(f"'shares' must be above 0 and sum to 1, their sum is {total:g}")
        return self


@register("abstain.cost@1")
class CostRule(Node):
    """Chow's rule: the least probability from which an answer is worth giving.

    For before any labels exist: it needs what outcomes are worth, and a probability. It promises
    nothing: if the probability is off, so is the rule. With labels, ``abstain.threshold`` under a
    certificate takes its place.

    Source: Chow, On optimum recognition error and reject tradeoff (1970); a worth by kind of error
    as in decision rules with a matrix of utilities. Cost: no model calls.
    """

    Config = CostConfig

    def run(self, answer: Answer, context: RunContext) -> Answer | Abstention:
        """The same answer, or an abstention that says what was missing to its worth.

        Raises:
            UsageError: if the answer carries no probability.
        """
        least = threshold(
            right=self.config.right,
            wrong=wrong_worth(self.config.wrong, self.config.shares),
            abstain=self.config.abstain,
        )
        score = self._probability(answer)
        context.note(score=score.value, kind=score.kind.value, threshold=least)
        if score.value >= least:
            return answer
        return Abstention(
            stage="abstain.cost",
            reason=AbstentionReason.LOW_CONFIDENCE,
            detail=f"There is a possible answer, with probability {score.value:.2f}; by what"
            f" mistakes cost, it takes {least:.2f}.",
            evidence=answer.evidence,
            score=score,
            threshold=least,
            next_step="Read the nearest passages, or ask a more specific question.",
        )

    def _probability(self, answer: Answer) -> Score:
        found = answer.confidence
        if found is not None and found.kind is ScoreKind.PROBABILITY:
            return found
        name = self.config.signal
        value = answer.signals.get(name)
        if not name or value is None or not 0.0 <= value <= 1.0:
            what = f"signal '{name}' is {value}" if name else "no calibrated confidence is there"
            raise UsageError(
                f"abstain.cost needs a probability, but {what}: name in 'signal' a signal from 0"
                " to 1 that abstain.confidence collects, or fit its calibrator with 'assay"
                " calibrate run'"
            )
        return Score(value, ScoreKind.PROBABILITY, name)


def threshold(*, right: float, wrong: float, abstain: float) -> float:
    """Least probability of a right answer at which answering is worth no less than abstaining.

    >>> threshold(right=1.0, wrong=-4.0, abstain=0.0)
    0.8
    """
    return (abstain - wrong) / (right - wrong)


def wrong_worth(wrong: Mapping[str, float], shares: Mapping[str, float]) -> float:
    """Expected worth of an error; that of the worst kind where shares are not known.

    >>> wrong_worth({"outdated": -2.0, "invented": -9.0}, {})
    -9.0
    >>> wrong_worth({"outdated": -2.0, "invented": -9.0}, {"outdated": 0.5, "invented": 0.5})
    -5.5
    """
    if not shares:
        return min(wrong.values())
    return math.fsum(shares[kind] * worth for kind, worth in wrong.items())
