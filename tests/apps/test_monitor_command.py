"""``assay monitor``: from files to a state, alarms that stay, and figures."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assay.apps.main import cli
from assay.guards.risk.monitors.latch import degraded
from assay.guards.risk.schema import Certificate
from assay.pipeline.errors import DataError, UsageError
from tests.guards.risk.monitors.service import certified, record, stream, write


@pytest.fixture
def service(tmp_path: Path) -> tuple[Path, Certificate]:
    return certified(tmp_path)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["monitor", *map(str, arguments)])


def test_the_same_files_twice_change_nothing(service: tuple[Path, Certificate]) -> None:
    path, certificate = service
    log = write(path.with_name("run.jsonl"), stream(certificate, 80))
    first = call(path, "--records", log)
    assert first.exit_code == 0
    assert "no alarm" in first.output
    assert "80 questions counted" in first.output
    state = path.with_name("certificate.monitor.json")
    before = state.read_bytes()
    again = call(path, "--records", log, "--records", log)
    assert "this time: nothing new" in again.output
    assert state.read_bytes() == before


def test_an_alarm_degrades_the_certificate_for_good(service: tuple[Path, Certificate]) -> None:
    path, certificate = service
    log = write(path.with_name("run.jsonl"), stream(certificate, 200, shift=-2.0))
    done = call(path, "--records", log)
    assert done.exit_code == 1
    assert done.output.startswith(f"DEGRADED  certificate {certificate.id}")
    assert re.search(r"ALARM after \d+: the evidence scores no longer look", done.output)
    assert "certified point is" in done.output or "so abstain" in done.output
    assert degraded(path) is not None
    path.with_name("certificate.monitor.json").unlink()
    assert call(path).exit_code == 1  # the state is gone, the alarm is not


def test_people_fill_in_what_the_sample_chose(service: tuple[Path, Certificate]) -> None:
    path, certificate = service
    log = write(
        path.with_name("run.jsonl"), [record(certificate, f"q{n}", 9.0, 9.0) for n in range(100)]
    )
    due = path.with_name("due.jsonl")
    assert (
        "questions to label"
        in call(path, "--records", log, "--rate", 0.3, "--to-audit", due).output
    )
    chosen = [json.loads(line) for line in due.read_text(encoding="utf-8").splitlines()]
    assert 10 < len(chosen) < 50
    assert chosen[0]["text"] == f"What is {chosen[0]['query_id']}?"
    assert "not filled in" in call(path, "--labels", due).output
    labels = write(path.with_name("labels.jsonl"), [one | {"right": True} for one in chosen])
    done = call(path, "--labels", labels)
    assert f"hallucination <= 0.2: 0 of {len(chosen)} audited lost, 90% interval 0.000" in (
        done.output
    )
    refused = call(path, "--to-audit", due)
    assert isinstance(refused.exception, UsageError)
    assert "exists" in str(refused.exception)


def test_figures_are_written_in_the_text_format(service: tuple[Path, Certificate]) -> None:
    path, certificate = service
    log = write(path.with_name("run.jsonl"), stream(certificate, 50))
    target = path.with_name("assay.prom")
    call(path, "--records", log, "--prometheus", target)
    text = target.read_text(encoding="utf-8")
    assert f'assay_monitor_degraded{{certificate="{certificate.id}"}} 0.0\n' in text
    sample = re.compile(r'assay_monitor_\w+\{(\w+="[^"\n]*",?)+\} (-?\d[\d.e+-]*|\+Inf)')
    lines = text.splitlines()
    assert all(
        line.startswith(("# HELP assay_monitor_", "# TYPE assay_monitor_"))
        or sample.fullmatch(line)
        for line in lines
    )
    typed = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(typed) == len(set(typed))


def test_a_broken_log_leaves_the_state_as_it_was(service: tuple[Path, Certificate]) -> None:
    path, certificate = service
    log = write(path.with_name("run.jsonl"), stream(certificate, 5))
    call(path, "--records", log)
    state = path.with_name("certificate.monitor.json")
    before = state.read_bytes()
    write(log, stream(certificate, 5, prefix="new"), mode="a")
    with log.open("a", encoding="utf-8") as file:
        file.write("broken\n")
    done = call(path, "--records", log)
    assert isinstance(done.exception, DataError)
    assert "run.jsonl:11" in str(done.exception)
    assert state.read_bytes() == before


def test_a_state_of_another_certificate_is_refused(
    service: tuple[Path, Certificate], tmp_path: Path
) -> None:
    path, _ = service
    call(path)
    state = path.with_name("certificate.monitor.json")
    fields = json.loads(state.read_bytes()) | {"certificate": "0" * 16}
    state.write_text(json.dumps(fields), encoding="utf-8")
    done = call(path)
    assert isinstance(done.exception, UsageError)
    assert "watches certificate 0000" in str(done.exception)
    assert call(path, "--state", tmp_path / "own.json").exit_code == 0


def test_an_unfinished_line_is_said_and_read_later(service: tuple[Path, Certificate]) -> None:
    path, certificate = service
    log = write(path.with_name("run.jsonl"), stream(certificate, 3))
    whole = log.read_bytes()
    log.write_bytes(whole[:-10])
    first = call(path, "--records", log).output
    assert "2 questions counted" in first
    assert "will be read next time" in first
    log.write_bytes(whole)
    assert "3 questions counted" in call(path, "--records", log).output


def test_canaries_are_compared_with_their_first_run(service: tuple[Path, Certificate]) -> None:
    path, certificate = service
    log = write(path.with_name("canaries.jsonl"), [record(certificate, "bird", 9.0, 9.0)])
    assert call(path, "--canaries", log).exit_code == 0
    write(log, [record(certificate, "bird", 8.0, 9.0)])
    done = call(path, "--canaries", log)
    assert done.exit_code == 1
    assert "canary 'bird' no longer gives what it gave" in done.output
