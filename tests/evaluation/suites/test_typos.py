"""The typos suite: what is asked, what is compared, what is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.evaluation.suites.typos import TyposSuite
from tests.evaluation.suites.small import runner, towns

DATA = towns()


def test_each_operator_and_number_has_a_row_with_paired_differences(tmp_path: Path) -> None:
    suite = TyposSuite(operators=("swap", "delete"), severities=(1, 3))
    with runner(tmp_path) as one:
        found = suite.measure(DATA, one, seed=0)
        assert found == suite.measure(DATA, one, seed=0)
    assert [row.name for row in found.rows] == [
        "as asked", "one by swap", "one by delete", "1 typo", "3 typos",
    ]  # fmt: skip
    clean = found.rows[0]
    assert clean.values["recall@10"].value == 1.0
    assert clean.values["correct"].value == 1.0
    assert clean.values["coverage"].value == pytest.approx(12 / 13)
    assert clean.values["risk"].value == 0.0
    assert not clean.differences
    for row in found.rows[1:]:
        assert row.n == 13
        for key, value in row.values.items():
            before, moved = clean.values[key].value, row.differences[key].value
            if value.value is not None:
                assert moved == pytest.approx(value.value - (before or 0))
    worst = found.rows[-1].values["correct"].value
    assert worst is not None
    assert worst < 1.0


def test_the_questions_that_were_asked_are_told(tmp_path: Path) -> None:
    with runner(tmp_path) as one:
        found = TyposSuite(operators=("swap",), severities=(2,)).measure(DATA, one, seed=1)
    asked = {(row["row"], row["query_id"]): row for row in found.per_query}
    assert len(asked) == 3 * 13
    clean, two = asked["as asked", "aldermoor-when"], asked["2 typos", "aldermoor-when"]
    assert clean["text"] == "When did the market of Aldermoor begin trading?"
    assert two["typos"] == 2
    pairs = zip(clean["text"].split(), two["text"].split(), strict=True)
    assert sum(a != b for a, b in pairs) == 2
    assert clean["right"] is True


def test_questions_with_too_few_words_are_counted(tmp_path: Path) -> None:
    with runner(tmp_path) as one:
        found = TyposSuite(operators=("swap",), severities=(4,)).measure(DATA, one, seed=0)
    (note,) = found.notes
    assert note.startswith("4 typos: 7 of 13 questions had fewer words")
