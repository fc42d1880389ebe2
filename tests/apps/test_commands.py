"""The command line, on real corpora and components that need no model files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assay.apps.commands.run import command as run_command
from assay.apps.main import cli, main

PIPELINE = """assay: 1
name: toy
resources:
  judge: {use: models.overlap_cross_encoder@1}
  notes: {use: corpora.local@1, config: {path: index}}
nodes:
  found: {use: retrieve.bm25@1, config: {k: 20}, resources: {corpus: notes}, inputs: {query: query}}
  ranked:
    use: rerank.cross_encoder@1
    resources: {model: judge}
    inputs: {query: query, ranking: found}
  chosen: {use: select.top_k@1, config: {k: 2}, inputs: {query: query, ranking: ranked}}
  gate: {use: abstain.evidence@1, config: {threshold: 0.0}, inputs: {selection: chosen}}
  quoted:
    use: generate.extractive@1
    resources: {model: judge}
    inputs: {query: query, selection: gate}
output: quoted
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "office.md").write_text(
        "# Office\n\nThe office closes at six on Fridays.\n\n# Canteen\n\nThe canteen serves soup."
    )
    (docs / "broken.txt").write_bytes(b"\0\1\2\3\xff\xfe no text")
    (tmp_path / "p.yaml").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=True)


def exit_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["assay", *arguments])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.fixture
def indexed(project: Path) -> Path:
    assert call("index", "p.yaml", "--docs", "docs").exit_code == 0
    return project


def test_index_says_what_it_did_and_why_it_skipped(project: Path) -> None:
    first = call("index", "p.yaml", "--docs", "docs")
    assert "documents: 1 added, 0 changed, 0 removed, 0 unchanged, 1 skipped" in first.output
    assert "broken.txt" in first.output
    (project / "docs" / "more.txt").write_text("A lift is out of order.")
    second = call("index", "p.yaml", "--docs", "docs")
    assert "1 added, 0 changed, 0 removed, 1 unchanged" in second.output


def test_an_answer_is_cited_and_the_funnel_is_told(indexed: Path) -> None:
    result = call("ask", "p.yaml", "When does the office close?")
    assert result.exit_code == 0
    assert "The office closes at six on Fridays.[1]" in result.output
    assert "[1] Office" in result.output
    assert "cited 1" in result.output


def test_ask_tells_why_passages_were_kept_and_dropped(indexed: Path) -> None:
    short = call("ask", "p.yaml", "When does the office close?").output
    assert "chosen: kept " in short
    assert "place 1 of the first" in short
    whole = call("ask", "p.yaml", "When does the office close?", "--why").output
    assert "place 1 of the first" in whole
    assert "--why" not in whole


def test_an_abstention_is_no_error_and_says_why(indexed: Path) -> None:
    result = call("ask", "p.yaml", "Who invented the telegraph?")
    assert result.exit_code == 0
    assert "No answer (low_selection)" in result.output


def test_ask_prints_the_record_as_json_and_traces_it(indexed: Path) -> None:
    result = call("ask", "p.yaml", "When does the office close?", "--json", "--trace", "t.json")
    record = json.loads(result.stdout)
    assert record["outcome"] == "answered"
    assert record == json.loads((indexed / "t.json").read_text())
    assert set(record["stages"]) == {"found", "ranked", "chosen", "gate", "quoted"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ask", "p.yaml", "   "], "the question is empty"),
        (["ask", "p.yaml", "x" * 100_000], "has 100000 characters"),
        (["ask", "nowhere.yaml", "x"], "no pipeline file at nowhere.yaml"),
        (["ask", "own-documets", "x"], "did you mean 'own-documents'"),
        (["ask", "p.yaml", "When does it close?"], "assay index"),
        (["index", "p.yaml"], "say what to index"),
        (["index", "p.yaml", "--docs", "empty"], "no documents found"),
        (["index", "p.yaml", "--docs", "gone"], "gone"),
        (["graph", "p.yaml", "--out", "g.png"], "end the name with .svg or .mmd"),
        (["graph", "p.yaml", "--out", "no/where/g.svg"], "cannot write"),
        (["models", "pull"], "say which models"),
        (["models", "pull", "qwen"], "qwen"),
        (["calibrate", "plan", "p.yaml", "--data", "gone"], "gone"),
        (["evaluate", "p.yaml", "--data", "gone", "--out", "r"], "gone"),
    ],
)
def test_bad_input_gives_one_clear_error_and_exit_1(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    (project / "empty").mkdir()
    assert exit_of(monkeypatch, *arguments) == 1
    said = capsys.readouterr().err
    assert "error: " in said
    assert words in said
    assert "Traceback" not in said


def test_a_command_that_found_something_wrong_exits_with_1(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "bad.yaml").write_text(PIPELINE.replace("{k: 2}", "{kk: 2}"))
    assert exit_of(monkeypatch, "check", "bad.yaml", "--json") == 1
    assert exit_of(monkeypatch, "check", "p.yaml", "--json") == 0


def test_a_path_that_cannot_be_written_is_one_sentence(
    indexed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_of(monkeypatch, "ask", "p.yaml", "When?", "--trace", "no/where.json") == 1
    said = capsys.readouterr().err
    assert "error: no/where.json: No such file or directory" in said


def test_a_mistyped_command_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_of(monkeypatch, "evalute") == 2
    assert "did you mean 'evaluate'?" in capsys.readouterr().err


def test_check_lists_every_error_with_its_place(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "bad.yaml").write_text(
        PIPELINE.replace("{k: 2}", "{kk: 2}").replace("ranking: ranked}", "ranking: rnked}")
    )
    assert exit_of(monkeypatch, "check", "bad.yaml") == 1
    said = capsys.readouterr().err
    assert "bad.yaml:12:" in said
    assert "unknown key 'kk'" in said
    assert "did you mean 'ranked'?" in said
    assert "2 problems found" in said
    assert call("check", "p.yaml").output.startswith("p.yaml: right")


def test_check_prints_the_errors_for_programs(project: Path) -> None:
    (project / "bad.yaml").write_text(PIPELINE.replace("{k: 2}", "{kk: 2}"))
    result = call("check", "bad.yaml", "--json")
    assert result.exit_code == 1
    (problem,) = json.loads(result.stdout)
    assert (problem["line"], problem["file"]) == (12, "bad.yaml")
    assert json.loads(call("check", "p.yaml", "--json").stdout) == []


def test_every_command_teaches_itself() -> None:
    listing = call("--help").output
    for name in (
        "ask",
        "calibrate",
        "check",
        "demo",
        "evaluate",
        "graph",
        "index",
        "models",
        "run",
    ):
        assert name in listing
        assert len(call(name, "--help").output) > 200


def test_graphs_show_every_node(project: Path) -> None:
    assert call("graph", "p.yaml", "--out", "g.svg").exit_code == 0
    drawn = (project / "g.svg").read_text()
    for name in ("query", "found", "ranked", "chosen", "gate", "quoted"):
        assert f">{name}<" in drawn
    assert "chosen -- selection --> gate" in call("graph", "p.yaml").output


def test_a_graph_can_carry_the_figures_of_a_run(project: Path) -> None:
    assert call("index", "p.yaml", "--docs", "docs").exit_code == 0
    asked = call("ask", "p.yaml", "Who invented the telegraph?", "--trace", "t.json")
    assert asked.exit_code == 0
    assert call("graph", "p.yaml", "--out", "g.svg", "--record", "t.json").exit_code == 0
    record = json.loads((project / "t.json").read_text(encoding="utf-8"))
    found = len(record["stages"]["chosen"]["passages"])
    assert f"{found} passages" in (project / "g.svg").read_text(encoding="utf-8")
    assert f"{found} passages" in call("graph", "p.yaml", "--record", "t.json").output
    assert call("graph", "p.yaml", "--line", "1").exit_code == 2


def test_explain_tells_where_a_value_comes_from(project: Path) -> None:
    shown = call("explain", "p.yaml").output
    assert "k: 20  # p.yaml:7" in shown
    assert "depth: 20  # default" in shown or "# default" in shown


def questions(path: Path, count: int) -> None:
    lines = [
        json.dumps({"id": f"q{n}", "text": f"When does office {n} close?"}) for n in range(count)
    ]
    path.write_text("\n".join(lines) + "\n")


def test_a_run_that_was_cut_off_is_resumed_without_loss_or_repetition(indexed: Path) -> None:
    questions(indexed / "q.jsonl", 4)
    arguments = ["run", "p.yaml", "--queries", "q.jsonl", "--out", "r.jsonl"]
    assert call(*arguments).exit_code == 0
    whole = (indexed / "r.jsonl").read_text()
    lines = whole.splitlines(keepends=True)
    (indexed / "r.jsonl").write_text(lines[0] + lines[1][:40])
    result = call(*arguments, "--resume")
    assert "3 answered now, 1 before" in result.output
    again = (indexed / "r.jsonl").read_text().splitlines()
    assert [json.loads(line)["query_id"] for line in again] == ["q0", "q1", "q2", "q3"]
    kept = [{k: v for k, v in json.loads(line).items() if k != "cost"} for line in again]
    assert kept == [{k: v for k, v in json.loads(line).items() if k != "cost"} for line in lines]


def test_a_run_in_batches_writes_the_same_records(indexed: Path) -> None:
    questions(indexed / "q.jsonl", 5)
    arguments = ["run", "p.yaml", "--queries", "q.jsonl", "--out"]
    assert call(*arguments, "one.jsonl").exit_code == 0
    assert call(*arguments, "two.jsonl", "--batch", "2").exit_code == 0

    def kept(name: str) -> list[dict[str, object]]:
        lines = (indexed / name).read_text().splitlines()
        return [{k: v for k, v in json.loads(line).items() if k != "cost"} for line in lines]

    assert kept("one.jsonl") == kept("two.jsonl")
    assert len(kept("two.jsonl")) == 5


def test_a_finished_run_is_not_overwritten(
    indexed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    questions(indexed / "q.jsonl", 1)
    arguments = ["run", "p.yaml", "--queries", "q.jsonl", "--out", "r.jsonl"]
    assert call(*arguments).exit_code == 0
    assert exit_of(monkeypatch, *arguments) == 1
    assert "add --resume" in capsys.readouterr().err


def test_a_run_of_another_pipeline_is_not_resumed(
    indexed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    questions(indexed / "q.jsonl", 1)
    arguments = ["run", "p.yaml", "--queries", "q.jsonl", "--out", "r.jsonl"]
    assert call(*arguments).exit_code == 0
    (indexed / "p.yaml").write_text(PIPELINE.replace("{k: 2}", "{k: 1}"))
    assert exit_of(monkeypatch, *arguments, "--resume") == 1
    assert "another pipeline" in capsys.readouterr().err


def test_the_run_command_is_the_one_that_the_group_loads() -> None:
    assert cli.get_command(None, "run") is run_command  # type: ignore[arg-type]
