"""``tune.html``: the result on the report fold, then all that was tried."""

from __future__ import annotations

from collections.abc import Sequence

from assay.evaluation.comparing import Comparison, Line
from assay.evaluation.report import shell
from assay.evaluation.report.shell import Html, Section
from assay.evaluation.report.values import show, show_interval
from assay.evaluation.search.halving import Found, Search
from assay.evaluation.search.journal import Score
from assay.evaluation.search.space import shown

MARK = "†"


def render(
    found: Found,
    search: Search,
    comparison: Comparison | None,
    *,
    title: str,
    facts: str,
    notices: Sequence[str],
) -> str:
    """The page.

    Args:
        found: of the search.
        search: what was searched.
        comparison: unchanged pipeline and winner on the report fold; None where the
            unchanged pipeline is the winner.
        title: headline.
        facts: one line under it.
        notices: sentences that a reader must not miss.

    Returns:
        HTML, whole.
    """
    sections = [Section("The result, on the report fold", result(comparison))]
    sections.append(Section("What was tried", tried(found, search)))
    sections.append(Section("Rungs", rungs(found)))
    return shell.page(title=title, facts=facts, notices=notices, sections=sections)


def result(comparison: Comparison | None) -> str:
    """The winner against the unchanged pipeline."""
    if comparison is None:
        return (
            "<p>No trial was better than the unchanged pipeline on the tune fold, so there is"
            " nothing to compare. Its own figures are in <code>report/unchanged</code>.</p>"
        )
    rows = [_line(line) for line in comparison.lines]
    return (
        "<p>The only figures that say how good the winner is: its questions played no part in the"
        " search. The difference is paired, its interval drawn over clusters.</p>"
        + shell.table(
            ["figure", "unchanged", "best", "difference", "95 % interval", "p", "better is"],
            rows,
            numeric=(1, 2, 3, 4, 5),
            caption=f"{comparison.n} questions in {comparison.clusters} clusters",
        )
    )


def _line(line: Line) -> list[str]:
    difference = line.against[0].difference
    interval = list(difference.interval) if difference.interval is not None else None
    p_value = line.against[0].p_holm
    return [
        line.key,
        show(difference.first),
        show(difference.second),
        signed(difference.value),
        show_interval(interval),
        "–" if p_value is None else f"{p_value:.3f}",
        line.better,
    ]


def signed(value: float | None) -> str:
    """A difference with its sign.

    >>> signed(0.25), signed(-0.1), signed(None)
    ('+0.250', '-0.100', '–')
    """
    return "–" if value is None else f"{value:+.3f}"


def tried(found: Found, search: Search) -> str:
    """Every trial with the last rung that it reached; the figures are marked."""
    last: dict[int, Score] = {}
    for score in found.scores:
        last[score.trial] = score
    order = sorted(last.values(), key=lambda one: (-one.rung, _place(one, search), one.trial))
    heads = [
        "trial",
        "differs by",
        "questions",
        f"{search.objective.key} {MARK}",
        *(f"{one} {MARK}" for one in search.constraints),
        "failed",
        "",
    ]
    rows = [_row(score, search, found) for score in order]
    numeric = range(2, 5 + len(search.constraints))
    return (
        f"<p>{MARK} Figures of the tune fold, on which the winner was chosen: too good, and of"
        " fewer questions where a trial stopped early.</p>"
        + shell.table(heads, rows, numeric=[0, *numeric])
    )


def _place(score: Score, search: Search) -> float:
    if score.objective is None:
        return float("inf")
    return search.objective.signed(score.objective)


def _row(score: Score, search: Search, found: Found) -> list[str | Html]:
    cells: list[str | Html] = [str(score.trial), shown(score.settings), str(score.questions)]
    if score.problem:
        return [*cells, *("" for _ in range(2 + len(search.constraints))), score.problem]
    kept = dict(zip(search.constraints, score.violations, strict=True))
    won = score.trial == found.winner.trial
    state = Html('<span class="badge good">winner</span>') if won else ""
    return [
        *cells,
        show(score.objective),
        *(
            show(score.constraints[one.key]) + ("" if kept[one] == 0 else " not kept")
            for one in search.constraints
        ),
        str(score.failed),
        state,
    ]


def rungs(found: Found) -> str:
    """How many trials answered how many questions."""
    rows = []
    for rung, questions in enumerate(found.rungs):
        scores = [one for one in found.scores if one.rung == rung]
        rows.append(
            [
                str(rung + 1),
                str(questions),
                str(len(scores)),
                str(sum(bool(one.problem) for one in scores)),
                f"{sum(one.seconds for one in scores):.1f}",
            ]
        )
    return shell.table(
        ["rung", "questions", "trials", "impossible", "seconds"], rows, numeric=range(5)
    )
