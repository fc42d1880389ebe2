"""Abstain before anything is generated where the evidence is too thin."""

from __future__ import annotations

from pydantic import Field

from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Abstention, AbstentionReason, ScoreKind, Selection


class EvidenceConfig(Config):
    """Settings of ``abstain.evidence@1``."""

    kind: ScoreKind = Field(
        ScoreKind.LOGIT, strict=False, description="the one kind of score that it compares"
    )
    threshold: float | None = Field(
        None, description="lowest best score that is answered; none leaves the gate open"
    )


@register("abstain.evidence@1")
class Evidence(Node):
    """Pass a selection on if its best passage scores at least ``threshold``.

    The empty selection always abstains, and says whether the verifiers emptied
    it. Cost: no model calls; it saves the generation.
    """

    Config = EvidenceConfig
    compares = "selection"

    def run(self, selection: Selection, context: RunContext) -> Selection | Abstention:
        """The same selection, or an abstention with the nearest passages.

        Raises:
            UsageError: if the selection's scores are of another kind.
        """
        if not selection.kept:
            return self._empty(selection)
        best = max(selection.kept, key=lambda hit: hit.score.value)
        if best.score.kind is not self.config.kind:
            raise UsageError(
                f"abstain.evidence compares scores of kind '{self.config.kind}', found"
                f" '{best.score.kind}' from {best.score.source}: set 'kind' or feed another ranking"
            )
        context.note(score=best.score.value, kind=best.score.kind.value)
        threshold = self.config.threshold
        if threshold is None or best.score.value >= threshold:
            return selection
        return Abstention(
            stage="abstain.evidence",
            reason=AbstentionReason.LOW_SELECTION,
            detail="No passage fits the question well enough to answer from.",
            evidence=tuple(hit.passage for hit in selection.kept[:3]),
            score=best.score,
            threshold=threshold,
            next_step="Rephrase the question, or look at the nearest passages.",
        )

    def _empty(self, selection: Selection) -> Abstention:
        suspects = [one for one in selection.dropped if one.reason.startswith("verifier:")]
        nearest = tuple(one.hit.passage for one in selection.dropped[:3])
        if suspects:
            return Abstention(
                stage="abstain.evidence",
                reason=AbstentionReason.POISON_SUSPECT,
                detail=f"All {len(suspects)} selected passages were refused by the verifiers:"
                f" {suspects[0].reason.removeprefix('verifier: ')}.",
                evidence=nearest,
                next_step="Have the refused passages looked at by whoever owns the corpus.",
            )
        return Abstention(
            stage="abstain.evidence",
            reason=AbstentionReason.NO_EVIDENCE,
            detail="Nothing in the corpus matches the question.",
            evidence=nearest,
            next_step="Ask about something that the corpus covers, or add documents.",
        )
