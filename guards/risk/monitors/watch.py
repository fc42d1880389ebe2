"""All monitors of one certificate, fed with run records and audit labels.

* A martingale for each gate's score, alarm at 100: does it still look as in calibration?
* Two tests of the share of abstentions, alarm at 100 each: above or below the certify fold's?
* A detector for each certified risk that audits can see, alarm at 5000: is the level still kept?
* Canaries: the same questions, asked again, must give the same.

Feeding the same twice changes nothing: a question counts once, the first time that it is seen.
Cost: no model calls; a logarithm in the number of scores for each question.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

from assay.guards.risk.monitors.alternatives import ABSTENTION_ODDS, RISK_ODDS, above, below
from assay.guards.risk.monitors.audit import AuditLabel, audited, loss_of, uniform
from assay.guards.risk.monitors.exchangeability import ExchangeabilityMartingale
from assay.guards.risk.monitors.latch import Alarm
from assay.guards.risk.monitors.record_view import RecordView
from assay.guards.risk.monitors.reference import Reference
from assay.guards.risk.monitors.state import (
    Audited,
    Canary,
    RiskState,
    ScoreState,
    State,
)
from assay.guards.risk.monitors.wealth import ChangeDetector, RateTest

ALARM = 100.0
"""Wealth at which a monitor without labels alarms: 1 % chance each if nothing changed."""

ARL = 5000.0
"""Alarm of a risk's detector: the mean number of labels to a false alarm is at least this."""

TOLERANCE = 1e-4
"""How far a canary's score may lie from what it was."""

_LEAST, _MOST = 1e-300, 1e300

Taken = Literal["counted", "repeated", "failed", "of another certificate"]
Labelled = Literal[
    "counted", "repeated", "contradicting", "waiting", "not sampled", "not filled in"
]


class Watch:
    """The monitors, resumed from a state.

    Args:
        reference: what is watched.
        state: as loaded; it is changed in place.
    """

    def __init__(self, reference: Reference, state: State) -> None:
        self.reference = reference
        self.state = state
        self.taken: Counter[Taken] = Counter()
        self.labelled: Counter[Labelled] = Counter()
        self.without_score: Counter[str] = Counter()
        self._seen = set(state.questions)
        self._loud = {one.monitor for one in state.alarms}
        self._martingales = {
            gate.name: self._resumed(gate.name, gate.scores) for gate in reference.gates
        }

    # -- records ------------------------------------------------------------

    def record(self, fields: Mapping[str, Any], place: str) -> Taken:
        """Count one run record.

        Args:
            fields: the record.
            place: file and line, for errors.

        Raises:
            DataError: if it is no run record.
        """
        taken = self._record(RecordView.of(fields, place))
        self.taken[taken] += 1
        return taken

    def _record(self, view: RecordView) -> Taken:
        if view.certificate != self.state.certificate or view.void:
            return "of another certificate"
        if view.outcome == "failed":
            return "failed"
        if view.query_id in self._seen:
            return "repeated"
        self._seen.add(view.query_id)
        self.state.questions.append(view.query_id)
        for gate in self.reference.gates:
            score = view.score(gate.node)
            if score is None:
                self.without_score[gate.name] += view.scored_badly(gate.node)
            else:
                self._score(gate.name, score, view.query_id)
        self._abstention(view.outcome == "abstained", view.query_id)
        if audited(view.query_id, self.state.rate, salt=self.state.certificate):
            self.state.audited[view.query_id] = Audited(
                answered=view.outcome == "answered", text=view.text, answer=view.answer
            )
            early = self.state.waiting.pop(view.query_id, None)
            if early is not None:
                self._label(AuditLabel.model_validate(early))
        elif self.state.waiting.pop(view.query_id, None) is not None:
            self.labelled["not sampled"] += 1
        return "counted"

    def _resumed(self, name: str, scores: tuple[float, ...]) -> ExchangeabilityMartingale:
        kept = self.state.scores.setdefault(name, ScoreState())
        return ExchangeabilityMartingale.resumed(scores, kept.arrived, low=kept.low, high=kept.high)

    def _score(self, name: str, score: float, query_id: str) -> None:
        martingale, kept = self._martingales[name], self.state.scores[name]
        value = martingale.add(score, tie=uniform(query_id, f"{self.state.certificate}|{name}"))
        kept.arrived.append(score)
        kept.low, kept.high = martingale.low, martingale.high
        kept.most = max(kept.most, _logarithm(value))
        if value >= ALARM:
            self._alarm(
                f"score {name}",
                f"the {name} scores no longer look as in calibration",
                martingale.seen,
                query_id,
            )

    def _abstention(self, abstained: bool, query_id: str) -> None:
        kept, known = self.state.abstentions, self.reference.abstentions
        kept.asked += 1
        kept.abstained += abstained
        if known is None:
            return
        share = f"{kept.abstained} of {kept.asked}"
        if 0.0 < known.upper < 1.0:
            kept.more = _bet(known.upper, above(known.upper, ABSTENTION_ODDS), kept.more, abstained)
            value = sum(kept.more) / len(kept.more)
            kept.most_more = max(kept.most_more, value)
            if value >= ALARM:
                reason = f"more questions end without an answer than in calibration ({share})"
                self._alarm("more abstentions", reason, kept.asked, query_id)
        if 0.0 < known.lower < 1.0:
            kept.fewer = _bet(
                known.lower, below(known.lower, ABSTENTION_ODDS), kept.fewer, abstained
            )
            value = sum(kept.fewer) / len(kept.fewer)
            kept.most_fewer = max(kept.most_fewer, value)
            if value >= ALARM:
                reason = f"fewer questions end without an answer than in calibration ({share})"
                self._alarm("fewer abstentions", reason, kept.asked, query_id)

    # -- labels -------------------------------------------------------------

    def label(self, label: AuditLabel) -> Labelled:
        """Count one audit label; labels are bet on in the order in which they come.

        A label of a question that was not seen yet waits for it. One of a question outside the
        sample is left out: people who pick what they look at would bias the figures. A second
        label of a question never undoes the first.
        """
        found = self._label(label)
        self.labelled[found] += 1
        return found

    def _label(self, label: AuditLabel) -> Labelled:
        if label.empty:
            return "not filled in"
        question = self.state.audited.get(label.query_id)
        if question is None:
            if label.query_id in self._seen:
                return "not sampled"
            earlier = self.state.waiting.setdefault(label.query_id, label.verdict)
            return "waiting" if earlier == label.verdict else "contradicting"
        if question.verdict is not None:
            return "repeated" if question.verdict == label.verdict else "contradicting"
        question.verdict = label.verdict
        for risk in self.reference.risks:
            loss = loss_of(label, risk, answered=question.answered)
            if loss is not None:
                self._loss(risk.name, risk.alpha, loss, label.query_id)
        return "counted"

    def _loss(self, name: str, level: float, loss: float, query_id: str) -> None:
        kept = self.state.risks.setdefault(name, RiskState())
        detector = ChangeDetector(level, above(level, RISK_ODDS), tuple(kept.sums)).after(loss)
        kept.sums = [min(one, _MOST) for one in detector.sums]
        kept.most = max(kept.most, min(detector.value, _MOST))
        kept.n, kept.total = kept.n + 1, kept.total + loss
        if detector.value >= ARL:
            reason = (
                f"{name} is above its level {level:g} (audits: {kept.total:g} of {kept.n} lost)"
            )
            self._alarm(name, reason, kept.n, query_id)

    # -- canaries -----------------------------------------------------------

    def canary(self, fields: Mapping[str, Any], place: str) -> bool:
        """Compare the record of a canary question with its first; True if it is the same.

        Raises:
            DataError: if it is no run record.
        """
        view = RecordView.of(fields, place)
        if view.certificate != self.state.certificate:
            self.taken["of another certificate"] += 1
            return True
        scores = {
            gate.name: score
            for gate in self.reference.gates
            if (score := view.score(gate.node)) is not None
        }
        now = Canary(outcome=view.outcome, scores=scores)
        first = self.state.canaries.setdefault(view.query_id, now)
        self.state.canary_checks += 1
        same = (
            first.outcome == now.outcome
            and first.scores.keys() == scores.keys()
            and all(abs(first.scores[name] - scores[name]) <= TOLERANCE for name in scores)
        )
        if not same:
            reason = (
                f"canary '{view.query_id}' no longer gives what it gave ({first.outcome} before)"
            )
            self._alarm("canaries", reason, self.state.canary_checks, view.query_id)
        return same

    def _alarm(self, monitor: str, reason: str, after: int, query_id: str) -> None:
        if monitor in self._loud:
            return
        self._loud.add(monitor)
        self.state.alarms.append(
            Alarm(
                certificate=self.state.certificate,
                monitor=monitor,
                reason=reason,
                after=after,
                query_id=query_id,
            )
        )

    # -- what a report needs ------------------------------------------------

    def wealth(self, gate: str) -> float:
        """Of a gate's martingale."""
        return self._martingales[gate].value

    @property
    def due(self) -> list[AuditLabel]:
        """Sampled questions that nobody has labelled yet, to be filled in."""
        return [
            AuditLabel(query_id=name, text=one.text, answer=one.answer)
            for name, one in self.state.audited.items()
            if one.verdict is None
        ]


def _bet(level: float, rates: tuple[float, ...], wealth: list[float], outcome: bool) -> list[float]:
    """One more outcome; what is owned stays a number that can be written and multiplied."""
    test = RateTest(level, rates, tuple(wealth)).after(outcome)
    return [min(max(one, _LEAST), _MOST) for one in test.wealth]


def _logarithm(value: float) -> float:
    return math.log(min(max(value, _LEAST), _MOST))
