"""Questions that were used to choose are noted, found again, and told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from assay.apps.commands.calibrate import command as calibrate_command
from assay.apps.commands.index import index_documents
from assay.corpora.dataset import LabelledQuery, load
from assay.evaluation.uses import (
    Use,
    chosen_on,
    question_digest,
    read_uses,
    record_use,
    use_of,
)
from assay.pipeline.errors import DataError
from tests.evaluation.made import dataset, question
from tests.evaluation.search.small import lay

WHOLE = dataset([question(f"q{n}", cluster=f"c{n // 2}") for n in range(8)])


def use(*names: str, **changed: Any) -> Use:
    made = use_of(
        WHOLE, names, purpose="search", date="2026-11-23", command="assay tune", fold="tune"
    )
    return replace(made, **changed)


def test_a_question_is_known_by_its_words_and_its_scope() -> None:
    plain = LabelledQuery("a", "Who  wrote IT?", ("x",), True)
    assert question_digest(plain) == question_digest(
        LabelledQuery("b", "who wrote it?", ("mended",), False)
    )
    scoped = replace(plain, meta={"scope": {"field": "contract", "value": "c3"}})
    assert question_digest(scoped) != question_digest(plain)


@given(st.lists(st.sets(st.integers(0, 7), min_size=1), min_size=1, max_size=5))
def test_what_is_recorded_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, parts: list[set[int]]
) -> None:
    file = tmp_path_factory.mktemp("uses") / "p.yaml.uses.jsonl"
    for part in parts:
        record_use(file, use(*(f"q{n}" for n in sorted(part))))
    found = {digest for one in read_uses(file) for digest in one.questions}
    assert found == {question_digest(WHOLE.queries[n]) for part in parts for n in part}


def test_a_use_that_stands_there_is_not_written_again(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "uses.jsonl"
    record_use(file, use("q0", "q1"))
    record_use(file, use("q0"))
    assert len(read_uses(file)) == 1
    record_use(file, use("q0", purpose="calibration"))
    record_use(file, use("q0", "q7"))
    assert len(read_uses(file)) == 3


def test_no_file_is_no_use(tmp_path: Path) -> None:
    assert read_uses(tmp_path / "none") == ()


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "{}", '{"purpose": "search"}', '"text"', "null"],
)
def test_a_line_that_tells_no_use_is_an_error_with_its_place(tmp_path: Path, line: str) -> None:
    file = tmp_path / "uses.jsonl"
    record_use(file, use("q0"))
    with file.open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(DataError, match=r"uses\.jsonl:2 does not say which questions were used"):
        read_uses(file)


def test_a_use_of_another_purpose_than_the_two_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "uses.jsonl"
    record_use(file, use("q0"))
    file.write_text(json.dumps(json.loads(file.read_text()) | {"purpose": "fun"}) + "\n")
    with pytest.raises(DataError, match="another kind"):
        read_uses(file)


def test_used_questions_and_those_of_their_clusters_are_counted() -> None:
    asked = WHOLE.queries[1:6]
    told = chosen_on([use("q0", "q2", "q3")], WHOLE, asked)
    assert told[0].startswith("2 of the 5 questions were used to choose")
    assert "search of 2026-11-23, fold 'tune' of made: assay tune" in told[0]
    assert told[1].startswith("1 of the 5 questions share a cluster")  # q1, beside q0
    assert len(told) == 2


def test_a_shared_document_is_told_too() -> None:
    whole = replace(
        dataset([question("a"), question("b"), question("c")]),
        qrels={"a": {"p": 1}, "b": {"p": 1}, "c": {"p": 0}},
    )
    used = use_of(whole, ["a"], purpose="calibration", date="d", command="c", fold="certify")
    assert chosen_on([used], whole, whole.queries[1:2])[0].startswith("1 of the 1 questions share")
    assert chosen_on([used], whole, whole.queries[2:]) == ()


def test_figures_over_other_questions_are_fair() -> None:
    other = dataset([question("z"), question("y")])
    assert chosen_on([use("q0", "q1")], other, other.queries) == ()
    assert chosen_on([], WHOLE, WHOLE.queries) == ()


def test_calibration_notes_both_of_its_folds_and_leaves_the_third(tmp_path: Path) -> None:
    lay(tmp_path)
    file, queries = tmp_path / "p.yaml", tmp_path / "set" / "queries.jsonl"
    file.write_text(
        file.read_text().replace("answer_sentences: 1", "answer_sentences: 2")
        + "certificate: {path: certificate.json}\n"
    )
    folds = ("tune", "certify", "report")
    asked = [json.loads(line) for line in queries.read_text().splitlines()]
    for number, one in enumerate(asked):
        one["meta"] = {"fold": folds[number % 3]}
    queries.write_text("".join(json.dumps(one) + "\n" for one in asked))
    whole = load(tmp_path / "set")
    index_documents(str(file), whole.documents, {})
    arguments = ["run", str(file), "--data", str(tmp_path / "set"), "--risk", "hallucination=0.5"]
    result = CliRunner().invoke(calibrate_command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    uses = read_uses(tmp_path / "p.yaml.uses.jsonl")
    assert [(one.purpose, one.fold, one.command) for one in uses] == [
        ("calibration", "tune", "assay calibrate run"),
        ("calibration", "certify", "assay calibrate run"),
    ]
    for use, fold in zip(uses, folds, strict=False):
        wanted = {question_digest(one) for one in whole.queries if one.meta["fold"] == fold}
        assert set(use.questions) == wanted
    report = [one for one in whole.queries if one.meta["fold"] == "report"]
    assert chosen_on(uses, whole, report) == ()
