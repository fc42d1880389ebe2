from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property
from pathlib import Path

import pytest

from assay.guards.risk.attempts import read_attempts, spending
from assay.guards.risk.beside import Files
from assay.guards.risk.calibrate import Observe, calibrate
from assay.guards.risk.certificate import load_certificate
from assay.guards.risk.folds import CalibrationItem, Shares, split
from assay.guards.risk.ledger import verify
from assay.guards.risk.losses import Observation, Risk, Thresholds, answers
from assay.guards.risk.path import thawed_path
from assay.guards.risk.schema import Certificate
from assay.guards.risk.tally import Tally
from assay.guards.risk.trial import Settings, plan_for
from assay.pipeline.errors import DataError, UsageError
from tests.guards.risk.worlds import NAMES, NOON, PARTS, World, risks, run


def test_an_easy_world_is_certified_and_keeps_most_right_answers(tmp_path: Path) -> None:
    certificate = run(World(skill=5.0), tmp_path)
    assert certificate.status == "CERTIFIED"
    assert certificate.utility is not None
    assert certificate.utility.k / certificate.utility.n > 0.9 * 0.75
    assert all(one.p is not None and one.p <= certificate.delta_spent for one in certificate.risks)
    assert set(certificate.values) == set(NAMES)
    assert verify(tmp_path / "certificate.json") == ()
    assert load_certificate(tmp_path / "certificate.json") == certificate


def test_the_statement_says_what_holds_with_which_probability_and_for_whom(tmp_path: Path) -> None:
    certificate = run(World(skill=5.0), tmp_path, attack_families=("consensus", "injection"))
    tested = certificate.data.counts["tested"]
    for words in (
        "at least 0.9",
        "at most 10%",
        "drawn the same way",
        "consensus, injection",
        f"{sum(tested.values())} certify questions",
        f"{tested['unanswerable']} unanswerable",
    ):
        assert words in certificate.statement


def test_the_same_world_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        run(World(skill=3.0), tmp_path / name)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_order_of_questions_changes_nothing(tmp_path: Path) -> None:
    world = World(skill=3.0)
    straight = run(world, tmp_path / "a")
    turned = calibrate(
        lambda items, gates: world.observe(items, gates)[::-1],
        world.items()[::-1],
        Settings(risks=risks()[::-1], thresholds=NAMES[::-1]),
        parts=PARTS,
        certificate_path=tmp_path / "b" / "certificate.json",
        created=NOON,
    )
    assert turned == straight


def test_the_path_is_on_disk_before_a_certify_question_is_asked(tmp_path: Path) -> None:
    world, frozen = World(skill=3.0), []
    files = Files(tmp_path / "certificate.json")

    def observe(items: Sequence[CalibrationItem], gates: Thresholds) -> list[Observation]:
        frozen.append(files.path.read_bytes() if files.path.exists() else None)
        return world.observe(items, gates)

    settings = Settings(risks=risks(), thresholds=NAMES)
    certificate = calibrate(
        observe,
        world.items(),
        settings,
        parts=PARTS,
        certificate_path=files.certificate,
        created=NOON,
    )
    assert frozen[0] is None
    assert frozen[1] == files.path.read_bytes()
    assert hashlib.sha256(frozen[1] or b"").hexdigest() == certificate.path_sha256


def test_tune_is_seen_with_open_gates_and_certify_with_the_loosest_of_the_path(
    tmp_path: Path,
) -> None:
    world = World(skill=3.0)
    run(world, tmp_path)
    (tuned, opened), (certified, gates) = world.calls
    folds = split(world.items(), seed=0)
    assert set(tuned) == {one.id for one in folds["tune"]}
    assert set(certified) == {one.id for one in folds["certify"]}
    assert opened == dict.fromkeys(NAMES)
    points = thawed_path(Files(tmp_path / "certificate.json").path.read_bytes())
    assert gates == {name: min(point[name] for point in points) for name in NAMES}


def test_the_loosest_gates_show_the_same_as_the_certified_ones() -> None:
    world = World(skill=2.0)
    loose, strict = {"evidence": 0.0, "confidence": 0.0}, {"evidence": 1.0, "confidence": 0.7}
    for gates in (loose, dict.fromkeys(NAMES)):
        seen = world.observe(world.items(), gates)
        direct = world.observe(world.items(), strict)
        for risk in risks():
            assert Tally(seen).count(risk, strict) == Tally(direct).count(risk, strict)
        assert [answers(one, strict) for one in seen] == [one.answered for one in direct]


def test_wrongful_abstention_needs_open_gates_and_gets_them(tmp_path: Path) -> None:
    world = World(skill=5.0)
    certificate = run(world, tmp_path, risks=(*risks(), Risk("wrongful_abstention", 0.3)))
    assert world.calls[1][1] == dict.fromkeys(NAMES)
    assert certificate.status == "CERTIFIED"
    assert verify(tmp_path / "certificate.json") == ()


def test_blind_scores_cannot_be_certified_and_the_certify_fold_stays_untouched(
    tmp_path: Path,
) -> None:
    world = World(skill=0.0)
    certificate = run(world, tmp_path)
    assert certificate.status == "NOT_CERTIFIABLE"
    assert certificate.abstain_always
    assert set(certificate.thresholds.values()) == {None}
    assert certificate.diagnosis is not None
    assert "not looked at" in certificate.diagnosis.text
    assert 0.2 < certificate.diagnosis.abstention_floor < 0.5
    assert len(world.calls) == 1
    assert read_attempts(tmp_path / "attempts.jsonl") == ()


def test_a_failed_test_tells_nothing_about_the_certify_fold(tmp_path: Path) -> None:
    certificate, world = _failed(tmp_path)
    assert certificate.status == "NOT_CERTIFIABLE"
    assert len(world.calls) == 2
    assert certificate.certified_path == ()
    assert certificate.risks == ()
    assert certificate.utility is None
    assert certificate.coverage is None
    assert certificate.ledger is None
    assert not Files(tmp_path / "certificate.json").ledger.exists()
    assert certificate.diagnosis is not None
    tune = world.observe(split(world.items(), seed=0)["tune"], dict.fromkeys(NAMES))
    assert certificate.diagnosis.n <= len(tune)


class Worse(World):
    """Scores that tell right from wrong on the tune fold only."""

    def _one(self, item: CalibrationItem, thresholds: Thresholds) -> Observation:
        tuned = {one.id for one in self.tuned}
        world = World(skill=5.0 if item.id in tuned else 0.0, size=self.size, prefix=self.prefix)
        return world._one(item, thresholds)

    @cached_property
    def tuned(self) -> tuple[CalibrationItem, ...]:
        return split(self.items(), seed=0)["tune"]


def _failed(folder: Path) -> tuple[Certificate, World]:
    world = Worse(size=600)
    return run(world, folder), world


def test_each_attempt_on_the_same_questions_has_less_to_spend(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        certificate, _ = _failed(tmp_path)
        assert certificate.attempt == number
        assert certificate.delta_spent == spending(0.10, number)
    log = read_attempts(tmp_path / "attempts.jsonl")
    assert [one.number for one in log] == [1, 2, 3]
    assert {one.status for one in log} == {"NOT_CERTIFIABLE"}


def test_adding_a_question_buys_no_fresh_start_but_new_questions_do(tmp_path: Path) -> None:
    _failed(tmp_path)
    assert run(World(skill=5.0, size=601), tmp_path / ".").attempt == 2
    assert run(World(skill=5.0, prefix="n"), tmp_path).attempt == 1


def test_questions_that_issued_a_certificate_are_retired(tmp_path: Path) -> None:
    first = run(World(skill=5.0), tmp_path)
    with pytest.raises(UsageError, match=first.id):
        run(World(skill=5.0), tmp_path)
    again = run(World(skill=5.0), tmp_path, allow_retired=True)
    assert again.attempt == 2
    assert first.id in again.warnings[0]
    assert verify(tmp_path / "certificate.json") == ()


def test_too_few_questions_are_said_before_anything_is_run(tmp_path: Path) -> None:
    world = World(skill=5.0, size=60)
    certificate = run(world, tmp_path)
    assert world.calls == []
    assert certificate.diagnosis is not None
    assert certificate.diagnosis.n_needed == 27
    rows = plan_for(
        world.items(), Settings(risks=risks(), thresholds=NAMES), tmp_path / "certificate.json"
    )
    assert {row.risk.name: row.enough for row in rows} == {
        "hallucination": True,
        "false_answer": False,
        "poison_admitted": False,
    }
    assert "too few" in str(rows[0])


def test_one_question_of_a_cluster_is_tested(tmp_path: Path) -> None:
    world = World(skill=5.0, size=900)
    items = [replace(one, cluster=f"c{i // 2}") for i, one in enumerate(world.items())]
    certificate = calibrate(
        world.observe,
        items,
        Settings(risks=risks(0.2), thresholds=NAMES),
        parts=PARTS,
        certificate_path=tmp_path / "certificate.json",
        created=NOON,
    )
    assert certificate.status == "CERTIFIED"
    assert len(set(world.calls[1][0])) == certificate.data.clusters
    assert sum(certificate.data.counts["certify"].values()) == 2 * certificate.data.clusters
    assert verify(tmp_path / "certificate.json") == ()


def test_a_pipeline_without_thresholds_is_certified_as_it_is(tmp_path: Path) -> None:
    world = World(skill=5.0)

    def observe(items: Sequence[CalibrationItem], gates: Thresholds) -> list[Observation]:
        assert gates == {}
        fixed = {"evidence": 2.0, "confidence": 2.0}
        return [replace(one, scores={}) for one in world.observe(items, fixed)]

    certificate = calibrate(
        observe,
        world.items(),
        Settings(risks=risks(), thresholds=()),
        parts=PARTS,
        certificate_path=tmp_path / "certificate.json",
        created=NOON,
    )
    assert certificate.status == "CERTIFIED"
    assert certificate.values == {}
    assert verify(tmp_path / "certificate.json") == ()


def test_observations_that_do_not_fit_their_questions_are_refused(tmp_path: Path) -> None:
    world = World(skill=5.0)

    def refused(change: Observe, match: str) -> None:
        with pytest.raises(DataError, match=match):
            calibrate(
                change,
                world.items(),
                Settings(risks=risks(), thresholds=NAMES),
                parts=PARTS,
                certificate_path=tmp_path / "certificate.json",
                created=NOON,
            )

    refused(lambda items, gates: world.observe(items, gates)[1:], "missing or was not asked")
    refused(
        lambda items, gates: [replace(o, cluster="x") for o in world.observe(items, gates)],
        "another stratum or cluster",
    )
    refused(
        lambda items, gates: world.observe(items, dict.fromkeys(NAMES)),
        "answered although its scores",
    )
    assert read_attempts(tmp_path / "attempts.jsonl") == ()


def test_settings_that_make_no_sense_are_refused() -> None:
    for changes in (
        {"risks": ()},
        {"risks": (*risks(), *risks())},
        {"delta": 0.0},
        {"grid": 1},
    ):
        with pytest.raises(UsageError):
            Settings(**({"risks": risks(), "thresholds": NAMES} | changes))


def test_a_damaged_log_of_attempts_is_named_by_line(tmp_path: Path) -> None:
    run(World(skill=5.0), tmp_path)
    log = tmp_path / "attempts.jsonl"
    log.write_bytes(log.read_bytes() + b'{"number": 2\n')
    with pytest.raises(DataError, match=r"attempts\.jsonl:2"):
        run(World(skill=5.0), tmp_path)


def test_true_risk_is_rarely_above_the_certified_level(tmp_path: Path) -> None:
    truth = World(skill=2.0, size=8000, prefix="truth").items()
    violations = issued = 0
    for trial in range(12):
        world = World(skill=2.0, size=500, prefix=f"t{trial}-", seed=trial)
        certificate = run(world, tmp_path / str(trial), grid=5, shares=Shares())
        if certificate.status == "CERTIFIED":
            issued += 1
            seen = World(skill=2.0, seed=99).observe(truth, certificate.values)
            losses = [Tally(seen).count(risk, certificate.values) for risk in risks()]
            violations += any(one.k / one.n > 0.1 for one in losses)
    assert issued >= 6
    assert violations <= 5


def test_the_certificate_file_is_plain_json_without_infinity(tmp_path: Path) -> None:
    run(World(skill=5.0), tmp_path, expires=date(2027, 1, 1))

    def refuse(name: str) -> float:
        raise AssertionError(name)

    fields = json.loads((tmp_path / "certificate.json").read_text(), parse_constant=refuse)
    assert fields["schema"] == "assay-certificate/2"
    assert fields["abstain_always"] is False
    assert fields["expires"] == "2027-01-01"
    assert fields["created"] == "2026-01-02T12:00:00Z"
    for one in fields["thresholds"].values():
        assert float.fromhex(one["hex"]) == one["dec"]
