"""The page of what a suite found: table, pictures, what to know, and every question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assay.evaluation.report import charts
from assay.evaluation.report.shell import Html, Section, page, safe, table
from assay.evaluation.report.values import show, show_interval
from assay.evaluation.statistics.resampling import Estimate
from assay.evaluation.suites.suite import Findings, Row

MOST_QUESTIONS = 100
"""Questions of a row that the page lists."""

_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Heading:
    """What was asked of what.

    Args:
        pipeline: its name.
        data: the set's name.
        when: day and time, UTC.
        fingerprint: of the pipeline over its own corpus.
        certificate: id of the one in force, None where there is none.
        seed: of every random choice.
        options: of the suite, all of them, as texts.
        notices: what a reader must not miss, such as that this is a sample.
    """

    pipeline: str
    data: str
    when: str
    fingerprint: str
    certificate: str | None
    seed: int
    options: Mapping[str, str] = field(default_factory=dict)
    notices: Sequence[str] = ()


def render(findings: Findings, heading: Heading) -> str:
    """The page as one HTML file.

    Args:
        findings: with at least one row.
        heading: what was asked of what.
    """
    columns = columns_of(findings.rows)
    said = ", ".join(f"{name}={value}" for name, value in heading.options.items() if value)
    facts = (
        f"{heading.pipeline} on {heading.data}, {heading.when}, pipeline"
        f" {heading.fingerprint[:12]}, seed {heading.seed}"
        + (f", certificate {heading.certificate}" if heading.certificate else "")
        + (f", {said}" if said else "")
    )
    sections = [Section("Figures", _figures(findings.rows, columns))]
    if any(row.differences for row in findings.rows):
        name = findings.rows[0].name
        sections.append(Section(f"Differences from “{name}”", _differences(findings.rows, columns)))
    if pictures := _pictures(findings.rows, columns):
        sections.append(Section("In pictures", pictures))
    if findings.notes:
        items = "".join(f"<li>{safe(one)}</li>" for one in findings.notes)
        sections.append(Section("What to know", f"<ul>{items}</ul>"))
    if findings.per_query:
        sections.append(Section("Questions", _questions(findings.per_query)))
    return page(
        title=findings.title, facts=facts, notices=tuple(heading.notices), sections=sections
    )


def columns_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """All metrics of a table, in the order in which they first occur."""
    return tuple(dict.fromkeys(key for row in rows for key in row.values))


def _figures(rows: Sequence[Row], columns: Sequence[str]) -> str:
    lines = [
        [_name(row), str(row.n), *(_cell(row.values.get(key)) for key in columns)] for row in rows
    ]
    return table(
        ("", "questions", *columns),
        lines,
        numeric=range(1, len(columns) + 2),
        caption="Value, and its 95 % interval by bootstrap over questions or their clusters",
    )


def _differences(rows: Sequence[Row], columns: Sequence[str]) -> str:
    shown = [key for key in columns if any(key in row.differences for row in rows)]
    lines = [
        [_name(row), *(_cell(row.differences.get(key), signed=True) for key in shown)]
        for row in rows
        if row.differences
    ]
    return table(
        ("", *shown),
        lines,
        numeric=range(1, len(shown) + 1),
        caption="Paired over the same questions; bold where the 95 % interval leaves out 0",
    )


def _name(row: Row) -> Html:
    """A row's name, broken between words only: the table scrolls where it is too wide."""
    return Html(f'<span style="overflow-wrap:normal">{safe(row.name)}</span>')


def _cell(estimate: Estimate | None, *, signed: bool = False) -> str | Html:
    if estimate is None or estimate.value is None:
        return "–"
    value = f"{estimate.value:+.3f}" if signed else show(estimate.value)
    ends = estimate.interval
    if ends is None:
        return value
    clear = signed and (ends[0] > 0 or ends[1] < 0)
    shown = f"<strong>{safe(value)}</strong>" if clear else safe(value)
    return Html(f"{shown}<br><small>{safe(show_interval(ends))}</small>")


def _pictures(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """A picture a metric; none of one that is the same in every row."""
    drawn = []
    for key in columns:
        known = {row.name: one for row in rows if (one := row.values.get(key)) is not None}
        values = {name: one.value for name, one in known.items() if one.value is not None}
        if len(set(values.values())) > 1:
            reach = {name: one.interval for name, one in known.items() if one.interval is not None}
            drawn.append(charts.bars(values, title=key, x=key, intervals=reach))
    return f'<div class="pictures">{"".join(drawn)}</div>' if drawn else ""


def _questions(found: Sequence[Mapping[str, Any]]) -> str:
    """The questions of each row, folded; what has no row stands in one table."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for one in found:
        groups.setdefault(str(one.get("row", "")), []).append(one)
    parts = []
    for name, members in groups.items():
        columns = tuple(dict.fromkeys(key for one in members for key in one if key != "row"))
        lines = [[_text(one.get(key)) for key in columns] for one in members[:MOST_QUESTIONS]]
        more = len(members) - len(lines)
        rest = f"<p>{more} more are in per_query.jsonl.</p>" if more > 0 else ""
        title = f"{name or 'all'} ({len(members)})"
        parts.append(
            f"<details><summary>{safe(title)}</summary>{table(columns, lines)}{rest}</details>"
        )
    return "".join(parts)


def _text(value: Any) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return show(value)
        case list() | tuple():
            return _text(", ".join(map(str, value)))
        case _:
            text = str(value)
            return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
