"""Any calibrator can stand behind the confidence: fitted alike, kept alike, refused alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from assay.guards.risk.logistic_calibrator import CalibratorConfig, LogisticCalibrator
from assay.guards.risk.ridge_calibrator import RidgeCalibrator, RidgeCalibratorConfig, ridge
from assay.guards.risk.score_calibrator import ScoreCalibrator, ScoreCalibratorConfig
from assay.guards.risk.scorecard import ScorecardCalibrator, ScorecardConfig
from assay.guards.risk.signal_calibrator import SignalCalibrator
from assay.pipeline.errors import DataError, UsageError

SCORES = ("platt", "temperature", "beta", "isotonic", "venn_abers")
KINDS = ("logistic", "scorecard", "ridge", *SCORES)


def made(kind: str, path: Path) -> SignalCalibrator:
    where = str(path)
    match kind:
        case "logistic":
            return LogisticCalibrator(CalibratorConfig(path=where))
        case "scorecard":
            return ScorecardCalibrator(ScorecardConfig(path=where))
        case "ridge":
            return RidgeCalibrator(RidgeCalibratorConfig(path=where, signals="e"))
        case _:
            return ScoreCalibrator(
                ScoreCalibratorConfig.model_validate({"path": where, "method": kind})
            )


def world(n: int = 300) -> tuple[list[dict[str, float]], list[bool]]:
    rng = np.random.default_rng(4)
    evidence, noise = rng.random(n), rng.normal(size=n)
    right = rng.random(n) < 0.1 + 0.8 * evidence
    rows = [
        {"evidence": a, "noise": b} for a, b in zip(evidence.tolist(), noise.tolist(), strict=True)
    ]
    return rows, right.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_the_order_and_survives_a_reload(kind: str, tmp_path: Path) -> None:
    rows, right = world()
    one, again = made(kind, tmp_path / "c.json"), made(kind, tmp_path / "c.json")
    one.start()
    empty = one.fingerprint()
    assert not one.fitted
    assert one.lines() == ()
    one.fit(rows, right)
    again.start()
    low, high = {"evidence": 0.05, "noise": 0.0}, {"evidence": 0.95, "noise": 0.0}
    assert 0 <= one.probability(low) < 0.4
    assert 0.6 < one.probability(high) <= 1
    assert again.probability(high) == one.probability(high)
    assert again.fingerprint() == one.fingerprint() != empty
    assert one.lines()
    one.forget()
    assert not one.fitted


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_signal_and_labels_that_teach_nothing_are_refused(
    kind: str, tmp_path: Path
) -> None:
    rows, right = world(60)
    one = made(kind, tmp_path / "c.json")
    with pytest.raises(UsageError, match="some of both"):
        one.fit(rows, [True] * 60)
    with pytest.raises(UsageError, match="not finite"):
        one.fit([{**rows[0], "evidence": float("nan")}, *rows[1:]], right)
    with pytest.raises(UsageError, match="other signals than the first"):
        one.fit([*rows[1:], {"evidence": 0.5}], right)
    assert not (tmp_path / "c.json").exists()
    one.fit(rows, right)
    with pytest.raises(UsageError, match="missing"):
        one.probability({"lead": 1.0})


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_kind_or_a_broken_one_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    for text in ("{", '{"schema": "assay-other/1"}', "[]", '{"n": 3}'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match="delete it and calibrate again"):
            made(kind, path).start()


def test_the_file_of_a_scorecard_is_a_table_to_add_up_and_shows_what_it_loses(
    tmp_path: Path,
) -> None:
    rows, right = world()
    one = ScorecardCalibrator(ScorecardConfig(path=str(tmp_path / "c.json"), max_items=3))
    one.fit(rows, right)
    kept = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert 1 <= len(kept["items"]) <= 3
    assert kept["lines"][0].split()[1] == "evidence"
    assert kept["full_loss"] < 0.7
    assert f"{kept['loss']:.4f}" in one.lines()[-1]
    assert one.card is not None
    sum_by_hand = sum(item["points"] for item in kept["items"] if item["at_least"] <= 0.95)
    assert one.card.points({"evidence": 0.95, "noise": 0.95}) == sum_by_hand


def test_ridge_is_the_least_squares_of_the_rows_that_stand_for_its_penalty() -> None:
    rng = np.random.default_rng(7)
    values, targets = rng.normal(size=(40, 3)), rng.random(40)
    weights, bias = ridge(values, targets, alpha=0.1)
    centred = values - values.mean(axis=0)
    tall = np.vstack([centred, np.sqrt(0.1) * np.eye(3)])
    wide = np.concatenate([targets - targets.mean(), np.zeros(3)])
    expected, *_ = np.linalg.lstsq(tall, wide, rcond=None)
    assert weights == pytest.approx(expected)
    assert bias == pytest.approx(targets.mean() - values.mean(axis=0) @ expected)


def test_ridge_of_a_prefix_reads_no_other_signal(tmp_path: Path) -> None:
    rows, right = world(60)
    one = RidgeCalibrator(RidgeCalibratorConfig(path=str(tmp_path / "c.json"), signals="evid"))
    one.fit(rows, right)
    assert one.probability({"evidence": 0.5}) == one.probability({"evidence": 0.5, "noise": 9.0})
    none = RidgeCalibrator(RidgeCalibratorConfig(path=str(tmp_path / "d.json"), signals="x."))
    with pytest.raises(UsageError, match=r"no signal begins with 'x\.'"):
        none.fit(rows, right)


def test_a_signal_that_speaks_against_the_answer_is_turned(tmp_path: Path) -> None:
    rows, right = world()
    against = [{"evidence": 1 - row["evidence"]} for row in rows]
    for method in ("platt", "beta"):
        config = {
            "path": str(tmp_path / f"{method}.json"),
            "method": method,
            "larger_is_better": False,
        }
        one = ScoreCalibrator(ScoreCalibratorConfig.model_validate(config))
        one.fit(against, right)
        assert one.probability({"evidence": 0.05}) > 0.7
        assert one.probability({"evidence": 0.95}) < 0.3


def test_a_logit_is_no_probability_and_another_setting_needs_another_fit(tmp_path: Path) -> None:
    rows, right = world(60)
    path = tmp_path / "c.json"
    with pytest.raises(UsageError, match="from 0 to 1"):
        made("beta", path).fit([{"evidence": 9 * row["evidence"]} for row in rows], right)
    with pytest.raises(UsageError, match="no signal 'evidence'"):
        made("platt", path).fit([{"lead": 1.0}, {"lead": 2.0}], [True, False])
    made("platt", path).fit(rows, right)
    with pytest.raises(DataError, match="the pipeline says"):
        made("isotonic", path).start()
