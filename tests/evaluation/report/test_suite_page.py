"""The page of a suite's findings shows what was found, and nothing that was not."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

from assay.evaluation.report.suite_page import MOST_QUESTIONS, Heading, render
from assay.evaluation.statistics.resampling import Estimate
from assay.evaluation.suites.findings_file import write_findings
from assay.evaluation.suites.suite import Findings, Row

HEADING = Heading(
    pipeline="p<1>",
    data="set",
    when="2026-01-01 10:00 UTC",
    fingerprint="f" * 64,
    certificate=None,
    seed=3,
    options={"depth": "10", "at": ""},
    notices=("Only a sample.",),
)
FINDINGS = Findings(
    "typos",
    "What <b>errors</b> cost",
    [
        Row("as asked", 4, {"correct": Estimate(0.75, (0.5, 1.0)), "risk": Estimate(None, None)}),
        Row(
            "1 typo",
            4,
            {"correct": Estimate(0.25, (0.0, 0.5))},
            {"correct": Estimate(-0.5, (-0.75, -0.25))},
        ),
    ],
    notes=["2 & more left out."],
    per_query=[
        {"query_id": f"q{n}", "row": "1 typo", "text": "<script>alert(1)</script>", "right": n < 2}
        for n in range(MOST_QUESTIONS + 5)
    ],
)


class _Text(HTMLParser):
    """All text of a page, and its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def test_the_page_shows_figures_differences_notes_and_questions() -> None:
    html = render(FINDINGS, HEADING)
    page = _Text(html)
    for words in (
        "0.750",
        "0.500 to 1.000",
        "-0.500",
        "2 & more left out.",
        "Only a sample.",
        "q1",
    ):
        assert words in page.text
    assert "5 more are in per_query.jsonl" in page.text
    assert f"1 typo ({MOST_QUESTIONS + 5})" in page.text
    assert "depth=10" in page.text
    assert "at=" not in page.text
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.text  # as a text
    assert "<strong>-0.500</strong>" in html


def test_the_files_hold_the_same_and_what_is_not_measurable_is_null(tmp_path: Path) -> None:
    write_findings(FINDINGS, HEADING, tmp_path / "new")
    found = json.loads((tmp_path / "new" / "findings.json").read_text())
    first, second = found["rows"]
    assert first["values"]["risk"] == {"value": None, "ci95": None}
    assert second["differences"]["correct"] == {"value": -0.5, "ci95": [-0.75, -0.25]}
    assert found["run"]["seed"] == 3
    lines = (tmp_path / "new" / "per_query.jsonl").read_text().splitlines()
    assert len(lines) == MOST_QUESTIONS + 5
    assert (tmp_path / "new" / "report.html").read_text() == render(FINDINGS, HEADING)


def test_findings_without_differences_or_questions_have_no_such_part() -> None:
    page = _Text(render(Findings("s", "Title", [FINDINGS.rows[0]]), HEADING))
    assert "Differences" not in page.text
    assert "Questions" not in page.text
    assert "What to know" not in page.text
