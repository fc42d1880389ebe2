"""An evaluation as one HTML page that needs nothing else: no network, no script.

Questions, answers and passages are data: every one of them is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib import resources
from string import Template
from typing import Any

from assay.evaluation.evaluate import Report, Value
from assay.evaluation.report import charts

HEADLINES: tuple[tuple[str, str, bool], ...] = (
    ("abstention.coverage", "Coverage: questions answered", True),
    ("abstention.risk", "Risk: wrong among the answers", True),
    ("qa.correct", "Right, of the answerable", True),
    ("abstention.wrongful", "Wrongful abstentions", True),
    ("retrieval.recall@10", "Evidence among the best 10", True),
    ("selection.f1", "F1 of the selection", False),
    ("poison.asr", "Attacks that succeed", True),
    ("poison.admitted", "Planted passages in context", True),
    ("abstention.auroc", "AUROC of the confidence", False),
    ("cost.seconds.p50", "Median seconds", False),
)
"""Metric key, its name for people, and whether it is a share shown in per cent."""

SNIPPET = 700
"""Characters of a passage that are shown."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What the page says about where the figures come from.

    Args:
        title: headline.
        when: time of the run, already written out.
        fingerprint: of the pipeline.
        certificate: id of the certificate in force, None when uncertified.
        notices: sentences that a reader must not miss, such as 'a sample'.
    """

    title: str
    when: str
    fingerprint: str
    certificate: str | None
    notices: Sequence[str] = field(default=())


def render(report: Report, heading: Heading, passages: Mapping[str, tuple[str, str]]) -> str:
    """The page.

    Args:
        report: what was found.
        heading: where it comes from.
        passages: passage id to its title and text.
    """
    template = resources.files("assay.evaluation.report").joinpath("page.html").read_text("utf-8")
    metrics = report.metrics
    return Template(template).substitute(
        title=escape(heading.title),
        facts=_facts(heading, metrics),
        notices=_notices(heading, report),
        cards="".join(_card(report, *one) for one in HEADLINES),
        funnel=charts.funnel(_mean_funnel(report)),
        curve=_curve(report),
        legend=escape(_legend(metrics)),
        questions="".join(_question(row, passages) for row in report.per_query),
        unit="clusters" if metrics["n.clusters"] != metrics["n.queries"] else "questions",
        figures="".join(_figure(report, key) for key in metrics if not key.endswith(".ci95")),
    )


def show(value: Value, *, percent: bool = False) -> str:
    """A figure as people read it.

    >>> show(0.12345), show(0.5, percent=True), show(1234567.0), show(None)
    ('0.123', '50.0 %', '1.23e+06', '–')
    """
    if value is None or isinstance(value, list):
        return "–"
    if percent:
        return f"{100 * value:.1f} %"
    if isinstance(value, int):
        return str(value)
    return f"{value:.3f}" if 0.001 <= abs(value) < 1000 or value == 0 else f"{value:.3g}"


def show_interval(value: Value, *, percent: bool = False) -> str:
    """An interval as people read it, '' where there is none.

    >>> show_interval([0.25, 0.5], percent=True)
    '25.0 % to 50.0 %'
    """
    if not isinstance(value, list):
        return ""
    low, high = (show(one, percent=percent) for one in value)
    return f"{low} to {high}"


def _facts(heading: Heading, metrics: Mapping[str, Value]) -> str:
    status = (
        f"certificate <code>{escape(heading.certificate)}</code>"
        if heading.certificate
        else "uncertified"
    )
    return (
        f"{escape(heading.when)} · {metrics['n.queries']} questions ·"
        f" pipeline <code>{escape(heading.fingerprint[:16])}</code> · {status}"
    )


def _notices(heading: Heading, report: Report) -> str:
    found = "".join(f'<p class="notice">{escape(one)}</p>' for one in heading.notices)
    if report.failed:
        found = (
            f'<p class="notice bad">{report.failed} of {report.metrics["n.queries"]} questions'
            " failed with an error. They count as not answered and not right.</p>" + found
        )
    return found


def _card(report: Report, key: str, name: str, percent: bool) -> str:
    value = report.metrics.get(key)
    if value is None:
        return ""
    interval = show_interval(report.metrics.get(f"{key}.ci95"), percent=percent)
    return (
        f'<div class="card" title="{escape(key)}"><div class="name">{escape(name)}</div>'
        f'<div class="number">{show(value, percent=percent)}</div>'
        f'<div class="interval">{interval or "no interval"}</div></div>'
    )


def _mean_funnel(report: Report) -> dict[str, float]:
    rows = [row["funnel"] for row in report.per_query if row["outcome"] != "failed"]
    names = rows[0] if rows else {}
    return {name: sum(row[name] for row in rows) / len(rows) for name in names}


def _curve(report: Report) -> str:
    if not report.curve:
        reason = report.why.get("abstention.aurc", "no confidence to order the answers by")
        return f"<p>Not drawn: {escape(reason)}.</p>"
    coverage, risk = (report.metrics[f"abstention.{key}"] for key in ("coverage", "risk"))
    now = None
    if isinstance(coverage, float) and isinstance(risk, float):
        now = (coverage, risk)
    return (
        charts.risk_coverage(report.curve, now)
        + "<p>Every confidence threshold; the circle is the pipeline as it ran.</p>"
    )


def _legend(metrics: Mapping[str, Value]) -> str:
    return (
        f"{metrics['n.answered']} answered, {metrics['n.abstained']} abstained,"
        f" {metrics['n.failed']} failed. Open a question to see why."
    )


def _figure(report: Report, key: str) -> str:
    interval = show_interval(report.metrics.get(f"{key}.ci95"))
    reason = report.why.get(key) or report.why.get(f"{key}.ci95", "")
    return (
        f'<tr><td class="mono">{escape(key)}</td><td class="n">{show(report.metrics[key])}</td>'
        f'<td class="n">{interval}</td><td class="soft">{escape(reason)}</td></tr>'
    )


def _badge(row: Mapping[str, Any]) -> tuple[str, str]:
    """The outcome in one word, and its colour."""
    match row["outcome"]:
        case "failed":
            return "failed", "bad"
        case "abstained":
            return ("abstained", "good") if not row["answerable"] else ("abstained", "warn")
        case _:
            wrong = row["abstention_metrics"].get("answered_wrong")
            if row["poison"].get("asr"):
                return "attack succeeded", "bad"
            if wrong is None:
                return "answered", "soft"
            return ("wrong", "bad") if wrong else ("right", "good")


def _question(row: Mapping[str, Any], passages: Mapping[str, tuple[str, str]]) -> str:
    word, colour = _badge(row)
    expected = "; ".join(row["answers"]) if row["answerable"] else "no answer in the corpus"
    pairs = [("expected", escape(expected)), *_outcome(row, passages), *_verdicts(row)]
    if row["planted"]:
        pairs.append(("planted", escape(", ".join(row["planted"]))))
    pairs.append(("evidence", escape(", ".join(row["relevant"]) or "none judged")))
    pairs.append(("in context", escape(", ".join(row["context"]) or "nothing")))
    inside = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in pairs)
    attacked = '<span class="badge warn">attacked</span>' if row["poison"]["attacked"] else ""
    return (
        f'<details><summary><span class="q">{escape(row["text"])}'
        f' <span class="id mono">{escape(str(row["query_id"]))}</span></span>{attacked}'
        f'<span class="badge {colour}">{word}</span></summary>'
        f'<div class="inside"><dl>{inside}</dl></div></details>'
    )


def _outcome(
    row: Mapping[str, Any], passages: Mapping[str, tuple[str, str]]
) -> list[tuple[str, str]]:
    match row["outcome"]:
        case "answered":
            answer = row["answer"]
            confidence = answer.get("confidence")
            pairs = [("answer", escape(answer["text"]))]
            if confidence is not None:
                kind = escape(str(confidence["kind"]))
                pairs.append(("confidence", f"{confidence['value']:.3f} ({kind})"))
            cited = dict.fromkeys(
                name for citation in answer["citations"] for name in citation["passage_ids"]
            )
            shown = "".join(_passage(name, passages) for name in cited)
            return [*pairs, ("citations", shown or "none")]
        case "abstained":
            abstention = row["abstention"]
            text = f"{abstention['reason']} ({abstention['stage']}): {abstention['detail']}"
            pairs = [("no answer", escape(text))]
            if row["abstention_metrics"].get("candidate") is not None:
                pairs.append(("held back", escape(row["abstention_metrics"]["candidate"])))
            nearest = "".join(
                _passage(name, passages) for name in abstention.get("evidence", ())[:2]
            )
            return [*pairs, ("nearest", nearest or "none")]
        case _:
            error = row["error"] or {}
            text = f"{error.get('node')}: {error.get('type')}: {error.get('message')}"
            return [("error", escape(text))]


def _passage(name: str, passages: Mapping[str, tuple[str, str]]) -> str:
    title, text = passages.get(name, ("", ""))
    cut = text if len(text) <= SNIPPET else text[:SNIPPET].rsplit(" ", 1)[0] + " …"
    body = f"<blockquote>{escape(cut)}</blockquote>" if cut else ""
    return f'<div><span class="mono">{escape(name)}</span> {escape(title)}</div>{body}'


def _verdicts(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    lines = []
    for name, flags in row["flags"].items():
        state = "refused" if name in row["refused"] else "noted"
        for flag in flags:
            text = f"{name}: {flag['name']} {flag['score']:.3g}, {state}: {flag['reason']}"
            lines.append(f"<div>{escape(text)}</div>")
    return [("verdicts", "".join(lines))] if lines else []
