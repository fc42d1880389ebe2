from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from assay.apps.certificate_page import render
from assay.guards.risk.beside import Files
from assay.guards.risk.calibrate import calibrate
from assay.guards.risk.explanation import binding, explain, points_of
from assay.guards.risk.judge_sample import JudgeSample
from assay.guards.risk.losses import RISK_NAMES, Risk
from assay.guards.risk.statement import NOT_COVERED, statement
from assay.guards.risk.trial import Settings
from assay.pipeline.errors import DataError
from tests.guards.risk.worlds import NAMES, NOON, PARTS, World, risks, run


@pytest.mark.parametrize("name", RISK_NAMES)
def test_every_statement_holds_alpha_delta_n_strata_families_and_how_questions_are_drawn(
    name: str,
) -> None:
    said = statement(
        [Risk(name, 0.07)],  # type: ignore[arg-type]
        delta=0.05,
        counts={"answerable": 30, "unanswerable": 12, "poisoned": 9},
        families=("injection",),
    )
    for words in (
        "probability at least 0.95",
        "at most 7%",
        "51 certify questions",
        "30 answerable",
        "12 unanswerable",
        "9 poisoned",
        "drawn the same way",
        "one per cluster",
    ):
        assert words in said
    assert ("injection" in said) == name.startswith("poison")


def test_a_judge_is_told_with_its_check_and_its_price() -> None:
    said = statement(
        [Risk("hallucination", 0.1)],
        delta=0.05,
        counts={"answerable": 30},
        families=(),
        judge=JudgeSample(2, 80),
    )
    assert "80 wrong answers of which it had called 2 right" in said
    assert "0.025" in said


def test_an_explanation_names_the_binding_risk_and_what_is_not_covered(tmp_path: Path) -> None:
    certificate = run(World(skill=2.2, size=2400), tmp_path)
    closest = binding(certificate)
    assert closest is not None
    assert closest.p == max(one.p or 0.0 for one in certificate.risks)
    sections = explain(certificate)
    assert sections["What it promises"] == (certificate.statement,)
    assert f"The binding risk is {closest.name}" in " ".join(sections["How far it went"])
    assert sections["What it does not cover"] == NOT_COVERED
    measured = " ".join(sections["What was measured"])
    for one in certificate.risks:
        assert f"{one.name}: {one.k} of {one.n}, at most {one.alpha:g} is promised" in measured
    assert certificate.stopped_at is not None
    assert f"Setting {certificate.stopped_at + 1} was the first" in sections["How far it went"][1]


def test_what_is_not_certified_is_explained_without_figures(tmp_path: Path) -> None:
    certificate = run(World(skill=0.0), tmp_path)
    assert binding(certificate) is None
    sections = explain(certificate)
    assert "What was measured" not in sections
    assert sections["What it promises"][0].startswith("Nothing is certified")
    page = render(certificate, tmp_path / "certificate.json")
    assert "the pipeline abstains on every question" in page


def test_the_path_comes_back_with_what_both_folds_showed(tmp_path: Path) -> None:
    certificate = run(World(skill=2.2, size=2400), tmp_path)
    path = tmp_path / "certificate.json"
    points = points_of(certificate, path)
    assert len(points) == certificate.path_length
    passed = [one for one in points if one.certify]
    assert len(passed) == len(certificate.certified_path)
    assert passed[-1].thresholds == certificate.values
    for point in points:
        assert 0 < point.answered < 1
        for share in (*point.tune.values(), *point.certify.values()):
            assert share.rate is not None
            assert share.low <= share.rate <= share.high
    for one in certificate.risks:
        assert (passed[-1].certify[one.name].k, passed[-1].certify[one.name].n) == (one.k, one.n)


def test_a_page_has_a_picture_for_each_risk_the_binding_one_first(tmp_path: Path) -> None:
    certificate = run(World(skill=2.2, size=2400), tmp_path, attack_families=("<b>x</b>",))
    path = tmp_path / "certificate.json"
    page = render(certificate, path)
    closest = binding(certificate)
    assert closest is not None
    titles = [name.replace("_", " ") for name in certificate.declared]
    first = min(titles, key=lambda title: page.index(f"{title}</"))
    assert first == closest.name.replace("_", " ")
    assert page.count("<figure") == len(titles)
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "first that did not pass" in page
    Files(path).path.unlink()
    assert "no picture" in render(certificate, path)
    Files(path).path.write_text(json.dumps({"points": []}))
    with pytest.raises(DataError, match="is not the path that certificate"):
        render(certificate, path)


def test_questions_without_labelled_clusters_and_of_one_document_are_told(tmp_path: Path) -> None:
    world = World(skill=5.0)
    plain = run(world, tmp_path / "a")
    assert (plain.data.cluster_handling, plain.data.sharing) == ("one question per cluster", 0)
    items = [
        replace(one, cluster=one.id, documents=(f"d{place // 2}",))
        for place, one in enumerate(world.items())
    ]
    certificate = calibrate(
        world.observe,
        items,
        Settings(risks=risks(), thresholds=NAMES),
        parts=PARTS,
        certificate_path=tmp_path / "b" / "certificate.json",
        created=NOON,
    )
    tested = sum(certificate.data.counts["tested"].values())
    assert certificate.data.cluster_handling == "no clusters labelled"
    assert certificate.data.sharing == tested
    said = " ".join(explain(certificate)["On what it rests"])
    assert "no clusters labelled" in said
    assert f"{tested} of these questions were written from a document of another one" in said
