"""Turn the signals about one answer into one probability that it is right."""

from __future__ import annotations

from dataclasses import replace

from assay.guards.risk.logistic_calibrator import LogisticCalibrator
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.words import Answer, Ranking, Score, ScoreKind, Selection

NO_DRAFT_LOGPROB = -2.0
"""Stands in for the draft's mean log-probability where nothing was drafted."""


@register("abstain.confidence@1")
class Confidence(Node):
    """Fit of the evidence and of the answer, as a calibrated probability.

    Signals: the best passage's score, its lead over the next passage, the
    score of the extracted sentence, the draft's mean log-probability, its
    support and agreement, whether it was drafted, the share of selected
    passages that the verifiers refused. The calibrator is fitted by
    ``assay calibrate run`` on the tune fold; until then the confidence is the
    best passage's own score in its own kind. Cost: no model calls.
    """

    def __init__(self, config: Config, *, calibrator: LogisticCalibrator) -> None:
        super().__init__(config)
        self.calibrator = calibrator

    def run(
        self, answer: Answer, selection: Selection, ranking: Ranking, context: RunContext
    ) -> Answer:
        """The same answer with its confidence and the signals behind it."""
        signals = _signals(answer, selection, ranking)
        context.note(**signals)
        if self.calibrator.fitted:
            score = Score(
                self.calibrator.probability(signals), ScoreKind.PROBABILITY, self.calibrator.name
            )
        else:
            score = max((hit.score for hit in selection.kept), key=lambda one: one.value)
        return replace(answer, confidence=score, signals=signals)


def _signals(answer: Answer, selection: Selection, ranking: Ranking) -> dict[str, float]:
    kept = sorted((hit.score.value for hit in selection.kept), reverse=True)
    ranked = sorted((hit.score.value for hit in ranking.hits), reverse=True)
    refused = sum(one.reason.startswith("verifier:") for one in selection.dropped)
    drafted = dict(answer.signals)
    return {
        "evidence": kept[0],
        "lead": ranked[0] - ranked[1] if len(ranked) > 1 else 0.0,
        "span_logit": drafted.get("span_logit", kept[0]),
        "draft_logprob": drafted.get("draft_logprob", NO_DRAFT_LOGPROB),
        "support": drafted.get("support", 1.0),
        "agreement": drafted.get("agreement", 0.0),
        "drafted": drafted.get("drafted", 0.0),
        "refused_share": refused / (refused + len(kept)),
    }
