from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assay.guards.risk.beside import Files
from assay.guards.risk.calibrate import calibrate
from assay.guards.risk.certificate import load_certificate
from assay.guards.risk.folds import Shares, split
from assay.guards.risk.judge_sample import JudgeSample
from assay.guards.risk.ledger import verify
from assay.guards.risk.losses import Count, Risk
from assay.guards.risk.procedures import (
    PROCEDURES,
    Look,
    ProcedureName,
    certified,
    first_level,
    in_expectation,
    read,
    written,
)
from assay.guards.risk.schema import Certificate
from assay.guards.risk.trial import Settings, plan_for
from assay.pipeline.errors import UsageError
from tests.guards.risk.worlds import NAMES, NOON, PARTS, World, risks, run

WORKED = (0.001, 0.004, 0.012, 0.030, 0.060, 0.020)
LEVEL = (Risk("false_answer", 0.3),)


def looks(
    p_values: tuple[float, ...], counts: tuple[Count, ...] | None = None
) -> list[Callable[[], Look]]:
    found = counts or tuple(Count(0, 1) for _ in p_values)
    return [lambda i=i: (p_values[i], (found[i],)) for i in range(len(p_values))]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("procedure", "expected"),
    [
        ("fixed-sequence", (0, 1, 2, 3)),
        ("bonferroni", (0, 1)),
        ("holm", (0, 1, 2)),
        ("fallback", (0, 1, 2, 3)),
        ("graphical", (0, 1, 2, 3)),
    ],
)
def test_the_worked_p_values_are_rejected_as_worked(
    procedure: ProcedureName, expected: tuple[int, ...]
) -> None:
    assert certified(procedure, looks(WORKED), LEVEL, 0.05) == expected


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_no_point_certifies_nothing_and_names_go_round(procedure: ProcedureName) -> None:
    assert certified(procedure, [], LEVEL, 0.05) == ()
    assert read(written(procedure)) == procedure
    assert 0 < first_level(procedure, 0.1, 16) <= 0.1


def test_an_unknown_procedure_is_named() -> None:
    with pytest.raises(UsageError, match="unknown procedure 'split/9'"):
        read("split/9")


def test_only_procedures_in_order_stop_to_look() -> None:
    for procedure in PROCEDURES:
        seen: list[int] = []

        def look(place: int, seen: list[int] = seen) -> Look:
            seen.append(place)
            return (0.5, (Count(9, 10),)) if place == 1 else (0.001, (Count(0, 10),))

        certified(procedure, [lambda i=i: look(i) for i in range(4)], LEVEL, 0.05)  # type: ignore[misc]
        ordered = procedure in ("fixed-sequence", "expectation")
        assert seen == ([0, 1] if ordered else [0, 1, 2, 3])


def test_conformal_risk_control_keeps_the_worked_example() -> None:
    worked = [(8, 9), (6, 9), (4, 9), (2, 9), (1, 9), (0, 9)]
    strict_first = tuple(Count(k, n) for k, n in reversed(worked))
    held = certified("expectation", looks((1.0,) * 6, strict_first), LEVEL, 0.1)
    assert held == (0, 1, 2)  # 1, .8 and .6
    none = certified(
        "expectation", looks((1.0,) * 6, strict_first), (Risk("false_answer", 0.05),), 0.1
    )
    assert none == ()
    assert in_expectation((Risk("false_answer", 0.1),), (Count(0, 9),))


@pytest.mark.parametrize("procedure", [one for one in PROCEDURES if one != "expectation"])
def test_each_procedure_certifies_an_easy_world_and_is_recomputed(
    tmp_path: Path, procedure: ProcedureName
) -> None:
    certificate = run(World(skill=5.0), tmp_path, procedure=procedure)
    assert certificate.status == "CERTIFIED"
    assert certificate.procedure == written(procedure)
    path = tmp_path / "certificate.json"
    assert verify(path) == ()
    other: ProcedureName = "holm" if procedure == "fixed-sequence" else "fixed-sequence"
    changed = _forged(certificate, procedure=written(other))
    assert changed.certified_path == certificate.certified_path
    path.write_text(json.dumps(_forged(certificate, procedure="all/1").to_json()))
    assert "unknown procedure" in verify(path)[0]


def _forged(certificate: Certificate, **changes: Any) -> Certificate:
    body = {k: v for k, v in certificate.to_json().items() if k not in ("id", "schema")}
    return Certificate.sealed(body | changes)


def test_a_family_pays_for_every_point_that_a_sequence_gets_for_nothing(tmp_path: Path) -> None:
    world = World(skill=3.0, size=2000)
    chosen = {
        name: run(world, tmp_path / name, procedure=name)
        for name in ("fixed-sequence", "bonferroni", "holm")
    }
    counts = {name: len(one.certified_path) for name, one in chosen.items()}
    assert counts["bonferroni"] <= counts["holm"]
    assert counts["bonferroni"] >= 1
    assert verify(tmp_path / "bonferroni" / "certificate.json") == ()


def one_gate(folder: Path, world: World, **changes: Any) -> Certificate:
    def observe(items: Any, gates: Any) -> Any:
        return world.observe(items, {"confidence": None, "evidence": gates["evidence"]})

    settings = {
        "risks": (Risk("false_answer", 0.1),),
        "thresholds": ("evidence",),
        "procedure": "expectation",
    }
    return calibrate(
        observe,
        world.items(),
        Settings(**(settings | changes)),
        parts=PARTS,
        certificate_path=folder / "certificate.json",
        created=NOON,
    )


def test_an_expectation_needs_few_questions_and_says_that_it_is_weaker(tmp_path: Path) -> None:
    world = World(skill=3.0, size=90)
    certificate = one_gate(tmp_path, world)
    assert certificate.status == "CERTIFIED"
    assert certificate.statement.startswith("On average over draws")
    assert "weaker" in certificate.statement
    assert "probability at least" not in certificate.statement
    assert certificate.delta_spent == 0.0
    (risk,) = certificate.risks
    assert (risk.p, risk.test) == (None, "conformal-risk-control")
    assert (risk.k + 1) / (risk.n + 1) <= 0.1
    assert {one.max_p for one in certificate.certified_path} == {None}
    assert verify(tmp_path / "certificate.json") == ()
    strict = one_gate(
        tmp_path / "b", World(skill=0.0, size=90), risks=(Risk("false_answer", 0.05),)
    )
    assert strict.status == "NOT_CERTIFIABLE"


def test_an_expectation_holds_for_one_falling_threshold_and_fresh_questions(
    tmp_path: Path,
) -> None:
    with pytest.raises(UsageError, match="exactly one threshold, found 2"):
        Settings(risks=(Risk("false_answer", 0.1),), thresholds=NAMES, procedure="expectation")
    with pytest.raises(UsageError, match="not for 'hallucination'"):
        Settings(
            risks=(Risk("hallucination", 0.1),), thresholds=("evidence",), procedure="expectation"
        )
    one_gate(tmp_path, World(skill=3.0, size=90))
    with pytest.raises(UsageError, match="no attempt has tested"):
        one_gate(tmp_path, World(skill=3.0, size=90), allow_retired=True)
    rows = plan_for(
        World(size=90).items(),
        Settings(
            risks=(Risk("false_answer", 0.1),), thresholds=("evidence",), procedure="expectation"
        ),
        tmp_path / "other" / "certificate.json",
    )
    assert rows[0].needed == 9


def test_the_mean_over_draws_keeps_its_level_at_the_boundary(tmp_path: Path) -> None:
    total, draws = 0.0, 60
    for seed in range(draws):
        world = World(skill=1.0, size=240, seed=seed)
        certificate = one_gate(
            tmp_path / str(seed), world, risks=(Risk("false_answer", 0.2),), shares=Shares(0.5, 0.5)
        )
        if certificate.status == "CERTIFIED":
            fresh = World(skill=1.0, size=2000, seed=1000 + seed, prefix="f")
            gates = {"confidence": None, **certificate.values}
            asked = [one for one in fresh.items() if one.stratum == "unanswerable"]
            total += sum(one.answered for one in fresh.observe(asked, gates)) / len(asked)
    assert 0.1 < total / draws <= 0.2 + 0.02


def judged(world: World) -> list[Any]:
    return [replace(one, judged=True) for one in world.items()]


def judged_run(folder: Path, world: World, **changes: Any) -> Certificate:
    return calibrate(
        world.observe,
        judged(world),
        Settings(**({"risks": risks(), "thresholds": NAMES} | changes)),
        parts=PARTS,
        certificate_path=folder / "certificate.json",
        created=NOON,
    )


def test_labels_of_an_unchecked_judge_are_refused_before_anything_is_run(tmp_path: Path) -> None:
    world = World(skill=5.0)
    with pytest.raises(UsageError, match=r"a model judged .* --judge-sample 2/80"):
        judged_run(tmp_path, world)
    assert world.calls == []
    with pytest.raises(UsageError, match="mark those questions"):
        run(world, tmp_path, judge=JudgeSample(2, 80))


def test_a_checked_judge_costs_half_of_delta_and_some_of_the_level(tmp_path: Path) -> None:
    sample = JudgeSample(2, 80)
    assert sample.overlooked(0.05) == pytest.approx(0.087407, abs=1e-6)
    certificate = judged_run(tmp_path, World(skill=5.0, size=1200), judge=sample, delta=0.05)
    assert certificate.status == "CERTIFIED"
    levels = {one.name: (one.alpha, one.tested_at) for one in certificate.risks}
    assert levels["hallucination"][0] == 0.1
    assert levels["hallucination"][1] == pytest.approx(0.1 * (1 - 0.087407), abs=1e-6)
    assert levels["false_answer"] == (0.1, 0.1)
    assert certificate.delta_spent == pytest.approx(0.05 / 2 * 0.607927, abs=1e-6)
    assert certificate.data.labeller == "judge"
    assert "80 wrong answers of which it had called 2 right" in certificate.statement
    path = tmp_path / "certificate.json"
    assert verify(path) == ()
    better = _forged(load_certificate(path), judge={"missed": 0, "checked": 80, "overlooked": 0.0})
    path.write_text(json.dumps(better.to_json()))
    assert any("judge" in one for one in verify(path))
    unchecked = _forged(certificate, judge=None)
    path.write_text(json.dumps(unchecked.to_json()))
    assert any("holds no check of it" in one for one in verify(path))


def test_a_judge_that_may_overlook_everything_or_counts_right_answers_is_refused() -> None:
    with pytest.raises(UsageError, match="proves nothing"):
        Settings(risks=risks(), thresholds=NAMES, judge=JudgeSample(5, 5))
    with pytest.raises(UsageError, match="'wrongful_abstention' counts right answers"):
        Settings(
            risks=(Risk("wrongful_abstention", 0.3),), thresholds=NAMES, judge=JudgeSample(0, 50)
        )
    for missed, checked in ((3, 2), (-1, 5), (0, 0)):
        with pytest.raises(UsageError, match="MISSED/CHECKED"):
            JudgeSample(missed, checked)


def test_a_certificate_tells_how_much_movement_its_figures_bear(tmp_path: Path) -> None:
    certificate = run(World(skill=5.0), tmp_path)
    assert certificate.sensitivity is not None
    rows = certificate.sensitivity.prevalence
    assert [one.unanswerable for one in rows] == [0.05, 0.1, 0.2, 0.3, 0.5]
    assert all(one.seen <= one.bound <= 1 for one in rows)
    assert [one.bound for one in rows] == sorted(one.bound for one in rows)
    for name, far in certificate.sensitivity.hellinger.items():
        assert name in certificate.declared
        assert [one.distance for one in far] == [0.0, 0.02, 0.05, 0.1]
        assert [one.bound for one in far] == sorted(one.bound for one in far)
    lost = certificate.wrongful_abstention
    assert lost is not None
    assert lost.k / lost.n < lost.ucb_descriptive < 1
    assert certificate.data.cluster_handling == "one question per cluster"
    forged = _forged(certificate, sensitivity=None)
    path = tmp_path / "certificate.json"
    path.write_text(json.dumps(forged.to_json()))
    assert any(one.startswith("sensitivity") for one in verify(path))


def test_only_attack_families_that_were_tested_are_named(tmp_path: Path) -> None:
    world = World(skill=5.0)
    folds = split(world.items(), seed=0)
    attacks = {one.id: "seen-in-tune" for one in folds["tune"] if one.stratum == "poisoned"}
    attacks |= {one.id: "tested" for one in folds["certify"] if one.stratum == "poisoned"}
    certificate = run(world, tmp_path, attacks=attacks)
    assert certificate.data.attack_families == ("tested",)
    assert "planted by tested" in certificate.statement
    assert verify(Files(tmp_path / "certificate.json").certificate) == ()
