"""``assay evaluate`` on a small real corpus: index, run, score, go on, refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from assay.apps.commands.evaluate import command
from assay.corpora import dataset as labelled
from assay.evaluation.uses import record_use, use_of
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


def test_running_and_scoring_are_timed_and_a_second_call_tells_the_same_running(
    place: Path,
) -> None:
    _, first = call(place)
    seconds = first["run"]["seconds"]
    records = (place / "out" / "records.jsonl").read_text().splitlines()
    total = sum(json.loads(line)["cost"]["seconds"] for line in records)
    assert seconds["running"] == pytest.approx(total)
    assert seconds["scoring"] > 0
    (place / "set" / "queries.jsonl").write_text(
        "".join((place / "set" / "queries.jsonl").read_text().splitlines(keepends=True)[:3])
    )
    (place / "set" / "qrels.tsv").write_text("a\tapple\t1\nb\tpear\t1\n")
    _, second = call(place)
    assert 0 < second["run"]["seconds"]["running"] <= seconds["running"]


def test_figures_over_questions_that_were_used_to_choose_are_marked_everywhere(
    place: Path,
) -> None:
    output, fair = call(place)
    assert fair["run"]["chosen_on"] == []
    assert "†" not in output
    whole = labelled.load(place / "set")
    use = use_of(whole, ["a"], purpose="search", date="2026-11-23", command="tune", fold="tune")
    record_use(place / "p.yaml.uses.jsonl", use)
    output, marked = call(place)
    assert marked["n.queries"] == 4  # marked, never left out
    assert marked["run"]["chosen_on"][0].startswith("1 of the 4 questions were used to choose")
    rows = [line for line in output.splitlines() if "%" in line and "interval" not in line]
    assert rows
    assert all("†" in row for row in rows)
    assert "1 of the 4 questions were used" in output
    assert "†" in (place / "out" / "report.html").read_text()


def test_a_sample_without_the_used_questions_is_not_marked(place: Path) -> None:
    whole = labelled.load(place / "set")
    use = use_of(whole, ["c"], purpose="search", date="d", command="tune", fold="tune")
    record_use(place / "p.yaml.uses.jsonl", use)
    queries = place / "set" / "queries.jsonl"
    queries.write_text("".join(queries.read_text().splitlines(keepends=True)[:2]))
    (place / "set" / "qrels.tsv").write_text("a\tapple\t1\nb\tpear\t1\n")
    _, metrics = call(place)
    assert metrics["run"]["chosen_on"] == []


def test_what_a_set_says_of_itself_is_told(place: Path) -> None:
    (place / "set" / "info.json").write_text('{"notices": ["two questions were left out"]}')
    output, metrics = call(place)
    assert "two questions were left out" in output
    assert metrics["run"]["notices"] == ["two questions were left out"]


def other_set(place: Path, name: str) -> Path:
    folder = place / "sets" / name
    folder.mkdir(parents=True)
    write(
        folder / "corpus.jsonl",
        [{"id": name, "title": "", "text": f"The {name} is tall.", "meta": {}}],
    )
    write(
        folder / "queries.jsonl",
        [{"id": "q", "text": f"the {name}", "answers": ["tall"], "answerable": True, "meta": {}}],
    )
    (folder / "qrels.tsv").write_text(f"q\t{name}\t1\n")
    return folder


def many(place: Path, *more: str) -> Result:
    arguments = [str(place / "p.yaml"), "--out", str(place / "out"), *more]
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_a_folder_of_sets_gives_a_table_and_says_what_it_leaves_out(place: Path) -> None:
    for name in ("tower", "tree"):
        other_set(place, name)
    (place / "sets" / "answers").mkdir()
    (place / "sets" / "answers" / "responses.jsonl").write_text("{}\n")
    (place / "sets" / "README.md").write_text("not a set")
    result = many(place, "--data", str(place / "sets"))
    assert result.exit_code == 0
    table = (place / "out" / "table.md").read_text()
    assert [line.split(" | ")[0] for line in table.splitlines()[2:4]] == ["| tower", "| tree"]
    assert "- answers is left out: it has no corpus.jsonl and no queries.jsonl" in table
    assert "responses.jsonl" in table
    sets = json.loads((place / "out" / "sets.json").read_text())["sets"]
    assert sets["tower"]["qa.correct"] == sets["tree"]["qa.correct"] == 1.0
    assert "left_out" in sets["answers"]
    assert sets["tower"] == json.loads((place / "out" / "tower" / "metrics.json").read_text())
    for name in ("tower", "tree"):  # each in a corpus of its own; the pipeline's is untouched
        assert (place / "out" / name / "index").is_dir()
    assert not (place / "index").exists()


def test_a_broken_set_fails_alone_and_the_exit_code_says_so(place: Path) -> None:
    other_set(place, "tower")
    broken = other_set(place, "broken")
    (broken / "qrels.tsv").write_text("q\tnowhere\t1\n")
    result = many(place, "--data", str(broken), "--data", str(place / "sets" / "tower"))
    assert result.exit_code == 1
    table = (place / "out" / "table.md").read_text()
    assert "- broken FAILED: DataError: " in table
    assert "unknown passage id 'nowhere'" in table
    assert "| tower |" in table


def test_a_set_without_questions_in_the_fold_is_left_out_and_no_failure(place: Path) -> None:
    other_set(place, "tower")
    folds = '{"folds": {"seed": 0, "tune": 1, "certify": 1, "report": 0}}'
    (other_set(place, "tree") / "info.json").write_text(folds)
    tower = place / "sets" / "tower"
    (tower / "info.json").write_text('{"folds": {"seed": 0, "tune": 1, "certify": 1, "report": 9}}')
    result = many(place, "--data", str(place / "sets"), "--fold", "report")
    sets = json.loads((place / "out" / "sets.json").read_text())["sets"]
    assert "no question in the fold 'report'" in sets["tree"]["left_out"]
    assert result.exit_code == 0


def test_a_table_of_questions_is_asked_over_what_is_indexed(place: Path) -> None:
    call(place)  # indexes
    table = place / "questions.csv"
    table.write_text("question,answer\nwhich colour have apples,green\nthe pears,blue\n")
    result = many(place, "--data", str(table))
    assert result.exit_code == 0
    metrics = json.loads((place / "out" / "metrics.json").read_text())
    assert (metrics["n.queries"], metrics["qa.correct"]) == (2, 0.5)
    assert (place / "out" / "report.html").exists()


def test_pools_that_are_not_used_are_told(place: Path) -> None:
    (place / "set" / "candidates.tsv").write_text("a\tapple\n")
    _, metrics = call(place)
    assert metrics["run"]["notices"][0].startswith("The set's pools (candidates.tsv) are not used")


def test_two_sets_of_one_name_get_folders_of_their_own(place: Path) -> None:
    first = other_set(place, "tower")
    second = place / "more" / "tower"
    second.parent.mkdir()
    first.rename(second)
    many(place, "--data", str(second), "--data", str(other_set(place, "tower")))
    sets = json.loads((place / "out" / "sets.json").read_text())["sets"]
    assert set(sets) == {"tower", "tower-2"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--data", "{place}/set", "--data", "{place}/nowhere"], "there is no such folder"),
        (["--data", "{place}/empty", "--data", "{place}/empty"], "none of these can be run"),
        (
            ["--data", "{place}/set", "--data", "{place}/set", "--set", "corpus.path=x"],
            "each has a corpus of its own",
        ),
        (["--data", "{place}/questions.csv"], "assay index .* --docs"),
        (["--data", "{place}/missing.csv"], "no file .*missing.csv"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_before_anything_runs(
    place: Path, more: list[str], message: str
) -> None:
    (place / "empty").mkdir()
    (place / "questions.csv").write_text("question,answer\nwhich colour have apples,green\n")
    with pytest.raises(UsageError, match=message):
        many(place, *(one.format(place=place) for one in more))
    assert Quote.asked == 0


def test_a_limit_of_zero_is_wrong_usage(place: Path) -> None:
    result = CliRunner().invoke(
        command, [str(place / "p.yaml"), "--data", "x", "--out", "y", "--limit", "0"]
    )
    assert result.exit_code == click.UsageError.exit_code
