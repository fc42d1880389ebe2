"""Gates compare one kind of score with >=, and an open gate lets everything pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.guards.abstain.confidence import Confidence
from assay.guards.abstain.evidence import Evidence, EvidenceConfig
from assay.guards.abstain.threshold import Threshold, ThresholdConfig
from assay.guards.risk.logistic_calibrator import CalibratorConfig, LogisticCalibrator
from assay.pipeline import (
    Abstention,
    AbstentionReason,
    Answer,
    Citation,
    Dropped,
    RunContext,
    Score,
    ScoreKind,
    Selection,
)
from assay.pipeline.component import Config
from assay.pipeline.errors import UsageError
from tests.words import hit, passage, query, ranking, selection


def answer(value: float, kind: ScoreKind = ScoreKind.PROBABILITY) -> Answer:
    return Answer(
        "x", (Citation(0, 1, ("a",)),), (passage("a", "x"),), confidence=Score(value, kind, "t")
    )


@pytest.mark.parametrize(("score", "passes"), [(0.0, True), (-0.001, False), (0.001, True)])
def test_a_score_equal_to_the_threshold_passes_and_zero_is_a_threshold(
    score: float, passes: bool
) -> None:
    gate = Evidence(EvidenceConfig(threshold=0.0))
    outcome = gate.run(selection(hit("a", score=score)), RunContext())
    assert isinstance(outcome, Selection) is passes


def test_the_best_passage_counts_and_its_score_is_noted() -> None:
    context = RunContext()
    gate = Evidence(EvidenceConfig(threshold=2.0))
    assert isinstance(
        gate.run(selection(hit("a", score=1.0), hit("b", score=3.0)), context), Selection
    )
    assert context.notes["score"] == 3.0


def test_a_score_of_another_kind_is_refused() -> None:
    gate = Evidence(EvidenceConfig(kind=ScoreKind.COSINE))
    with pytest.raises(UsageError, match="kind 'cosine', found 'logit'"):
        gate.run(selection(hit("a")), RunContext())


def test_the_empty_selection_abstains_and_says_who_emptied_it() -> None:
    gate = Evidence(EvidenceConfig())
    nothing = gate.run(selection(), RunContext())
    suspect = gate.run(
        Selection(query(), (), (Dropped(hit("a"), "verifier: echoes the question"),)), RunContext()
    )
    assert isinstance(nothing, Abstention)
    assert isinstance(suspect, Abstention)
    assert nothing.reason is AbstentionReason.NO_EVIDENCE
    assert suspect.reason is AbstentionReason.POISON_SUSPECT
    assert "echoes the question" in suspect.detail


@pytest.mark.parametrize(("value", "passes"), [(0.5, True), (0.4999, False)])
def test_the_confidence_gate_compares_with_greater_or_equal(value: float, passes: bool) -> None:
    outcome = Threshold(ThresholdConfig(threshold=0.5)).run(answer(value), RunContext())
    assert isinstance(outcome, Answer) is passes
    if isinstance(outcome, Abstention):
        assert outcome.threshold == 0.5
        assert outcome.score is not None


def test_an_uncalibrated_confidence_does_not_meet_a_probability_threshold() -> None:
    with pytest.raises(UsageError, match="fit the calibrator"):
        Threshold(ThresholdConfig(threshold=0.5)).run(answer(3.0, ScoreKind.LOGIT), RunContext())


def test_the_calibrator_learns_order_and_survives_a_reload(tmp_path: Path) -> None:
    calibrator = LogisticCalibrator(CalibratorConfig(path=str(tmp_path / "c.json")))
    rows = [{"evidence": float(n), "noise": float(n % 3)} for n in range(40)]
    calibrator.fit(rows, [n >= 18 for n in range(40)])
    low, high = calibrator.probability(rows[2]), calibrator.probability(rows[38])
    assert 0 < low < 0.1
    assert 0.9 < high < 1
    again = LogisticCalibrator(CalibratorConfig(path=str(tmp_path / "c.json")))
    again.start()
    assert again.probability(rows[7]) == calibrator.probability(rows[7])
    assert again.fingerprint() == calibrator.fingerprint()


def test_the_mean_fitted_probability_is_near_the_share_of_right_answers(tmp_path: Path) -> None:
    calibrator = LogisticCalibrator(CalibratorConfig(path=str(tmp_path / "c.json")))
    rows = [{"x": float(n % 7)} for n in range(70)]
    right = [n % 7 + n % 5 > 4 for n in range(70)]
    calibrator.fit(rows, right)
    mean = sum(calibrator.probability(row) for row in rows) / 70
    assert abs(mean - sum(right) / 70) < 0.02


def test_a_calibrator_needs_right_and_wrong_answers(tmp_path: Path) -> None:
    calibrator = LogisticCalibrator(CalibratorConfig(path=str(tmp_path / "c.json")))
    with pytest.raises(UsageError, match="some of both"):
        calibrator.fit([{"x": 1.0}], [True])


def test_confidence_is_a_probability_only_after_a_fit(tmp_path: Path) -> None:
    calibrator = LogisticCalibrator(CalibratorConfig(path=str(tmp_path / "c.json")))
    node = Confidence(Config(), calibrator=calibrator)
    kept = selection(hit("a", score=2.0))
    raw = node.run(answer(0.1), kept, ranking(hit("a", score=2.0)), RunContext())
    assert raw.confidence == Score(2.0, ScoreKind.LOGIT, "test")
    rows = [dict(raw.signals), {name: value - 1 for name, value in raw.signals.items()}]
    calibrator.fit(rows, [True, False])
    rated = node.run(answer(0.1), kept, ranking(hit("a", score=2.0)), RunContext())
    assert rated.confidence is not None
    assert rated.confidence.kind is ScoreKind.PROBABILITY
