"""Under a certificate: margins in the record, stricter thresholds, no looser ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay.guards.risk.certificate import load_certificate
from tests.apps.test_calibrate_command import call, project

__all__ = ["project"]
QUESTION = "When does the amber0 office close on Fridays?"


@pytest.fixture
def certified(project: Path) -> float:
    assert call("calibrate", "run", "p.yaml", "--data", "set", "--no-canaries").exit_code == 0
    return load_certificate(project / "certificate.json").values["evidence"]


def test_a_record_tells_the_margin_to_each_threshold(certified: float) -> None:
    record = json.loads(call("ask", "p.yaml", QUESTION, "--json").stdout)
    margin = record["margins"]["evidence"]
    assert margin["threshold"] == certified
    assert margin["score"] - certified == margin["margin"] >= 0
    assert record["outcome"] == "answered"


def test_a_stricter_threshold_is_recorded_and_uncertified_where_the_promise_need_not_hold(
    certified: float,
) -> None:
    """Of fewer answers a larger share may be wrong."""
    result = call("ask", "p.yaml", QUESTION, "--json", "--set", "nodes.gate.threshold=99")
    record = json.loads(result.stdout)
    assert record["outcome"] == "abstained"
    assert record["certificate"] is None
    assert record["margins"]["evidence"]["threshold"] == 99
    assert record["margins"]["evidence"]["margin"] < 0


def test_a_stricter_threshold_keeps_a_certificate_of_risks_that_fall_with_it(project: Path) -> None:
    asked = ("calibrate", "run", "p.yaml", "--data", "set", "--no-canaries")
    assert call(*asked, "--risk", "false_answer=0.5").exit_code == 0
    stricter = call("ask", "p.yaml", QUESTION, "--json", "--set", "nodes.gate.threshold=99")
    assert json.loads(stricter.stdout)["certificate"] is not None


def test_a_looser_threshold_is_refused(certified: float) -> None:
    looser = f"nodes.gate.threshold={certified - 0.5}"
    said = str(call("ask", "p.yaml", QUESTION, "--set", looser).exception)
    assert "is looser than" in said


def test_canaries_are_asked_at_the_start_where_the_file_says_so(
    project: Path,
) -> None:
    text = (project / "p.yaml").read_text()
    asked = text.replace("{path: certificate.json}", "{path: certificate.json, canaries: true}")
    (project / "p.yaml").write_text(asked)
    assert call("calibrate", "run", "p.yaml", "--data", "set").exit_code == 0
    assert call("ask", "p.yaml", QUESTION).exit_code == 0
    (project / "certificate.canaries.json").unlink()
    assert "canaries.json is missing" in str(call("ask", "p.yaml", QUESTION).exception)
    (project / "p.yaml").write_text(asked.replace("canaries: true", "canaries: often"))
    assert "expected true or false" in str(call("ask", "p.yaml", QUESTION).exception)
