"""Tables of questions as people keep them: CSV of every make, Excel, JSON lines."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.dataset import load
from assay.corpora.labelled_questions import load_questions, question_id, split_bars
from assay.pipeline.errors import DataError, UsageError


def write(folder: Path, text: str, name: str = "q.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_a_table_is_read_whatever_its_columns_are_called(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "Question;Expected Answer;FILE_NAME;Page;Quote;Cluster;Department\r\n"
        'How long, if at all?;three weeks | 3 weeks;loans.pdf;2;"kept; for ""three"" weeks";loans;desk\r\n',
    )
    file = load_questions(path)
    (one,) = file.questions
    assert one.text == "How long, if at all?"
    assert one.answers == ("three weeks", "3 weeks") and one.answerable
    assert (one.documents, one.page) == (("loans.pdf",), "2")
    assert one.evidence == ('kept; for "three" weeks',)
    assert dict(one.meta) == {"cluster": "loans", "department": "desk"}
    assert one.id == question_id("How long, if at all?")
    assert any("Department" in notice for notice in file.notices)


def test_one_column_of_questions_with_commas_is_one_column(tmp_path: Path) -> None:
    file = load_questions(write(tmp_path, "question\nWho, when?\nWhere, how, why?\nWhat?\n"))
    assert [one.text for one in file.questions] == ["Who, when?", "Where, how, why?", "What?"]
    assert all(one.answerable and not one.answers for one in file.questions)
    assert any("no column 'answer'" in notice for notice in file.notices)


@pytest.mark.parametrize(
    ("row", "answerable"),
    [
        ("Q?,,,", False),
        ("Q?,yes it is,,", True),
        ("Q?,,a.pdf,", True),
        ("Q?,,,YES", True),
        ("Q?,,a.pdf,no", False),
    ],
)
def test_an_empty_answer_means_unanswerable_unless_the_row_says_otherwise(
    tmp_path: Path, row: str, answerable: bool
) -> None:
    path = write(tmp_path, f"question,answer,document,answerable\n{row}\n")
    assert load_questions(path).questions[0].answerable is answerable


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("frage,antwort\na,b\n", "no column 'question': found 'frage', 'antwort'"),
        ("question,answer\nQ?,a,b\n", "q.csv:2: expected 2 cells"),
        ("question,answerable\nQ?,perhaps\n", "q.csv:2: 'answerable' must be yes or no"),
        ("question,answer,answerable\nQ?,a,no\n", "not answerable and has the answer 'a'"),
        ("question,fold\nQ?,test\n", "'fold' must be one of tune, certify, report"),
        ("question\nQ?\nQ?\n", "q.csv:3: has the same question as"),
        ("question,id\nA?,1\nB?,1\n", "has the id '1' as"),
        ("question,answer\n", "holds no question"),
        ("\n\n", "is empty"),
        ('question,answer\n"Q?,a\n', "close the quotation mark"),
    ],
)
def test_a_table_that_breaks_the_format_is_one_clear_error(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(DataError) as error:
        load_questions(write(tmp_path, text))
    assert said in str(error.value)


def test_a_row_without_a_question_is_counted_and_a_reserved_label_left_out(tmp_path: Path) -> None:
    file = load_questions(write(tmp_path, "question,scope\nQ?,all\n,none\n"))
    assert len(file.questions) == 1 and not file.questions[0].meta
    assert any("1 rows without a question" in one for one in file.notices)
    assert any("columns left out" in one and "scope" in one for one in file.notices)


def test_json_lines_may_hold_lists_and_meta(tmp_path: Path) -> None:
    records = [
        {"id": "a", "text": "Q?", "answers": ["x|y", "z"], "meta": {"group": "g"}, "roles": ["r"]},
        {"query": "ignored", "question": "P?", "evidence": ["one", {"quote": "two"}], "page": 3},
    ]
    text = "\n".join(map(json.dumps, records)) + "\n"
    with pytest.raises(DataError, match="no column 'question': found 'wrong'"):
        load_questions(write(tmp_path, json.dumps({"wrong": 1}) + "\n", "bad.jsonl"))
    first, second = (
        load_questions(write(tmp_path, json.dumps(one) + "\n", "q.jsonl")).questions[0]
        for one in records
    )
    assert first.answers == ("x|y", "z") and dict(first.meta) == {"group": "g", "roles": ["r"]}
    assert (second.text, second.evidence, second.page) == ("P?", ("one", "two"), "3")
    assert second.meta == {"query": "ignored"}
    assert text


def test_a_sheet_with_questions_is_found_in_a_workbook(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["remarks"])
    sheet = book.create_sheet("Questions")
    sheet.append(["Question", "Answer", "Page"])
    sheet.append(["How many?", 0.25, 2])
    sheet["B2"].number_format = "0%"
    book.save(tmp_path / "q.xlsx")
    file = load_questions(tmp_path / "q.xlsx")
    assert file.questions[0].answers == ("25%",) and file.questions[0].page == "2"
    assert any("read sheet 'Questions'" in one for one in file.notices)
    (tmp_path / "broken.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    with pytest.raises(DataError, match=r"broken\.xlsx"):
        load_questions(tmp_path / "broken.xlsx")


def test_a_missing_file_another_kind_and_a_table_given_as_a_set_are_the_callers_mistake(
    tmp_path: Path,
) -> None:
    with pytest.raises(UsageError, match="is missing"):
        load_questions(tmp_path / "none.csv")
    with pytest.raises(UsageError, match=r"\.csv, \.tsv, \.xlsx, \.jsonl"):
        load_questions(write(tmp_path, "x", "q.pdf"))
    with pytest.raises(UsageError, match="a labelled set is a folder"):
        load(write(tmp_path, "question\nQ?\n"))


@given(st.lists(st.text(alphabet="ab |,;\"'\n\t=é", min_size=1).filter(str.strip), max_size=5))
def test_what_the_csv_module_writes_is_read_back(texts: list[str]) -> None:
    import tempfile

    wanted = list(dict.fromkeys(" ".join(one.split()) for one in texts))
    if not wanted:
        return
    out = io.StringIO()
    csv.writer(out).writerows([["question", "note"], *[[one, "n"] for one in wanted]])
    with tempfile.TemporaryDirectory() as folder:
        found = load_questions(write(Path(folder), out.getvalue())).questions
    assert [one.text for one in found] == wanted


@given(st.lists(st.text(alphabet="ab|c", min_size=1), max_size=4))
def test_bars_in_answers_can_be_escaped(answers: list[str]) -> None:
    cell = " | ".join(one.replace("|", "\\|") for one in answers)
    assert split_bars(cell) == tuple(dict.fromkeys(answers))
