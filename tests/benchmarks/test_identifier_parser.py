"""The table of the parser counts every answer once, by what had to be done to read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.identifier_parser import family_of, main, markdown, measured, total

ANSWERS: list[dict[str, Any]] = [
    {"run": "BM25/zephyr/100/dl19", "n": 3, "response": "[2] > [1] > [3]"},
    {"run": "BM25/zephyr/100/dl20", "n": 3, "response": "2 > 1 > 3"},
    {"run": "BM25/vicuna/100/dl19", "n": 4, "response": "[2] > [2] > [9]"},
    {"run": "BM25/vicuna/100/dl19", "n": 4, "response": "sorry"},
    {"run": "gpt", "n": 1, "response": "[1]"},
]


def test_answers_are_counted_by_model_and_kind() -> None:
    found = measured(ANSWERS)
    assert set(found) == {"zephyr", "vicuna", "gpt"}
    assert found["zephyr"].kinds == {"as asked": 1, "other form": 1}
    vicuna = found["vicuna"]
    assert vicuna.kinds == {"repaired": 1, "failed": 1}
    assert (vicuna.missing, vicuna.duplicates, vicuna.out_of_range) == (3, 1, 1)
    assert vicuna.missing_in_failed == 4
    whole = total(found)
    assert whole.answers == whole.kinds.total() == len(ANSWERS)


def test_the_table_has_a_row_for_each_model_and_the_sums() -> None:
    lines = markdown(measured(ANSWERS)).splitlines()
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == [
        "vicuna",
        "zephyr",
        "gpt",
        "all",
    ]
    assert lines[-1].startswith(
        "| all | 5 | 2 (40.0 %) | 1 (20.0 %) | 1 (20.0 %) | 1 (20.0 %) | 3 | 1 | 1 |"
    )
    assert {line.count("|") for line in lines} == {11}


def test_a_run_that_is_no_path_is_its_own_family() -> None:
    assert family_of("gpt") == "gpt"
    assert family_of("a/b/c") == "b"


def test_the_program_prints_the_table_and_writes_the_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "answers.jsonl", tmp_path / "figures.json"
    data.write_text("\n".join(json.dumps(one) for one in ANSWERS) + "\n\n", encoding="utf-8")
    assert main(["--data", str(data), "--out", str(out)]) == 0
    assert "| all | 5 |" in capsys.readouterr().out
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert figures["all"]["kinds"]["as asked"] == 2
    assert figures["vicuna"]["out_of_range"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no answer"),
        ("{", "line 1 is no JSON"),
        ('\n{"run": "a", "n": 0, "response": ""}', "line 2: expected"),
        ('{"run": "a", "n": true, "response": ""}', "line 1: expected"),
        ("[1]", "line 1: expected"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_error(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "answers.jsonl"
    data.write_text(text, encoding="utf-8")
    assert main(["--data", str(data)]) == 1
    assert said in capsys.readouterr().err
    assert main(["--data", str(tmp_path / "none")]) == 1
