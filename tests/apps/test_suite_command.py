"""``assay suite`` as a user calls it: listed, run, stopped and gone on with, refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assay.apps.commands.suite import command
from assay.corpora.dataset import Dataset
from assay.pipeline.errors import UsageError
from tests.evaluation.suites.small import towns, write_pipeline


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_pipeline(tmp_path)
    write_set(tmp_path / "set", towns())
    return tmp_path


def write_set(folder: Path, data: Dataset) -> None:
    folder.mkdir()
    corpus = [{"id": d.id, "title": d.title, "text": d.text, "meta": {}} for d in data.documents]
    queries = [
        {"id": q.id, "text": q.text, "answers": list(q.answers), "answerable": q.answerable,
         "meta": dict(q.meta)}
        for q in data.queries
    ]  # fmt: skip
    for name, records in (("corpus", corpus), ("queries", queries)):
        lines = "".join(json.dumps(one) + "\n" for one in records)
        (folder / f"{name}.jsonl").write_text(lines)
    judged = [(q, d, g) for q, found in data.qrels.items() for d, g in found.items()]
    (folder / "qrels.tsv").write_text("".join(f"{q}\t{d}\t{g}\n" for q, d, g in judged))


def call(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), catch_exceptions=False)


def ask(place: Path, name: str, *more: str) -> Result:
    made = call(
        name, str(place / "p.yaml"), "--data", str(place / "set"), "--out", str(place / "out"), *more
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    return made


def test_a_suite_indexes_runs_prints_a_table_and_writes_three_files(place: Path) -> None:
    result = ask(place, "typos", "--option", "severities=2", "--option", "operators=swap")
    for words in ("What typing errors in questions cost", "as asked", "2 typos", "recall@10"):
        assert words in result.stdout
    found = json.loads((place / "out" / "findings.json").read_text())
    assert [row["name"] for row in found["rows"]] == ["as asked", "one by swap", "2 typos"]
    assert found["run"]["options"] == {"operators": "swap", "severities": "2"}
    assert found["run"]["pipeline"] == "small"
    assert len((place / "out" / "per_query.jsonl").read_text().splitlines()) == 3 * 13
    assert "2 typos" in (place / "out" / "report.html").read_text()
    assert not (place / "out" / "aside").exists()


def test_a_second_call_asks_nothing_again(place: Path) -> None:
    first = ask(place, "typos", "--option", "severities=1")
    assert "of 13" in first.stderr
    again = ask(place, "typos", "--option", "severities=1")
    assert "of 13" not in again.stderr
    assert again.stdout == first.stdout.partition("merged\n")[2]


def test_a_sample_is_said_wherever_figures_stand(place: Path) -> None:
    result = ask(place, "typos", "--limit", "4", "--seed", "2")
    assert "A sample of 4 of 13 questions, drawn with seed 2" in result.stderr
    assert "A sample of 4 of 13" in (place / "out" / "report.html").read_text()


def test_suites_over_changed_corpora_leave_the_own_index_alone(place: Path) -> None:
    ask(place, "typos", "--option", "severities=1")
    names = sorted(path.name for path in (place / "index" / "indexes").iterdir())
    result = ask(place, "robustness", "--option", "families=passage")
    assert "answer replaced" in result.stdout
    assert "'robust' is over the 13 questions of 13" in result.stderr
    assert sorted(path.name for path in (place / "index" / "indexes").iterdir()) == names


def test_set_reaches_every_run(place: Path) -> None:
    ask(place, "typos", "--set", "gate.threshold=1000.0", "--option", "severities=1")
    found = json.loads((place / "out" / "findings.json").read_text())
    assert all(row["values"]["coverage"]["value"] == 0.0 for row in found["rows"])


def test_the_list_names_suites_with_their_options() -> None:
    result = call("--list")
    assert result.exit_code == 0
    for words in ("typos: What typing errors", "severities [1,2,3]:", "adversarial:", "stability:"):
        assert words in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("typoz", "p.yaml", "--data", "set", "--out", "o"), "did you mean 'typos'"),
        (("typos", "p.yaml", "--data", "gone", "--out", "o"), "gone"),
        (("typos", "q.yaml", "--data", "set", "--out", "o"), "q.yaml"),
        (
            ("typos", "p.yaml", "--data", "set", "--out", "o", "--option", "severity=1"),
            "did you mean 'severities'",
        ),
    ],
)
def test_wrong_input_is_one_clear_error(
    place: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(place)
    with pytest.raises(UsageError, match=words):
        call(*arguments)
    assert not (place / "o").exists()


def test_a_call_without_a_set_is_wrong_usage() -> None:
    result = call("typos", "p.yaml")
    assert result.exit_code == 2
    assert "assay suite --list" in result.stderr
