"""An evaluation at a glance: headline figures, and what they look like drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from assay.evaluation.report import charts
from assay.evaluation.report.shell import Html, safe
from assay.evaluation.report.values import show, show_interval

if TYPE_CHECKING:
    from assay.evaluation.evaluate import Report

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

REMAINING: tuple[tuple[str, str], ...] = (
    ("retrieval.recall@100", "best 100"),
    ("retrieval.recall@10", "best 10"),
    ("selection.recall", "in context"),
)


def cards(report: Report, mark: Html) -> str:
    """The headline figures that are measurable, each with its interval."""
    shown = [
        _card(report, key, name, percent, mark)
        for key, name, percent in HEADLINES
        if report.metrics.get(key) is not None
    ]
    return f'<div class="cards">{"".join(shown)}</div>'


def pictures(report: Report, mark: Html) -> str:
    """Every picture of the page; what cannot be drawn says why."""
    drawn = "".join(_pictures(report, mark))
    return f'<div class="pictures">{drawn}</div>'


def _card(report: Report, key: str, name: str, percent: bool, mark: Html) -> str:
    interval = show_interval(report.metrics.get(f"{key}.ci95"), percent=percent)
    chosen = f'<div class="interval">{mark}</div>' if mark else ""
    return (
        f'<div class="card" title="{safe(key)}"><div class="name">{safe(name)}</div>'
        f'<div class="number">{show(report.metrics[key], percent=percent)}</div>'
        f'<div class="interval">{interval or "no interval"}</div>{chosen}</div>'
    )


def _pictures(report: Report, mark: Html) -> Iterator[str]:
    yield charts.bars(
        mean_funnel(report),
        title="Passages per question",
        x="mean number of passages",
        caption=_said("How many passages came how far; questions that failed are left out.", mark),
    )
    left = {name: _value(report, key) for key, name in REMAINING}
    yield _or_why(
        charts.bars(
            {name: value for name, value in left.items() if value is not None},
            title="Evidence that is left",
            x="recall of the relevant passages",
            intervals=_intervals(report, {name: key for key, name in REMAINING}),
            percent=True,
            caption=_said(
                "Of the passages judged relevant, those among the best of the last ranking, and"
                " those that reached the generator. Whiskers: 95 % interval.",
                mark,
            ),
        ),
        "Evidence that is left",
        "" if set(left.values()) != {None} else _why(report, "selection.recall"),
    )
    yield _risk_coverage(report, mark)
    yield _reliability(report, mark)
    sizes = Counter(len(row["context"]) for row in report.per_query if row["outcome"] != "failed")
    yield charts.histogram(
        sizes,
        title="Size of the selection",
        x="passages in the generator's context",
        y="questions",
        caption=_said("0: a gate abstained before, or nothing was left.", mark),
    )
    yield _cost_quality(report, mark)
    yield charts.bars(
        mean_seconds(report),
        title="Where the time goes",
        x="mean seconds per question",
        caption=_said("The nodes that take longest, in the pipeline's order.", mark),
    )


def mean_funnel(report: Report) -> dict[str, float]:
    """Mean number of passages at each stage, over the questions that did not fail."""
    rows = [row["funnel"] for row in report.per_query if row["outcome"] != "failed"]
    names = rows[0] if rows else {}
    return {name: sum(row[name] for row in rows) / len(rows) for name in names}


def mean_seconds(report: Report, most: int = 6) -> dict[str, float]:
    """Mean seconds of the slowest nodes, in the pipeline's order."""
    spent = _seconds(report)
    slowest = sorted(spent, key=lambda node: -spent[node])[:most]
    return {node: value for node, value in spent.items() if node in slowest and value > 0}


def cost_and_quality(report: Report) -> dict[str, tuple[float, float]]:
    """For each judged ranking node: seconds spent up to and with it, and its nDCG@10.

    Seconds are means over the questions that did not fail, summed over the node and all
    nodes before it in the pipeline's order: work, not waiting, where branches run side
    by side.
    """
    spent = 0.0
    found = {}
    for node, seconds in _seconds(report).items():
        spent += seconds
        quality = _value(report, f"retrieval.{node}.ndcg@10")
        if quality is not None:
            found[node] = (spent, quality)
    return found


def _risk_coverage(report: Report, mark: Html) -> str:
    coverage, risk = (_value(report, f"abstention.{key}") for key in ("coverage", "risk"))
    now = (coverage, risk) if coverage is not None and risk is not None else None
    return _or_why(
        charts.lines(
            {"every threshold": report.curve},
            title="Risk and coverage",
            x="coverage: share of questions answered",
            y="risk: share of wrong answers",
            mark=now,
            mark_name="the pipeline as it ran",
            percent_x=True,
            percent_y=True,
            caption=_said("Risk among the answers at every confidence threshold.", mark),
        ),
        "Risk and coverage",
        "" if report.curve else _why(report, "abstention.aurc"),
    )


def _reliability(report: Report, mark: Html) -> str:
    is_probability = report.confidence == "probability"
    groups = {
        f"group {place}, {n} {'question' if n == 1 else 'questions'}": (confidence, share, n)
        for place, (confidence, share, n) in enumerate(report.reliability, 1)
    }
    sizes = sorted(n for _, _, n in report.reliability)
    each = " to ".join(str(n) for n in dict.fromkeys((sizes[0], sizes[-1]))) if sizes else ""
    said = (
        "On the dashed line confidence is what it says."
        if is_probability
        else f"The confidence is a {report.confidence}, not a probability: only its order counts."
    )
    return _or_why(
        charts.points(
            {name: (confidence, share) for name, (confidence, share, _) in groups.items()},
            title="Reliability of the confidence",
            x="mean confidence",
            y="share of right answers",
            whiskers={name: _wilson(share, n) for name, (_, share, n) in groups.items()},
            percent_x=is_probability,
            percent_y=True,
            labelled=False,
            diagonal=is_probability,
            caption=_said(
                f"Groups of {each} questions by confidence, with answers that were held back."
                f" {said} Whiskers: 95 % interval (Wilson).",
                mark,
            ),
        ),
        "Reliability of the confidence",
        "" if report.reliability else _why(report, "abstention.auroc"),
    )


def _cost_quality(report: Report, mark: Html) -> str:
    found = cost_and_quality(report)
    return _or_why(
        charts.points(
            found,
            title="Cost against quality",
            x="mean seconds per question, up to this stage",
            y="nDCG@10",
            log_x=_wide([seconds for seconds, _ in found.values()]),
            whiskers=_intervals(report, {node: f"retrieval.{node}.ndcg@10" for node in found}),
            caption=_said(
                "What each ranking stage adds: its nDCG@10 over the seconds of all nodes up to"
                " it. Whiskers: 95 % interval.",
                mark,
            ),
        ),
        "Cost against quality",
        "" if found else _why(report, "retrieval.ndcg@10"),
    )


def _wide(values: Sequence[float]) -> bool:
    """Whether values are so far apart that a plain axis would crowd the small ones."""
    return min(values, default=0.0) > 0 and max(values) > 20 * min(values)


def _seconds(report: Report) -> dict[str, float]:
    rows = [row for row in report.per_query if row["outcome"] != "failed"]
    spent: dict[str, float] = {}
    for row in rows:
        for node, cost in (row.get("record_cost") or {}).get("by_node", {}).items():
            spent[node] = spent.get(node, 0.0) + float(cost.get("seconds", 0.0)) / len(rows)
    return spent


def _intervals(report: Report, keys: Mapping[str, str]) -> dict[str, tuple[float, float]]:
    found = {}
    for name, key in keys.items():
        ends = report.metrics.get(f"{key}.ci95")
        if isinstance(ends, Sequence):
            found[name] = (float(ends[0]), float(ends[1]))
    return found


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Source: Wilson 1927, by scipy."""
    from scipy.stats import binomtest

    found = binomtest(round(share * n), n).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def _value(report: Report, key: str) -> float | None:
    value = report.metrics.get(key)
    return float(value) if isinstance(value, int | float) else None


def _why(report: Report, key: str) -> str:
    return report.why.get(key, "it was not measured")


def _or_why(picture: str, title: str, reason: str) -> str:
    if not reason:
        return picture
    return f"<figure><h3>{safe(title)}</h3><p>Not drawn: {safe(reason)}.</p></figure>"


def _said(text: str, mark: Html) -> Html:
    return Html(f"{safe(text)} {mark}".strip())
