"""``assay tune`` on a small real corpus: choose on one fold, tell of another, go on, refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from assay.apps.commands.evaluate import command as evaluate_command
from assay.apps.commands.tune import command
from assay.evaluation.search import halving
from assay.evaluation.uses import read_uses
from assay.pipeline import build
from assay.pipeline.errors import BuildError, UsageError
from tests.evaluation.search.small import lay

SPACE = "fields: {quoted.answer_sentences: [1, 2], found.k: [2, 3, 5], chosen.k: [1, 2]}"
TUNED, REPORTED = ({f"q{n:02}" for n in range(start, 30, 2)} for start in (0, 1))


def call(place: Path, *more: str) -> Result:
    arguments = [
        str(place / "p.yaml"), "--space", str(place / "space.yaml"), "--data", str(place / "set"),
        "--out", str(place / "out"), "--trials", "4", *more,
    ]  # fmt: skip
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache.sqlite"))
    (tmp_path / "space.yaml").write_text(SPACE)
    return lay(tmp_path)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A finished search, to be looked at only: its folder and what it printed."""
    folder = tmp_path_factory.mktemp("tuned")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("ASSAY_CACHE", str(folder / "cache.sqlite"))
        (folder / "space.yaml").write_text(SPACE)
        result = call(lay(folder))
        assert result.exit_code == 0, result.output
        yield folder, result.output


def test_the_winner_is_chosen_on_the_tune_fold_and_told_of_the_report_fold(
    done: tuple[Path, str],
) -> None:
    place, output = done
    told = json.loads((place / "out" / "result.json").read_text())
    assert told["winner"]["changed"]["quoted.answer_sentences"] == 2
    assert told["keeps_constraints_on_tune_fold"] is True
    figures = {one["key"]: one for one in told["report"]["figures"]}
    difference = figures["qa.correct"]["against"][0]["difference"]
    assert (difference["first"], difference["second"]) == (0.0, 1.0)
    assert difference["interval"] == [1.0, 1.0]
    assert told["report"]["n.queries"] == 15
    assert "+1.000" in output
    for name in ("unchanged", "best"):
        asked = lines(place / "out" / "report" / name / "records.jsonl")
        assert {row["query_id"] for row in asked} == REPORTED
    for folder in (place / "out" / "trials").iterdir():
        assert {row["query_id"] for row in lines(folder / "records.jsonl")} <= TUNED


def test_the_winner_is_a_file_that_gives_the_pipeline_that_won(done: tuple[Path, str]) -> None:
    place, _ = done
    best = place / "out" / "best.yaml"
    trial = json.loads((place / "out" / "result.json").read_text())["winner"]["trial"]
    with build(best) as pipeline:
        won = [row for row in lines(place / "out" / "trials.jsonl") if row["trial"] == trial]
        assert pipeline.fingerprint() == won[-1]["fingerprint"]
    assert best.read_text().startswith("# Made by 'assay tune' from p.yaml: trial ")


def test_everything_that_was_tried_is_listed(done: tuple[Path, str]) -> None:
    place, _ = done
    rows = lines(place / "out" / "trials.jsonl")
    assert [row["trial"] for row in rows] == list(range(5))
    assert (rows[0]["settings"], rows[0]["objective"]) == ({}, 0.0)
    assert len({json.dumps(row["settings"]) for row in rows}) == 5
    page = (place / "out" / "tune.html").read_text()
    for row in rows:
        for key, value in row["settings"].items():
            assert f"{key}: {value}" in page
    assert "qa.correct †" in page
    assert "src=" not in page


def test_the_questions_of_the_tune_fold_are_noted_beside_both_files(
    done: tuple[Path, str],
) -> None:
    place, _ = done
    for file in (place / "p.yaml.uses.jsonl", place / "out" / "best.yaml.uses.jsonl"):
        (use,) = read_uses(file)
        assert (use.purpose, use.fold, len(use.questions)) == ("search", "tune", 15)
    for name in ("unchanged", "best"):
        metrics = json.loads((place / "out" / "report" / name / "metrics.json").read_text())
        assert metrics["run"]["chosen_on"] == []


def test_a_report_on_the_tune_fold_is_marked_from_then_on(done: tuple[Path, str]) -> None:
    place, _ = done
    out = place / "on-tune-fold"
    arguments = [
        str(place / "out" / "best.yaml"), "--data", str(place / "set"), "--out", str(out),
        "--fold", "tune",
    ]  # fmt: skip
    result = CliRunner().invoke(evaluate_command, arguments, catch_exceptions=False)
    run = json.loads((out / "metrics.json").read_text())["run"]
    assert run["chosen_on"][0].startswith("15 of the 15 questions were used to choose")
    assert "†" in result.output


def test_the_same_command_runs_nothing_again_and_finds_the_same(
    done: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = done
    names = ("trials.jsonl", "result.json", "best.yaml")
    before = {name: (place / "out" / name).read_text() for name in names}
    monkeypatch.setattr(halving, "run_records", None)  # would fail if a trial ran
    assert call(place).exit_code == 0
    assert {name: (place / "out" / name).read_text() for name in names} == before
    assert len(read_uses(place / "p.yaml.uses.jsonl")) == 1


def test_another_search_in_the_same_folder_is_refused(done: tuple[Path, str]) -> None:
    place, _ = done
    with pytest.raises(UsageError, match="holds another search: it differs in objective;"):
        call(place, "--objective", "qa.f1")
    with pytest.raises(UsageError, match="it differs in file, pipeline;"):
        call(place, "--set", "found.k=4")


def test_another_winner_by_more_trials_is_another_look_at_the_report_fold(place: Path) -> None:
    (place / "space.yaml").write_text(
        "fields: {found.k: [2, 3, 5], quoted.answer_sentences: [1, 2]}"
    )
    for trials in range(1, 6):
        result = call(place, "--trials", str(trials), "--seed", "2")
        winner = json.loads((place / "out" / "result.json").read_text())["winner"]["trial"]
        if trials == 1 and winner != 0:
            pytest.fail("the seed finds the winner at once: choose another space")
        if winner != 0:
            break
    assert "2 winners of this search were looked at on the report fold" in result.output
    assert "2 winners of this search" in (place / "out" / "tune.html").read_text()


def test_where_nothing_is_better_the_unchanged_pipeline_wins(place: Path) -> None:
    (place / "space.yaml").write_text("fields: {found.k: [3, 5]}")
    result = call(place)
    assert "no trial was better than the unchanged pipeline" in result.output
    told = json.loads((place / "out" / "result.json").read_text())
    assert (told["winner"], told["report"]) == ({"trial": 0, "changed": {}}, None)
    assert told["exhausted"] is True


def test_a_constraint_that_none_keeps_is_told_and_fails(place: Path) -> None:
    with pytest.raises(UsageError, match="no pipeline that was tried keeps every constraint"):
        call(place, "--constraint", "selection.size<=0.5", "--trials", "1")
    told = json.loads((place / "out" / "result.json").read_text())
    assert told["keeps_constraints_on_tune_fold"] is False


def test_a_look_at_costs_pays_them_every_time(place: Path) -> None:
    result = call(place, "--objective", "cost.calls", "--trials", "2")
    assert "outputs are not kept" in result.output
    assert all(row["objective"] > 0 for row in lines(place / "out" / "trials.jsonl"))
    assert not (place / "cache.sqlite").exists()


def test_bad_input_is_refused_before_a_question_is_used(place: Path) -> None:
    for more, message in (
        (["--objective", "qa.corect"], "did you mean 'qa.correct'"),
        (["--constraint", "qa.correct=1"], "cannot read --constraint"),
    ):
        with pytest.raises(UsageError, match=message):
            call(place, *more)
    (place / "space.yaml").write_text("fields: {fund.k: [1, 2]}")
    with pytest.raises(BuildError, match="did you mean 'found'"):
        call(place)
    (place / "space.yaml").write_text(SPACE)
    queries = lines(place / "set" / "queries.jsonl")
    for one in queries:
        one["meta"]["fold"] = "tune"
    (place / "set" / "queries.jsonl").write_text("".join(json.dumps(one) + "\n" for one in queries))
    with pytest.raises(UsageError, match="no question in the fold 'report'"):
        call(place)
    assert not (place / "p.yaml.uses.jsonl").exists()
    assert not (place / "out").exists()
