"""Finished evaluations side by side."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from assay.evaluation.comparing import Comparison, compare, gains
from assay.evaluation.evaluate import evaluate
from assay.evaluation.metrics.from_rows import row_metrics
from assay.evaluation.report.comparison import render
from assay.evaluation.results import read_results
from assay.pipeline.errors import DataError, UsageError
from tests.evaluation.made import PLAN, dataset, document, kept, passages, question, record

NAMES = [f"q{number}" for number in range(12)]


def scored(
    folder: Path,
    said: Mapping[str, str | None],
    *,
    seconds: float = 0.5,
    run: Mapping[str, Any] | None = None,
    answers: Sequence[str] = ("right",),
) -> Path:
    """A results folder; None is an abstention that held 'right' back."""
    queries = [question(name, answers, cluster=f"c{int(name[1:]) // 2}") for name in said]
    generator = random.Random(1)
    stages = {
        "reranked": passages("n", "x"),
        "selected": kept("x"),
        "sufficient": kept("x", "n"),
    }
    records = [
        record(
            name,
            "abstained" if text is None else "answered",
            text=text or "",
            confidence=generator.random(),
            stages=stages,
            score={"value": 0.1, "kind": "probability"} if text is None else None,
            cost={"seconds": seconds},
        )
        for name, text in said.items()
    ]
    found = dataset(queries, [document("x"), document("n")], {name: {"x": 1} for name in said})
    report = evaluate(found, records, PLAN, resamples=50)
    folder.mkdir(parents=True)
    metrics = report.to_json() | {"run": dict(run or {})}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    lines = [json.dumps(row) + "\n" for row in report.per_query]
    (folder / "per_query.jsonl").write_text("".join(lines))
    return folder


def ordinary(right: int, silent: int = 0) -> dict[str, str | None]:
    said: dict[str, str | None] = dict.fromkeys(NAMES, "no")
    said |= dict.fromkeys(NAMES[:right], "right")
    return said | dict.fromkeys(NAMES[len(NAMES) - silent :])


def line(found: Comparison, key: str) -> Any:
    return next(one for one in found.lines if one.key == key)


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    return [
        scored(tmp_path / "first", ordinary(3)),
        scored(tmp_path / "second", ordinary(9, silent=2), seconds=0.7),
    ]


def test_values_and_differences_are_those_of_the_two_evaluations(two: list[Path]) -> None:
    found = compare(read_results(two))
    assert (found.systems, found.n, found.clusters) == (("first", "second"), 12, 6)
    written = [json.loads((folder / "metrics.json").read_text()) for folder in two]
    for one in found.lines:
        if one.key in written[0]:
            assert [value.value for value in one.values] == pytest.approx(
                [metrics[one.key] for metrics in written]
            ), one.key
        first, second = (value.value for value in one.values)
        assert first is not None
        assert second is not None
        assert one.against[0].difference.value == pytest.approx(second - first)
    correct = line(found, "qa.correct")
    assert correct.against[0].difference.value == pytest.approx(0.5)
    tally = correct.against[0].tally
    assert (tally.wins, tally.draws, tally.losses) == (6, 6, 0)
    assert line(found, "abstention.coverage").against[0].tally.losses == 2
    # A question that one of them did not answer is no draw in risk: it has no value there.
    risk = line(found, "abstention.risk").against[0]
    assert (risk.tally.wins, risk.tally.draws, risk.tally.losses) == (6, 4, 0)
    assert risk.difference.value == pytest.approx(1 / 10 - 9 / 12)
    assert line(found, "cost.seconds").against[0].tally.losses == 12


def test_p_values_are_adjusted_over_every_comparison_that_was_made(
    two: list[Path], tmp_path: Path
) -> None:
    third = scored(tmp_path / "third", ordinary(12))
    keys = ["qa.correct", "abstention.risk"]
    alone = compare(read_results(two), keys=["qa.correct"])
    found = compare(read_results([*two, third]), keys=keys)
    assert (alone.tests, found.tests) == (1, 4)
    plain = line(alone, "qa.correct").against[0]
    # Gains of 1, 2, 2 and 1 in four clusters: only all signs alike, 8 of 64 swaps, are as far.
    assert plain.p_holm == plain.difference.p_value == 8 / 2**6
    p_values = [one.difference.p_value or 0 for item in found.lines for one in item.against]
    adjusted = [one.p_holm or 0 for item in found.lines for one in item.against]
    assert min(adjusted) == pytest.approx(4 * min(p_values))
    assert all(after >= before for before, after in zip(p_values, adjusted, strict=True))


def test_identical_systems_differ_in_nothing(tmp_path: Path) -> None:
    said = ordinary(5, silent=3)
    found = compare(read_results([scored(tmp_path / name, said) for name in "ab"]))
    for one in found.lines:
        difference = one.against[0].difference
        assert (difference.value, difference.interval) == (0.0, (0.0, 0.0)), one.key
        assert difference.p_value == 1.0
        if one.against[0].tally is not None:
            assert one.against[0].effect == 0.0
            assert one.against[0].tally.wins == one.against[0].tally.losses == 0


def test_confidences_on_two_scales_are_compared_by_their_order(tmp_path: Path) -> None:
    said = ordinary(5)
    folders = [scored(tmp_path / name, said) for name in "ab"]
    rows = [json.loads(one) for one in (folders[1] / "per_query.jsonl").read_text().splitlines()]
    for row in rows:
        row["abstention_metrics"]["confidence"] = 40 * row["abstention_metrics"]["confidence"] - 20
    (folders[1] / "per_query.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = compare(read_results(folders), keys=["abstention.auroc", "abstention.aurc"])
    for one in found.lines:
        assert one.against[0].difference.value == 0.0
        assert one.against[0].difference.p_value == 1.0


def test_the_same_seed_gives_the_same_comparison(two: list[Path]) -> None:
    results = read_results(two)
    assert compare(results, seed=3).to_json() == compare(results, seed=3).to_json()
    assert compare(results, seed=4).to_json() != compare(results, seed=3).to_json()


def test_different_questions_are_refused_with_how_many_and_which(tmp_path: Path) -> None:
    fewer = dict.fromkeys(NAMES[:9], "right")
    other = dict.fromkeys([*NAMES[:8], "q70"], "right")
    folders = [scored(tmp_path / "a", fewer), scored(tmp_path / "b", other)]
    with pytest.raises(UsageError) as error:
        compare(read_results(folders))
    assert "a: 1 of its questions ('q8')" in str(error.value)
    assert "b: 1 of its questions ('q70')" in str(error.value)
    assert "the 8 common ones with --common" in str(error.value)
    found = compare(read_results(folders), common=True)
    assert found.n == 8
    assert "8 common questions only" in found.notices[0]
    assert "Compared on the 8 common questions" in render(found, when="now")
    apart = scored(tmp_path / "c", {"q99": "right"})
    with pytest.raises(UsageError, match="no question in common"):
        compare(read_results([folders[0], apart]), common=True)


def test_questions_with_other_labels_are_refused(tmp_path: Path) -> None:
    folders = [
        scored(tmp_path / "a", ordinary(3)),
        scored(tmp_path / "b", ordinary(3), answers=("no",)),
    ]
    with pytest.raises(DataError, match=r"question 'q0' has another 'answers' in a .*same labels"):
        compare(read_results(folders))


def test_rows_of_another_run_than_the_metrics_are_refused(two: list[Path]) -> None:
    rows = (two[0] / "per_query.jsonl").read_text()
    (two[1] / "per_query.jsonl").write_text(rows)
    with pytest.raises(DataError, match=r"second: metrics.json says .* not of one run"):
        compare(read_results(two))


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("qa.corect", r"no figure 'qa.corect' can be compared; .*'qa.correct'"),
        ("qa.numeric", "no system has a value of qa.numeric: no answerable question"),
    ],
)
def test_a_figure_that_cannot_be_compared_is_refused(
    two: list[Path], key: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        compare(read_results(two), keys=[key])


def test_the_mark_of_chosen_questions_and_notices_are_repeated(tmp_path: Path) -> None:
    run = {"notices": ["A sample."], "chosen_on": ["Thresholds were chosen here."]}
    folders = [
        scored(tmp_path / "a", ordinary(3), run={"notices": ["A sample."]}),
        scored(tmp_path / "b", ordinary(4), run=run),
    ]
    found = compare(read_results(folders))
    assert found.notices == (
        "a, b: A sample.",
        "b: chosen on these questions: Thresholds were chosen here.",
    )
    assert found.chosen == (False, True)
    page = render(found, when="now")
    assert "B†" in page
    assert "Thresholds were chosen here." in page
    assert "A†" not in page


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("per_query.jsonl", '{"query_id": "a"}\n', "a row without 'text'"),
        ("per_query.jsonl", "", "no question"),
        ("per_query.jsonl", '{"query_id": ', "damaged"),
        ("per_query.jsonl", '{"qa": NaN}\n', "NaN is no number"),
        ("metrics.json", "[]", "damaged"),
    ],
)
def test_a_damaged_folder_is_told(two: list[Path], file: str, text: str, message: str) -> None:
    (two[1] / file).write_text(text)
    with pytest.raises(DataError, match=message):
        read_results(two)


def test_folders_that_are_none_are_refused(two: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least two"):
        read_results(two[:1])
    with pytest.raises(UsageError, match="given twice"):
        read_results([two[0], two[0]])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"has no metrics.json"):
        read_results([two[0], tmp_path / "empty"])


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    folders = [scored(tmp_path / name / "out", ordinary(3)) for name in "ab"]
    assert [one.name for one in read_results(folders)] == [str(one) for one in folders]


def test_gains_point_towards_what_is_better(two: list[Path]) -> None:
    found = compare(read_results(two))
    known = row_metrics()
    slower = gains(known["cost.seconds"], *found.rows)
    assert list(slower.values()) == pytest.approx([-0.2] * 12)
    assert max(gains(known["qa.correct"], *found.rows).values()) == 1.0
    assert gains(known["abstention.auroc"], *found.rows) == {}


def test_every_figure_that_can_be_compared_agrees_with_metrics_json(two: list[Path]) -> None:
    results = read_results(two)
    measurable = [key for key in row_metrics() if results[0].metrics.get(key) is not None]
    found = compare(results, keys=measurable)  # refuses rows that give other values
    assert {one.key for one in found.lines} == set(measurable)
    assert len(measurable) > 25


class Opened(HTMLParser):
    """Texts of the page, and whether its elements are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.details = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.details += tag == "details"
        if tag not in {"meta", "br", "link", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_opens_every_win_and_escapes_what_was_said(tmp_path: Path) -> None:
    said = ordinary(3)
    folders = [
        scored(tmp_path / "a", said),
        scored(tmp_path / "b", said | {"q5": "<script>alert(1)</script> right"}),
    ]
    page = render(compare(read_results(folders), keys=["qa.correct"]), when="now")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; right" in page
    assert "<script>alert" not in page
    opened = Opened()
    opened.feed(page)
    assert opened.open == []
    assert opened.details == 2  # the figure, and the one question that b wins
    assert "What about q5?" in page
    assert "What about q1?" not in page
