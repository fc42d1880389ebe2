"""Turn the signals about one answer into one probability that it is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from assay.guards.risk.signal_calibrator import SignalCalibrator
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Answer, Ranking, Score, ScoreKind, Selection, Signals


@register("abstain.confidence@1")
class Confidence(Node):
    """Fit of the evidence and of the answer, as a calibrated probability.

    Its own signals: ``evidence`` (the best passage's score), ``lead`` (its distance to the
    next passage), ``span_logit`` (the score of the extracted sentences; the best
    passage's where nothing was extracted), ``agreement`` (of draft and extract,
    0 to 1). Those of the nodes that feed ``signals`` join them as ``INPUT.NAME``, such as
    ``samples.entropy``; what these nodes cost is paid once, and they run side by side. Few on
    purpose: the fold that they are fitted on is small. The
    calibrator is fitted by ``assay calibrate run`` on the tune fold; until then
    the confidence is the best passage's own score in its own kind. Cost: no
    model calls.
    """

    def __init__(self, config: Config, *, calibrator: SignalCalibrator) -> None:
        super().__init__(config)
        self.calibrator = calibrator

    def run(
        self,
        answer: Answer,
        selection: Selection,
        ranking: Ranking,
        context: RunContext,
        signals: Mapping[str, Signals] = {},
    ) -> Answer:
        """The same answer with its confidence and the signals behind it.

        Raises:
            UsageError: if nothing was selected, so that the answer has no evidence.
        """
        if not selection.kept:
            raise UsageError(
                "abstain.confidence got an answer and an empty selection: feed it the selection"
                " that the answer was made from"
            )
        own = _signals(answer, selection, ranking) | joined(signals)
        context.note(**own)
        if self.calibrator.fitted:
            score = Score(
                self.calibrator.probability(own), ScoreKind.PROBABILITY, self.calibrator.name
            )
        else:
            score = max((hit.score for hit in selection.kept), key=lambda one: one.value)
        return replace(answer, confidence=score, signals=own)


def joined(signals: Mapping[str, Signals]) -> dict[str, float]:
    """All figures of a named join, as ``INPUT.NAME``, in the order of these names.

    >>> joined({"b": Signals("x", {"lead": 0.5}), "a": Signals("y", {"held": 1.0})})
    {'a.held': 1.0, 'b.lead': 0.5}
    """
    return {
        f"{name}.{figure}": float(value)
        for name in sorted(signals)
        for figure, value in sorted(signals[name].figures.items())
    }


def _signals(answer: Answer, selection: Selection, ranking: Ranking) -> dict[str, float]:
    best = max(hit.score.value for hit in selection.kept)
    ranked = sorted((hit.score.value for hit in ranking.hits), reverse=True)
    return {
        "evidence": best,
        "lead": ranked[0] - ranked[1] if len(ranked) > 1 else 0.0,
        "span_logit": answer.signals.get("span_logit", best),
        "agreement": answer.signals.get("agreement", 0.0),
    }
