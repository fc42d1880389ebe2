"""``assay evaluate`` on a small real corpus: index, run, score, go on, refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from assay.apps.commands.evaluate import command
from assay.pipeline import Abstention, AbstentionReason, Answer, Node, Selection, register, registry
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Citation

PIPELINE = """
assay: 1
name: small
resources:
  corpus: {use: corpora.local@1, config: {path: index}}
nodes:
  found: {use: retrieve.bm25@1, config: {k: 5}, resources: {corpus: corpus}, inputs: {query: query}}
  chosen: {use: select.top_k@1, config: {k: 1}, inputs: {query: query, ranking: found}}
  said: {use: toys.quote@1, inputs: {selection: chosen}}
output: said
"""


@register("toys.quote@1")
class Quote(Node):
    """The best passage as the answer; fails where a passage says so."""

    asked = 0

    def run(self, selection: Selection) -> Answer | Abstention:
        Quote.asked += 1
        if not selection.kept:
            return Abstention("quote", AbstentionReason.NO_EVIDENCE, "nothing found")
        passage = selection.kept[0].passage
        if "jam" in passage.text:
            raise ValueError("the paper jammed")
        return Answer(passage.text, (Citation(0, 3, (passage.id,)),), (passage,))


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_plugins", lambda: {Quote.name: Quote})
    monkeypatch.setattr(Quote, "asked", 0)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "p.yaml").write_text(PIPELINE)
    data = tmp_path / "set"
    data.mkdir()
    texts = {"apple": "Apples are green.", "pear": "Pears are yellow.", "paper": "Paper may jam."}
    queries: list[dict[str, Any]] = [
        {"id": "a", "text": "which colour have apples", "answers": ["green"], "answerable": True},
        {"id": "b", "text": "which colour have pears", "answers": ["blue"], "answerable": True},
        {"id": "c", "text": "xylophone", "answers": [], "answerable": False},
        {"id": "d", "text": "paper", "answers": ["jam"], "answerable": True},
    ]
    write(
        data / "corpus.jsonl",
        [{"id": key, "title": "", "text": text, "meta": {}} for key, text in texts.items()],
    )
    write(data / "queries.jsonl", [one | {"meta": {}} for one in queries])
    (data / "qrels.tsv").write_text("a\tapple\t1\nb\tpear\t1\nd\tpaper\t1\n")
    return tmp_path


def write(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(one) + "\n" for one in records))


def call(place: Path, *more: str) -> tuple[str, dict[str, Any]]:
    arguments = [
        str(place / "p.yaml"),
        "--data",
        str(place / "set"),
        "--out",
        str(place / "out"),
        *more,
    ]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output, json.loads((place / "out" / "metrics.json").read_text())


def test_a_set_without_an_index_is_indexed_run_and_scored(place: Path) -> None:
    _, metrics = call(place)
    assert metrics["qa.correct"] == pytest.approx(1 / 3)
    assert metrics["n.failed"] == metrics["n.abstained"] == 1
    assert metrics["abstention.risk"] == 0.5
    assert metrics["retrieval.recall@10"] == pytest.approx(2 / 3)  # the failed one counts 0
    rows = [
        json.loads(line) for line in (place / "out" / "per_query.jsonl").read_text().splitlines()
    ]
    assert [row["query_id"] for row in rows] == ["a", "b", "c", "d"]
    assert "<title>small on set</title>" in (place / "out" / "report.html").read_text()


def test_a_second_run_asks_only_what_failed_or_is_new(place: Path) -> None:
    _, sample = call(place, "--limit", "3")
    before = Quote.asked
    _, metrics = call(place)
    assert (before, metrics["n.queries"]) == (3, 4)
    assert Quote.asked - before == 1 + sample["n.failed"]
    call(place, "--limit", "2")
    assert len((place / "out" / "records.jsonl").read_text().splitlines()) >= 3


def test_a_line_that_was_cut_off_is_run_again(place: Path) -> None:
    call(place)
    records = place / "out" / "records.jsonl"
    whole = records.read_text().splitlines(keepends=True)
    records.write_text(whole[0] + whole[1][:20])
    asked = Quote.asked
    _, metrics = call(place)
    assert metrics["n.queries"] == 4
    assert Quote.asked - asked == 3


def test_another_pipeline_never_reuses_records(place: Path) -> None:
    call(place)
    (place / "p.yaml").write_text(PIPELINE.replace("k: 1}", "k: 2}"))
    asked = Quote.asked
    call(place)
    assert Quote.asked - asked == 4
    assert len(list((place / "out").glob("records-*.jsonl"))) == 1


def test_a_corpus_without_the_judged_passages_is_refused_with_the_command(place: Path) -> None:
    call(place)
    corpus = place / "set" / "corpus.jsonl"
    write(corpus, [{"id": "new", "title": "", "text": "New.", "meta": {}}] + [
        json.loads(line) for line in corpus.read_text().splitlines()])  # fmt: skip
    with (place / "set" / "qrels.tsv").open("a") as file:
        file.write("a\tnew\t1\n")
    with pytest.raises(
        UsageError, match=r"lacks 1 judged passages .* 'new': .*assay index .* --data"
    ):
        call(place)


def test_a_limit_of_zero_is_wrong_usage(place: Path) -> None:
    result = CliRunner().invoke(
        command, [str(place / "p.yaml"), "--data", "x", "--out", "y", "--limit", "0"]
    )
    assert result.exit_code == click.UsageError.exit_code
