"""Give an answer only if its confidence reaches a threshold."""

from __future__ import annotations

from pydantic import Field

from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Abstention, AbstentionReason, Answer, ScoreKind


class ThresholdConfig(Config):
    """Settings of ``abstain.threshold@1``."""

    kind: ScoreKind = Field(
        ScoreKind.PROBABILITY, strict=False, description="the one kind of score that it compares"
    )
    threshold: float | None = Field(
        None, description="lowest confidence that is answered; none leaves the gate open"
    )


@register("abstain.threshold@1")
class Threshold(Node):
    """``confidence >= threshold``: the same comparison when calibrating and serving.

    Cost: no model calls.
    """

    Config = ThresholdConfig
    compares = "answer"

    def run(self, answer: Answer, context: RunContext) -> Answer | Abstention:
        """The same answer, or an abstention that shows the score it missed.

        Raises:
            UsageError: if the answer carries no confidence, or one of another kind.
        """
        score = answer.confidence
        if score is not None:
            context.note(score=score.value, kind=score.kind.value)
        threshold = self.config.threshold
        if threshold is None:
            return answer
        if score is None or score.kind is not self.config.kind:
            found = "no confidence" if score is None else f"'{score.kind}' from {score.source}"
            raise UsageError(
                f"abstain.threshold compares scores of kind '{self.config.kind}', found {found}:"
                " fit the calibrator with 'assay calibrate run'"
            )
        if score.value >= threshold:
            return answer
        return Abstention(
            stage="abstain.threshold",
            reason=AbstentionReason.LOW_CONFIDENCE,
            detail="There is a possible answer, but it is too likely to be wrong.",
            evidence=answer.evidence,
            score=score,
            threshold=threshold,
            next_step="Read the nearest passages, or ask a more specific question.",
        )
