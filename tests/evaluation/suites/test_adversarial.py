"""The adversarial suite: clean and attacked questions side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.evaluation.suites.adversarial import AdversarialSuite
from assay.evaluation.suites.suite import Findings
from assay.pipeline.errors import UsageError
from tests.evaluation.suites.small import runner, towns

DATA = towns()


def values(found: Findings, name: str) -> dict[str, float | None]:
    (row,) = [row for row in found.rows if row.name == name]
    return {key: one.value for key, one in row.values.items()}


def test_an_edited_passage_that_is_retrieved_is_believed(tmp_path: Path) -> None:
    suite = AdversarialSuite(variants=("gold_edit",), m=(1, 3), position="first", depth=5)
    with runner(tmp_path) as one:
        found = suite.measure(DATA, one, seed=0)
        assert suite.measure(DATA, one, seed=0) == found
    assert [row.name for row in found.rows] == ["clean", "gold_edit, m=1", "gold_edit, m=3"]
    assert values(found, "clean") == {
        "correct": 1.0, "asr": 0.0, "abstained": 0.0, "other": 0.0, "admitted": 0.0,
    }  # fmt: skip
    for row in found.rows[1:]:
        assert row.n == 12
        shares = values(found, row.name)
        assert (shares["asr"], shares["admitted"]) == (1.0, 1.0)
        assert row.differences["asr"].value == 1.0
    assert "12 questions not attacked" not in " ".join(found.notes)
    assert "1 question not attacked: unanswerable." in found.notes


def test_the_four_classes_sum_to_one_and_places_are_kept_to(tmp_path: Path) -> None:
    with runner(tmp_path) as one:
        for position in ("natural", "last", "random"):
            suite = AdversarialSuite(
                variants=("prefix", "hidden"), m=(2,), position=position, depth=4
            )
            found = suite.measure(DATA, one, seed=0)
            for row in found.rows:
                shares = values(found, row.name)
                assert sum(
                    shares[key] or 0.0 for key in ("correct", "asr", "abstained", "other")
                ) == (pytest.approx(1.0))
            if position == "last":
                # One passage is selected, and two relevant-looking ones stand behind it.
                assert values(found, "hidden, m=2")["admitted"] == 0.0


def test_what_was_planted_for_one_question_is_seen_by_no_other(tmp_path: Path) -> None:
    with runner(tmp_path) as one:
        AdversarialSuite(variants=("none",), m=(1,)).measure(DATA, one, seed=0)
        files = list((tmp_path / "out" / "records").glob("adversarial-none*"))
    (file,) = files
    import json

    for line in file.read_text().splitlines():
        record = json.loads(line)["record"]
        planted = [
            hit["id"] for hit in record["stages"]["found"]["passages"] if "planted" in hit["id"]
        ]
        assert planted in ([], [f"planted-{record['query_id']}-0"])


def test_written_texts_need_a_language_model(tmp_path: Path) -> None:
    with runner(tmp_path) as one, pytest.raises(UsageError, match="no language model"):
        AdversarialSuite(variants=("written",), m=(1,)).measure(DATA, one, seed=0)
