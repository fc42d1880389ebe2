"""``assay index`` and what ``assay ask`` sees of it: added and removed documents, readers, filters."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from assay.apps.main import cli

PIPELINE = """assay: 1
name: toy
resources:
  judge: {use: models.overlap_cross_encoder@1}
  notes: {use: corpora.local@1, config: {path: index}}
nodes:
  found: {use: retrieve.bm25@1, config: {k: 20}, resources: {corpus: notes}, inputs: {query: query}}
  chosen: {use: select.top_k@1, config: {k: 2}, inputs: {query: query, ranking: found}}
  quoted:
    use: generate.extractive@1
    resources: {model: judge}
    inputs: {query: query, selection: chosen}
output: quoted
"""
QUESTION = "On which days does the office close at six?"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "p.yaml").write_text(PIPELINE)
    (tmp_path / "office.md").write_text("# Office\n\nThe office closes at six on Fridays.\n")
    (tmp_path / "board.md").write_text("# Board\n\nThe board closes the office in May.\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: str) -> str:
    result = CliRunner().invoke(cli, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_documents_are_added_and_taken_out_by_name() -> None:
    call("index", "p.yaml", "--docs", "office.md")
    assert "1 added, 0 changed, 0 removed, 0 unchanged" in call(
        "index", "p.yaml", "--docs", "board.md", "--add"
    )
    assert "closes at six" in call("ask", "p.yaml", QUESTION)
    said = call("index", "p.yaml", "--remove", "office.md", "--remove", "gone.md")
    assert "1 removed, 1 unchanged, 1 skipped" in said
    assert "gone.md: tenant 'local' has no document with this id" in said
    assert "closes at six" not in call("ask", "p.yaml", QUESTION)


def test_a_citation_names_file_and_line() -> None:
    call("index", "p.yaml", "--docs", "office.md")
    assert "(office.md, line 3)" in call("ask", "p.yaml", QUESTION)


def test_only_who_holds_a_role_sees_what_is_kept_for_it() -> None:
    call("index", "p.yaml", "--docs", "board.md", "--role", "board")
    assert "No answer" in call("ask", "p.yaml", QUESTION)
    assert "in May" in call("ask", "p.yaml", QUESTION, "--role", "board")
    assert "No answer" in call("ask", "p.yaml", QUESTION, "--role", "board", "--tenant", "other")


def test_one_tenants_run_leaves_the_others_documents() -> None:
    call("index", "p.yaml", "--docs", "office.md")
    call("index", "p.yaml", "--docs", "board.md", "--tenant", "acme")
    assert "at six" in call("ask", "p.yaml", QUESTION)
    assert "in May" in call("ask", "p.yaml", QUESTION, "--tenant", "acme")


def test_source_and_tier_can_be_asked_for() -> None:
    call("index", "p.yaml", "--docs", "office.md", "--source", "porter", "--tier", "house")
    call("index", "p.yaml", "--docs", "board.md", "--add", "--source", "board")
    assert "in May" in call("ask", "p.yaml", QUESTION, "--where", "source = 'board'")
    assert "at six" in call("ask", "p.yaml", QUESTION, "--where", "tier = 'house'")
    assert "No answer" in call("ask", "p.yaml", QUESTION, "--where", "tier = 'public'")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ask", "p.yaml", QUESTION, "--where", "tier ="], "expected"),
        (["index", "p.yaml", "--docs", "office.md", "--remove", "x"], "say what to index"),
        (["index", "p.yaml", "--data", "d", "--tier", "x"], "--tier"),
    ],
)
def test_bad_input_gives_one_clear_error(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 1
    assert words in str(result.exception)
