"""``assay replay``, on real corpora and components that need no model files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.apps.test_commands import PIPELINE, call, exit_of, questions

ASK = ("ask", "p.yaml", "When does the office close?", "--trace", "t.json")


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an indexed pipeline and the record of one question."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "office.md").write_text(
        "# Office\n\nThe office closes at six on Fridays.\n\n# Canteen\n\nThe canteen serves soup."
    )
    (tmp_path / "p.yaml").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path)
    assert call("index", "p.yaml", "--docs", "docs").exit_code == 0
    assert call(*ASK).exit_code == 0
    return tmp_path


def test_the_same_pipeline_gives_the_same_record(asked: Path) -> None:
    result = call("replay", "t.json", "--pipeline", "p.yaml")
    assert result.exit_code == 0, result.output
    assert result.output == "equal: found, ranked, chosen, gate, quoted\n"


def test_another_setting_is_told_first_and_then_the_node_that_it_changed(asked: Path) -> None:
    (asked / "other.yaml").write_text(PIPELINE.replace("{k: 2}", "{k: 1}"))
    result = call("replay", "t.json", "--pipeline", "other.yaml")
    assert result.exit_code == 1
    there = call("replay", "t.json", "--pipeline", "p.yaml", "--set", "chosen.k=1")
    assert (there.exit_code, there.output) == (1, result.output)
    lines = result.output.splitlines()
    assert lines[0].startswith("another pipeline: ")
    assert lines[1] == "first difference: chosen"
    assert any(line.startswith("  kept removed: ") for line in lines)


def test_another_setting_that_changes_nothing_is_equal(asked: Path) -> None:
    (asked / "other.yaml").write_text(PIPELINE.replace("{k: 20}", "{k: 19}"))
    result = call("replay", "t.json", "--pipeline", "other.yaml")
    assert result.exit_code == 0
    assert result.output.startswith("another pipeline: ")
    assert "equal: found" in result.output


def test_a_changed_corpus_is_found_where_it_was_read(asked: Path) -> None:
    (asked / "docs" / "more.md").write_text("# More\n\nThe office closes early, does it not?")
    assert call("index", "p.yaml", "--docs", "docs").exit_code == 0
    result = call("replay", "t.json", "--pipeline", "p.yaml", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["equal"], told["difference"]["node"], told["line"]) == (False, "found", 1)
    assert "passages added: " in told["difference"]["lines"][0]
    assert told["pipeline"]["old"] != told["pipeline"]["new"]


def test_equal_records_are_told_to_programs(asked: Path) -> None:
    told = json.loads(call("replay", "t.json", "--pipeline", "p.yaml", "--json").stdout)
    assert (told["equal"], told["difference"]) == (True, None)
    assert told["pipeline"]["old"] == told["pipeline"]["new"]
    assert told["certificate"] == {"old": None, "new": None}


def test_an_abstention_is_replayed_like_an_answer(asked: Path) -> None:
    assert call("ask", "p.yaml", "Who invented the telegraph?", "--trace", "a.json").exit_code == 0
    assert json.loads((asked / "a.json").read_text())["outcome"] == "abstained"
    assert call("replay", "a.json", "--pipeline", "p.yaml").exit_code == 0


def test_outputs_that_were_kept_are_made_anew(asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = asked / "kept.sqlite"
    monkeypatch.setenv("ASSAY_CACHE", str(kept))
    cached = PIPELINE.replace(
        "{use: retrieve.bm25@1,", "{use: retrieve.bm25@1, policy: {cache: true},"
    )
    (asked / "p.yaml").write_text(cached)
    assert call(*ASK).exit_code == 0
    kept.unlink()
    result = call("replay", "t.json", "--pipeline", "p.yaml")
    assert result.output == "equal: found, ranked, chosen, gate, quoted\n"
    assert not kept.exists()


def test_text_id_seed_and_tenant_are_those_of_the_query(asked: Path) -> None:
    record = json.loads((asked / "t.json").read_text())
    (asked / "s.json").write_text(json.dumps(record | {"query_id": "q9", "seed": 3}))
    told = json.loads(call("replay", "s.json", "--pipeline", "p.yaml", "--json").stdout)
    assert (told["query_id"], told["equal"]) == ("q9", True)
    stranger = call("replay", "t.json", "--pipeline", "p.yaml", "--tenant", "other")
    assert stranger.exit_code == 1
    assert "first difference: found" in stranger.output
    assert "passages removed: " in stranger.output


@pytest.fixture
def ran(asked: Path) -> Path:
    """The folder with a run file of four questions, the third of them altered."""
    questions(asked / "q.jsonl", 4)
    assert call("run", "p.yaml", "--queries", "q.jsonl", "--out", "r.jsonl").exit_code == 0
    lines = (asked / "r.jsonl").read_text().splitlines()
    third = json.loads(lines[2])
    third["stages"]["found"]["passages"][0]["score"] += 1.0
    lines[2] = json.dumps(third)
    (asked / "r.jsonl").write_text("\n".join(lines) + "\n")
    return asked


def test_a_record_of_a_run_is_named_by_line_or_by_query(ran: Path) -> None:
    for where, code in (
        (("--line", "2"), 0),
        (("--line", "3"), 1),
        (("--query-id", "q1"), 0),
        (("--query-id", "q2"), 1),
    ):
        result = call("replay", "r.jsonl", "--pipeline", "p.yaml", *where)
        assert result.exit_code == code, result.output
    assert "scores: 1 of 2 differ, by 1 at most" in result.output


def test_a_last_line_that_was_cut_off_hides_no_other_record(ran: Path) -> None:
    text = (ran / "r.jsonl").read_text()
    (ran / "r.jsonl").write_text(text[:-40])
    chosen = ("replay", "r.jsonl", "--pipeline", "p.yaml", "--query-id")
    assert call(*chosen, "q0").exit_code == 0
    assert call(*chosen, "q3").exit_code == 2
    (ran / "r.jsonl").write_text(text.rstrip("\n"))
    assert call(*chosen, "q3").exit_code == 0


WITH = ("--pipeline", "p.yaml")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gone.json", *WITH), "cannot read gone.json: No such file"),
        (("docs", *WITH), "cannot read docs: Is a directory"),
        (("bytes.json", *WITH), "bytes.json is no UTF-8 text file"),
        (("empty.json", *WITH), "empty.json is empty"),
        (("q.jsonl", *WITH, "--line", "1"), "q.jsonl:1 is no run record: 'query_id'"),
        (("p.yaml", *WITH, "--line", "1"), "p.yaml:1 is no run record: not JSON"),
        (("r.jsonl", *WITH), "r.jsonl holds 4 records: name one with --line or --query-id"),
        (("r.jsonl", *WITH, "--line", "9"), "r.jsonl has no record on line 9"),
        (("r.jsonl", *WITH, "--query-id", "q11"), "no record of query 'q11'; did you mean 'q1'?"),
        (("twice.jsonl", *WITH, "--query-id", "q0"), "has query 'q0' on lines 1, 3"),
        (("t.json", "--pipeline", "nowhere.yaml"), "no pipeline file at nowhere.yaml"),
        (("t.json", "--pipeline", "bad.yaml"), "unknown key 'kk'"),
        (("t.json", *WITH, "--tenant", ""), "--tenant is empty"),
        (("node.json", *WITH), "has a node 'rankd' that p.yaml has not; did you mean 'ranked'?"),
        (("failed.json", *WITH), "has a node 'printer' that p.yaml has not"),
    ],
)
def test_what_cannot_be_compared_is_one_clear_error_and_exit_2(
    ran: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    text = (ran / "t.json").read_text()
    (ran / "bytes.json").write_bytes(b"\xff\xfe\xfa")
    (ran / "empty.json").write_text("\n")
    (ran / "bad.yaml").write_text(PIPELINE.replace("{k: 2}", "{kk: 2}"))
    (ran / "node.json").write_text(text.replace('"ranked"', '"rankd"'))
    first = (ran / "r.jsonl").read_text().splitlines()[0]
    (ran / "twice.jsonl").write_text(f"{first}\n\n{first}\n")
    error = {"node": "printer", "type": "OSError", "message": "the paper jammed"}
    broken = json.loads(text) | {"outcome": "failed", "stages": {}, "error": error}
    (ran / "failed.json").write_text(json.dumps(broken))
    capsys.readouterr()
    assert exit_of(monkeypatch, "replay", *arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert words in said
    assert "Traceback" not in said


def test_line_and_query_at_once_are_wrong_usage(asked: Path) -> None:
    result = call("replay", "t.json", *WITH, "--line", "1", "--query-id", "q")
    assert result.exit_code == 2
    assert "not both" in result.output


def test_an_index_that_is_missing_is_no_difference(asked: Path) -> None:
    (asked / "index").rename(asked / "moved")
    result = call("replay", "t.json", *WITH)
    assert result.exit_code == 2
    assert "assay index" in result.output


def test_the_command_teaches_itself() -> None:
    assert "replay" in call("--help").output
    taught = call("replay", "--help").output
    for words in ("Exit 0", "--query-id", "assay replay"):
        assert words in taught
