"""An evaluation as one HTML file that opens offline, on a phone, in print.

Questions, answers and passages are data: every one of them is escaped. What matters of
each question stands in the page itself; a script adds the way of every passage, and
finds questions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources

from assay.evaluation.evaluate import Report
from assay.evaluation.report import drawing, overview, shell
from assay.evaluation.report.limits import Limits
from assay.evaluation.report.overview import HEADLINES
from assay.evaluation.report.questions import FILTERS, listed, question, tags
from assay.evaluation.report.shell import Html, Section, safe
from assay.evaluation.report.trail import Trails
from assay.evaluation.report.values import show, show_interval

__all__ = ["HEADLINES", "Heading", "render", "show", "show_interval"]

CHOSEN = "† chosen on these questions"

FAMILIES: Mapping[str, str] = {
    "n": "Counts",
    "qa": "Answers",
    "abstention": "Abstention",
    "retrieval": "Retrieval and ranking",
    "selection": "Selection",
    "poison": "Attacks",
    "cost": "Cost",
}
"""First word of a metric's key to the headline of its table."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What the page says about where the figures come from.

    Args:
        title: headline.
        when: time of the run, already written out.
        fingerprint: of the pipeline.
        certificate: id of the certificate in force, None when uncertified.
        notices: sentences that a reader must not miss, such as 'a sample'.
        chosen_on: how these very questions were used to choose the pipeline or its
            settings, a sentence each; every figure and table is then marked.
    """

    title: str
    when: str
    fingerprint: str
    certificate: str | None
    notices: Sequence[str] = field(default=())
    chosen_on: Sequence[str] = field(default=())


def render(report: Report, heading: Heading, passages: Mapping[str, tuple[str, str]]) -> str:
    """The page.

    Args:
        report: what was found.
        heading: where it comes from.
        passages: passage id to its title and text.

    Returns:
        HTML, below about 15 MB for any number of questions.
    """
    mark = Html(f'<span class="chosen">{CHOSEN}</span>') if heading.chosen_on else Html()
    rows = report.per_query
    places = listed(rows, Limits.of(len(rows)).questions)
    limits = Limits.of(len(places))
    trails = Trails(passages, limits)
    for number, place in enumerate(places):
        trails.add(number, rows[place])
    data = trails.to_json()
    script = resources.files("assay.evaluation.report").joinpath("page.js").read_text("utf-8")
    return shell.page(
        title=heading.title,
        facts=_facts(heading, report),
        notices=list(_notices(report, heading, len(places), data["without"])),
        sections=[
            Section("", overview.cards(report, mark)),
            Section("From the corpus to the answer", overview.pictures(report, mark)),
            Section("Questions", _questions(report, places, passages, limits, mark)),
            Section("All figures", f'<div class="figures">{"".join(_figures(report, mark))}</div>'),
        ],
        scripts=[script],
        data=json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")),
    )


def _facts(heading: Heading, report: Report) -> Html:
    status = (
        f"certificate <code>{safe(heading.certificate)}</code>"
        if heading.certificate
        else "uncertified"
    )
    return Html(
        f"{safe(heading.when)} · {report.metrics['n.queries']} questions ·"
        f" pipeline <code>{safe(heading.fingerprint[:16])}</code> · {status}"
    )


def _notices(report: Report, heading: Heading, n_listed: int, without: int) -> Iterator[str]:
    total = len(report.per_query)
    if heading.chosen_on:
        used = "".join(f"<li>{safe(one)}</li>" for one in heading.chosen_on)
        yield Html(
            f'<div class="notice bad chosen-on"><strong>{CHOSEN}.</strong> The pipeline or its'
            " settings were chosen on questions of this report, so its figures are better than"
            f" those of new questions will be.<ul>{used}</ul></div>"
        )
    if report.failed:
        yield Html(
            f'<p class="notice bad">{report.failed} of {report.metrics["n.queries"]} questions'
            " failed with an error. They count as not answered and not right.</p>"
        )
    yield from heading.notices
    if not drawing.available():
        yield (
            "The figures stand as tables: matplotlib is not installed, it comes with"
            f" {drawing.NEEDS}."
        )
    if n_listed < total:
        yield (
            f"{n_listed} of {total} questions are listed, those that failed or are wrong first;"
            " the figures are of all, per_query.jsonl has all."
        )
    if without:
        yield (
            f"The texts of {without} passages are left out, those that were only ranked first:"
            " the page would be too large."
        )


def _questions(
    report: Report,
    places: Sequence[int],
    passages: Mapping[str, tuple[str, str]],
    limits: Limits,
    mark: Html,
) -> str:
    metrics, rows = report.metrics, report.per_query
    found = [tags(rows[place]) for place in places]
    buttons = "".join(
        f'<button type="button" aria-pressed="false" data-tag="{tag}">{name}'
        f" <span>{count}</span></button>"
        for tag, name in FILTERS.items()
        if (count := sum(tag in one for one in found))
    )
    legend = (
        f"{metrics['n.answered']} answered, {metrics['n.abstained']} abstained,"
        f" {metrics['n.failed']} failed. Open a question to see why. {mark}"
    )
    late = '<p class="print-only soft">Printed: open questions whole, of the others 100.</p>'
    items = "".join(
        question(number, rows[place], passages, limits) for number, place in enumerate(places)
    )
    return (
        f'<p class="soft">{legend}</p>'
        '<div id="find" hidden><input type="search" placeholder="Search questions and answers"'
        f' aria-label="Search questions and answers"><div class="filters">{buttons}</div>'
        '<div class="acts"><span id="count" role="status"></span>'
        '<button type="button" data-do="open">Open those shown (50 at most)</button>'
        '<button type="button" data-do="close">Close all</button></div></div>'
        f"{late}{items}"
    )


def _figures(report: Report, mark: Html) -> Iterator[str]:
    metrics = report.metrics
    unit = "clusters" if metrics["n.clusters"] != metrics["n.queries"] else "questions"
    yield (
        f'<p class="soft">Intervals: 95 % bootstrap over {unit}. A dash means not measurable,'
        " with the reason.</p>"
    )
    groups: dict[str, list[str]] = {name: [] for name in FAMILIES}
    for key in metrics:
        if not key.endswith(".ci95"):
            groups.setdefault(key.split(".")[0], []).append(key)
    for name, keys in groups.items():
        if keys:
            cells = [_cells(report, key) for key in keys]
            yield f"<h3>{safe(FAMILIES.get(name, name))} {mark}</h3>"
            yield shell.table(("Figure", "Value", "95 % interval, or why not"), cells, numeric=(1,))


def _cells(report: Report, key: str) -> tuple[str, str, str]:
    reason = report.why.get(key) or report.why.get(f"{key}.ci95", "")
    interval = show_interval(report.metrics.get(f"{key}.ci95"))
    return (
        Html(f'<span class="mono">{safe(key)}</span>'),
        show(report.metrics[key]),
        interval or (Html(f'<span class="soft">{safe(reason)}</span>') if reason else ""),
    )
