"""What the table over the shared sets leaves out, and that it says so."""

from __future__ import annotations

from typing import Any

from assay.evaluation.sets import markdown
from benchmarks.shared_sets import meaningful, timing

SECONDS = {"running": 40.0, "scoring": 2.0}


def metrics(**more: Any) -> dict[str, Any]:
    return {"n.queries": 3, "qa.correct": 0.5, "abstention.coverage": 1.0} | {
        "run": {"seconds": SECONDS, "chosen_on": []}
    } | more  # fmt: skip


def test_right_and_wrong_are_left_out_where_answers_are_labels() -> None:
    rows, reasons = meaningful({"contractnli_dev": metrics(), "other": metrics()})
    lines = markdown(rows).splitlines()
    assert lines[0] == "| set | questions | right | coverage |"
    assert lines[2:4] == ["| contractnli_dev | 3 | – | 1.000 |", "| other | 3 | 0.500 | 1.000 |"]
    (reason,) = reasons
    assert reason.startswith("- contractnli_dev: right and wrong mean nothing, since its answers")


def test_what_was_left_out_or_failed_is_told() -> None:
    rows, _ = meaningful({"a": {"left_out": "no corpus"}, "b": {"failed": "broken"}})
    assert "- a is left out: no corpus." in markdown(rows)
    assert "- b FAILED: broken." in markdown(rows)


def test_the_share_of_scoring_is_told() -> None:
    rows, _ = meaningful({"a": metrics(), "b": metrics(), "c": {"left_out": "x"}})
    assert timing(rows).strip().endswith("took 80 s, scoring and reports 4 s, 5.0 % of that.")
