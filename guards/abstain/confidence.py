"""Turn the signals about one answer into one probability that it is right."""

from __future__ import annotations

from dataclasses import replace

from assay.guards.risk.logistic_calibrator import LogisticCalibrator
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.words import Answer, Ranking, Score, ScoreKind, Selection


@register("abstain.confidence@1")
class Confidence(Node):
    """Fit of the evidence and of the answer, as a calibrated probability.

    Signals: ``evidence`` (the best passage's score), ``lead`` (its distance to the
    next passage), ``span_logit`` (the score of the extracted sentences; the best
    passage's where nothing was extracted), ``agreement`` (of draft and extract,
    0 to 1). Few on purpose: the fold that they are fitted on is small. The
    calibrator is fitted by ``assay calibrate run`` on the tune fold; until then
    the confidence is the best passage's own score in its own kind. Cost: no
    model calls.
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
    best = max(hit.score.value for hit in selection.kept)
    ranked = sorted((hit.score.value for hit in ranking.hits), reverse=True)
    return {
        "evidence": best,
        "lead": ranked[0] - ranked[1] if len(ranked) > 1 else 0.0,
        "span_logit": answer.signals.get("span_logit", best),
        "agreement": answer.signals.get("agreement", 0.0),
    }
