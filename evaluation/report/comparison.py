"""The page of a comparison: the table, and every question that one side wins."""

from __future__ import annotations

from collections.abc import Sequence

from assay.evaluation.comparing import Against, Comparison, Line, gains
from assay.evaluation.metrics.from_rows import Row, RowMetric, row_metrics
from assay.evaluation.report.questions import badge
from assay.evaluation.report.shell import Html, Section, page, safe, table
from assay.evaluation.report.values import show, show_interval

MOST = 50
"""Questions that are listed of each kind, those with the largest difference."""

CHOSEN = "† chosen on these questions: better here than it would be on others"

_LONGEST = 600  # characters of an answer


def render(found: Comparison, *, when: str) -> str:
    """The page as one HTML file.

    Args:
        found: what was compared.
        when: day and time, written out.
    """
    letters = letters_of(found)
    legend = "; ".join(
        f"{letter} is {name}" for letter, name in zip(letters, found.systems, strict=True)
    )
    unit = "" if found.clusters == found.n else f" in {found.clusters} clusters"
    sections = []
    for place, other in enumerate(found.systems[1:], 1):
        headers = ("", letters[0], letters[place], *HEADERS)
        figures = table(headers, table_rows(found, place), numeric=range(1, len(headers)))
        title = f"{letters[place]} ({other}) against {letters[0]} ({found.systems[0]})"
        sections.append(
            Section(title, figures + "<h3>Question by question</h3>" + _wins(found, place))
        )
    sections.append(Section("How to read it", _reading(found)))
    return page(
        title=f"{' against '.join(found.systems)}",
        facts=f"{when} · {found.n} questions{unit} · {legend}",
        notices=found.notices,
        sections=sections,
    )


HEADERS = ("difference", "95 % interval", "p (Holm)", "effect", "won / drawn / lost")
"""Columns of a table, after the figure's name and the two systems' values."""


def letters_of(found: Comparison) -> tuple[str, ...]:
    """A short name for each system, with a dagger where it was chosen on these questions."""
    return tuple(
        (chr(ord("A") + place) if place < 26 else f"S{place + 1}") + ("†" if chosen else "")
        for place, chosen in enumerate(found.chosen)
    )


def table_rows(found: Comparison, place: int) -> list[list[str]]:
    """One system against the first as texts: name of the figure, both values, ``HEADERS``.

    Args:
        found: what was compared.
        place: of the system, from 1.
    """
    return [_cells(line, place) for line in found.lines]


def _cells(line: Line, place: int) -> list[str]:
    against = line.against[place - 1]
    difference, tally = against.difference, against.tally
    return [
        f"{line.key} {'↑' if line.better == 'higher' else '↓'}",
        show(line.values[0].value),
        show(line.values[place].value),
        signed(difference.value),
        show_interval(difference.interval),
        p_text(against.p_holm),
        "–" if against.effect is None else f"{against.effect:+.2f}",
        "–" if tally is None else f"{tally.wins} / {tally.draws} / {tally.losses}",
    ]


def signed(value: float | None) -> str:
    """A difference with its sign.

    >>> signed(0.25), signed(-3), signed(0.0), signed(None)
    ('+0.250', '-3.000', '0.000', '–')
    """
    if value is None:
        return "–"
    return ("+" if value > 0 else "") + show(float(value))


def p_text(value: float | None) -> str:
    """A p-value as people read it.

    >>> p_text(0.00001), p_text(0.0421), p_text(None)
    ('< .001', '.042', '–')
    """
    if value is None:
        return "–"
    return "< .001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def _reading(found: Comparison) -> str:
    exact = all(one.difference.exact for line in found.lines for one in line.against)
    swaps = "every swap" if exact else "random swaps"
    sentences = [
        "↑ more is better, ↓ less is better. The difference is the system's figure less that of"
        f" {found.systems[0]}; its interval comes from the same bootstrap samples of questions"
        " (whole clusters where there are any) for both.",
        f"p comes from a randomisation test over {swaps} of the two systems' results within"
        f" clusters, two-sided, and is adjusted by Holm's method over all {found.tests}"
        " comparisons of this page: below .05 says that the systems differ, at a chance of 5 %"
        " that any such statement on the page is wrong.",
        "The effect is the mean difference over its standard deviation between questions:"
        " .2 is small, .5 medium, .8 large.",
        "Won and lost are questions on which the system does better or worse than the first;"
        " questions that either has no value for are in neither, and not drawn.",
    ]
    if any(found.chosen):
        sentences.append(CHOSEN + ".")
    return "".join(f"<p>{safe(one)}</p>" for one in sentences)


def _wins(found: Comparison, place: int) -> str:
    first, second = found.rows[0], found.rows[place]
    known = row_metrics()
    names = (found.systems[0], found.systems[place])
    return "".join(
        _of_figure(known[line.key], line.against[place - 1], first, second, names)
        for line in found.lines
        if line.against[place - 1].tally is not None
    )


def _of_figure(
    metric: RowMetric,
    against: Against,
    first: Sequence[Row],
    second: Sequence[Row],
    names: tuple[str, str],
) -> str:
    tally = against.tally
    if tally is None:
        return ""
    found = gains(metric, first, second)
    without = len(first) - len(found)
    facts = (
        f"{metric.key}: won {tally.wins}, drawn {tally.draws}, lost {tally.losses}"
        + (f", no value {without}" if without else "")
        + f"; sign test over {tally.decided} decided: p {p_text(tally.p_value)}"
    )
    ordered = sorted(found, key=lambda place: -found[place])
    won = [place for place in ordered if found[place] > 0][: tally.wins]
    lost = [place for place in reversed(ordered) if found[place] < 0][: tally.losses]
    inside = "".join(
        _list(title, places, metric, first, second, names)
        for title, places in ((f"{names[1]} is better", won), (f"{names[0]} is better", lost))
    )
    return (
        f'<details class="q"><summary><span class="text">{safe(facts)}</span></summary>'
        f'<div class="inside">{inside or "<p>No question is won or lost.</p>"}</div></details>'
    )


def _list(
    title: str,
    places: Sequence[int],
    metric: RowMetric,
    first: Sequence[Row],
    second: Sequence[Row],
    names: tuple[str, str],
) -> str:
    if not places:
        return ""
    more = f" (the {MOST} largest of {len(places)})" if len(places) > MOST else ""
    inside = "".join(
        _question(metric, (first[place], second[place]), names) for place in places[:MOST]
    )
    return f"<h3>{safe(title + more)}</h3>{inside}"


def _question(metric: RowMetric, rows: tuple[Row, Row], names: tuple[str, str]) -> str:
    row = rows[0]
    values = [metric.of_question(one) if metric.of_question else None for one in rows]
    expected = "; ".join(row["answers"]) if row["answers"] else "none listed"
    if not row["answerable"]:
        expected = "no answer in the corpus"
    both = "".join(
        f'<dt>{safe(name)}</dt><dd>{_badge(one)} {show(value)}<div class="answer">'
        f"{safe(_said(one))}</div></dd>"
        for name, one, value in zip(names, rows, values, strict=True)
    )
    return (
        f'<details class="q"><summary><span class="text"><bdi>{safe(_cut(row["text"]))}</bdi>'
        f' <span class="id mono">{safe(str(row["query_id"]))}</span></span>'
        f"<span>{show(values[0])} → {show(values[1])}</span></summary>"
        f'<div class="inside"><dl><dt>expected</dt><dd>{safe(_cut(expected))}</dd>'
        f"{both}</dl></div></details>"
    )


def _badge(row: Row) -> Html:
    word, colour = badge(row)
    return Html(f'<span class="badge {colour}">{safe(word)}</span>')


def _said(row: Row) -> str:
    match row["outcome"]:
        case "answered":
            return _cut(row["answer"]["text"])
        case "abstained":
            abstention = row["abstention"]
            return _cut(f"{abstention['reason']} ({abstention['stage']}): {abstention['detail']}")
        case _:
            error = row.get("error") or {}
            return _cut(f"{error.get('node')}: {error.get('type')}: {error.get('message')}")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST].rsplit(" ", 1)[0] + " …"
