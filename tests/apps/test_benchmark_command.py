"""``assay benchmark``: build, review, export, evaluate, on a real corpus with a scripted model."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assay.apps.commands.benchmark import command
from assay.apps.commands.evaluate import command as evaluate_command
from assay.apps.commands.index import command as index_command
from assay.corpora.dataset import load
from assay.evaluation.building.built import read_build
from assay.evaluation.building.candidate import Candidate, Journal
from assay.evaluation.sampling import calibration_items
from assay.pipeline.errors import DataError, UsageError

PIPELINE = r"""assay: 1
name: toy
resources:
  judge: {use: models.overlap_cross_encoder@1}
  embedder: {use: models.hash_embedder@1}
  writer:
    use: models.echo@1
    config:
      rules:
        - {when: 'Passage: "Hull:[^\n]*\nAnswer: [^\n]*\nQuestion:$', say: 'What does the passage say?'}
        - {when: 'Passage: "Fulda:[^\n]*\nAnswer: ([^\n]*)\nQuestion:$', say: 'Does Fulda show \1 to visitors?'}
        - {when: 'Passage: "(\w+):[^\n]*\nAnswer: [^\n]*\nQuestion:$', say: 'How many paintings does \1 show to visitors?'}
        - {when: 'shows (\d+ paintings)[^\n]*\nQuestion: [^\n]*\nAnswer:$', say: '\1'}
  notes: {use: corpora.local@1, config: {path: index}, resources: {embedder: embedder}}
nodes:
  found: {use: retrieve.bm25@1, config: {k: 20}, resources: {corpus: notes}, inputs: {query: query}}
  chosen: {use: select.top_k@1, config: {k: 2}, inputs: {query: query, ranking: found}}
  quoted:
    use: generate.extractive@1
    resources: {model: judge}
    inputs: {query: query, selection: chosen}
output: quoted
"""
TOWNS = ("Aldgate", "Bremen", "Coburg", "Dundee", "Exeter", "Fulda", "Ghent", "Hull")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "p.yaml").write_text(PIPELINE)
    docs = tmp_path / "docs"
    docs.mkdir()
    for number, town in enumerate(TOWNS):
        (docs / f"{town}.md").write_text(
            f"# {town}\n\nThe museum on the hill shows {10 + number} paintings to visitors.\n"
        )
    (docs / "Ulm.md").write_text("# Ulm\n\nA dance is held in Ulm by the Old Guild each night.\n")
    monkeypatch.chdir(tmp_path)
    CliRunner().invoke(index_command, ["p.yaml", "--docs", "docs"], catch_exceptions=False)
    return tmp_path


def call(*arguments: str) -> str:
    result = CliRunner().invoke(command, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def fails(*arguments: str) -> Result:
    result = CliRunner().invoke(command, list(arguments))
    assert result.exit_code == 1, result.output
    return result


def rows() -> list[dict[str, str]]:
    with open("bench/review.csv", encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def decide(found: list[dict[str, str]]) -> None:
    with open("bench/review.csv", "w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, list(found[0]), delimiter=";")  # as a European spreadsheet does
        out.writeheader()
        out.writerows(found)


def build(*more: str) -> str:
    return call("build", "p.yaml", "--out", "bench", "--n", "6", "--unanswerable", "0.3", *more)


def test_from_documents_to_a_set_that_is_evaluated(tmp_path: Path) -> None:
    said = build()
    assert "gives its answer away" in said and "not understood" in said
    found = rows()
    written = [one for one in found if one["kind"] == "written"]
    assert len(written) == 4 and len(found) > 4
    for one in written:
        assert one["answer"].endswith("paintings") and one["answer"] in one["evidence"]
        assert "bm25 1" in one["found by"]
    page = (tmp_path / "bench" / "review.html").read_text()
    assert all(one["question"] in page for one in found) and "<mark>" in page
    call("export", "bench", "--out", "set", "--accept-unreviewed")
    made = load(tmp_path / "set")
    assert len(made.queries) == len(found)
    for query in made.queries:
        grades = made.qrels.get(query.id, {})
        assert (max(grades.values(), default=0) > 0) == query.answerable
        assert query.meta["reviewed"] is False and query.meta["cluster"]
        assert query.meta["stratum"] == ("answerable" if query.answerable else "unanswerable")
        for span in made.spans.get(query.id, ()):
            assert grades[span.document_id] == 2
    assert len(calibration_items(made)) == len(found)
    result = CliRunner().invoke(
        evaluate_command, ["p.yaml", "--data", "set", "--out", "out"], catch_exceptions=False
    )
    assert result.exit_code == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["retrieval.recall@10"] == 1.0 and metrics["n.queries"] == len(found)


def test_every_decision_of_a_reviewer_is_applied_and_counted(tmp_path: Path) -> None:
    build()
    found = rows()
    answerable = [one for one in found if one["answerable"] == "yes"]
    for one in found:
        one["keep"] = "y"
    answerable[0]["keep"] = "n"
    answerable[1] |= {
        "keep": "edit",
        "question": "How many pictures, about?",
        "answer": "a | b\\|c",
    }
    answerable[2]["question"] = "changed without saying so"
    decide(found)
    said = call("review", "bench")
    assert "1 edited" in said and "1 left out" in said and "0 open" in said
    assert "'keep' does not say 'edit'" in said and answerable[2]["id"] in said
    said = call("export", "bench", "--out", "set")
    (told,) = [one for one in said.splitlines() if one.startswith("decisions:")]
    assert {f"{len(found) - 2} taken", "1 left out", "1 edited"} == set(
        told.removeprefix("decisions: ").split(", ")
    )
    made = {one.id: one for one in load(tmp_path / "set").queries}
    assert answerable[0]["id"] not in made
    edited = made[answerable[1]["id"]]
    assert (edited.text, edited.answers) == ("How many pictures, about?", ("a", "b|c"))
    assert edited.meta["edited"] and edited.meta["reviewed"]
    assert "changed" not in made[answerable[2]["id"]].text


def test_a_half_filled_file_says_what_is_missing_and_building_again_keeps_what_is_there() -> None:
    build()
    found = rows()
    found[0] |= {"keep": "y", "note": "=nice"}
    decide(found)
    assert f"{len(found) - 1} of {len(found)} questions have no decision" in str(
        fails("export", "bench", "--out", "set").exception
    )
    build()
    assert rows()[0]["keep"] == "y" and rows()[0]["note"] == "'=nice"  # no formula


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"keep": "maybe"}, "'keep' must be y, n or edit"),
        ({"keep": "edit", "evidence": "stands nowhere at all"}, "stands in no passage"),
        ({"keep": "edit", "question": ""}, "the edited question is empty"),
        ({"keep": "edit", "answer": ""}, "has evidence and no answer"),
        ({"id": "q-other", "keep": "y"}, "a question that this build does not know"),
    ],
)
def test_a_decision_that_cannot_be_applied_is_one_clear_error_and_nothing_is_written(
    tmp_path: Path, change: dict[str, str], said: str
) -> None:
    build()
    found = rows()
    found[0] |= change
    decide(found)
    failed = fails("export", "bench", "--out", "set", "--accept-unreviewed")
    assert isinstance(failed.exception, DataError) and said in str(failed.exception)
    assert not (tmp_path / "set").exists()


def test_a_stopped_build_goes_on_and_ends_as_if_it_had_not_been_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build()
    whole = (tmp_path / "bench" / "candidates.jsonl").read_text()
    (tmp_path / "bench").rename(tmp_path / "first")
    put, left = Journal.put, [3]

    def stop(self: Journal, key: str, value: object) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        put(self, key, value)

    monkeypatch.setattr(Journal, "put", stop)
    result = CliRunner().invoke(
        command, ["build", "p.yaml", "--out", "bench", "--n", "6", "--unanswerable", "0.3"]
    )
    assert result.exit_code != 0
    assert not (tmp_path / "bench" / "review.csv").exists()
    assert isinstance(fails("export", "bench", "--out", "set").exception, UsageError)
    monkeypatch.setattr(Journal, "put", put)
    with (tmp_path / "bench" / "questions.jsonl").open("a") as file:
        file.write('{"key": "cut off')
    build()
    assert (tmp_path / "bench" / "candidates.jsonl").read_text() == whole


def test_another_plan_or_another_folder_is_refused(tmp_path: Path) -> None:
    build()
    assert "another 'seed'" in str(
        fails("build", "p.yaml", "--out", "bench", "--n", "6", "--unanswerable", "0.3", "--seed", "1")
        .exception
    )  # fmt: skip
    assert "holds something that is no build" in str(
        fails("build", "p.yaml", "--out", "docs").exception
    )


def test_peoples_questions_are_kept_all_of_them_and_completed(tmp_path: Path) -> None:
    (tmp_path / "asked.csv").write_text(
        "question,answer,quote,answerable\n"
        "How many paintings does the museum of Ghent show?,,,yes\n"
        "What is held in Ulm?,a dance,A dance is held in Ulm,\n"
        "Who sweeps the streets of Oslo?,,,no\n"
        "How many paintings are shown in Hull?,17 paintings,,\n"
        "How many paintings are shown in Hull ?,17 paintings,,\n"
    )
    call("build", "p.yaml", "--out", "bench", "--questions", "asked.csv", "--unanswerable", "0")
    ghent, ulm, oslo, hull, again = read_build(tmp_path / "bench").candidates
    assert ghent.answers == ("16 paintings",) and ghent.source == "Ghent.md#0"
    assert "the answer is a proposal" in ghent.flags
    assert ulm.evidence == "A dance is held in Ulm" and ulm.grades["Ulm.md#0"] == 2
    assert not oslo.answerable and set(oslo.grades.values()) <= {0}
    assert hull.source == "Hull.md#0" and hull.grades["Hull.md#0"] == 2
    assert any("asks nearly the same" in one for one in again.flags)
    call("export", "bench", "--out", "set", "--accept-unreviewed")
    assert len(load(tmp_path / "set").queries) == 5


def test_without_a_language_model_the_error_names_both_ways_out(tmp_path: Path) -> None:
    lines = PIPELINE.splitlines()
    start = lines.index("  writer:")
    end = next(n for n, one in enumerate(lines) if one.startswith("  notes:"))
    (tmp_path / "bare.yaml").write_text("\n".join([*lines[:start], *lines[end:]]) + "\n")
    said = str(fails("build", "bare.yaml", "--out", "bench").exception)
    assert "--model" in said and "--questions" in said
    unknown = fails("build", "bare.yaml", "--out", "other", "--model", "nosuch").exception
    assert "nosuch" in str(unknown)


def test_a_candidate_survives_its_file() -> None:
    one = Candidate(
        "a", "Q?", ("x",), True, "asked", grades={"p": 2}, found={"bm25": None}, flags=("f",)
    )
    assert Candidate.from_json(json.loads(json.dumps(one.to_json()))) == one
