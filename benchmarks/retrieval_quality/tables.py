"""The figures as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assay.evaluation.statistics.resampling import Estimate
from benchmarks.retrieval_quality.measuring import REFERENCE, SPOILT, Measured
from benchmarks.retrieval_quality.systems import FUSIONS, PARTS, WITH_FEEDBACK

HYBRIDS = ("weighted", "adaptive", WITH_FEEDBACK)


def fusions_table(rows: Sequence[Measured]) -> str:
    """Parts and fusions, and the hybrids against the better part of each task."""
    systems = (*PARTS, *FUSIONS, WITH_FEEDBACK)
    lines = _head("set", "n", *systems, *(f"{name} - better part" for name in HYBRIDS))
    for row in rows:
        part = row.better(PARTS)
        cells = [_figure(row.estimate(name)) for name in systems]
        cells += [_signed(row.difference(name, part)) for name in HYBRIDS]
        lines.append(_line(row.task.name, str(len(row.questions)), *cells))
    means = [_mean(rows, lambda row, name=name: row.mean(name)) for name in systems]  # type: ignore[misc]
    gains = [
        _mean(rows, lambda row, name=name: row.mean(name) - row.mean(row.better(PARTS)))  # type: ignore[misc]
        for name in HYBRIDS
    ]
    shown = [*(f"{one:.3f}" for one in means), *(f"{one:+.3f}" for one in gains)]
    lines.append(_line("**mean of sets**", "", *(f"**{one}**" for one in shown)))
    return "\n".join(lines) + "\n"


def spoilt_table(rows: Sequence[Measured]) -> str:
    """What a bad partner costs, as a share of the sound partner's figure."""
    cases = [(part, kind) for kind in SPOILT for part in PARTS]
    columns = [f"{part} {kind}: {name}" for part, kind in cases for name in ("rrf", "adaptive")]
    lines = _head("set", *columns)
    for row in rows:
        cells = []
        for part, kind in cases:
            sound = row.mean(next(one for one in PARTS if one != part))
            for name in ("rrf", "adaptive"):
                cost = 1 - row.mean(f"{name}, {part} {kind}") / sound
                cells.append(f"{100 * cost:.1f} %")
        lines.append(_line(row.task.name, *cells))
    return "\n".join(lines) + "\n"


def reference_table(rows: Sequence[Measured]) -> str:
    """The product beside the reference on all questions, and what the issue quotes."""
    own = [f"reference {part}" for part in REFERENCE]
    lines = _head(
        "set",
        "n",
        "reference: bm25 / dense / hybrid",
        "the issue's: bm25 / dense / hybrid",
        *HYBRIDS,
        *(f"{name} - reference's best" for name in HYBRIDS),
    )
    for row in rows:
        best = row.better(own)
        lines.append(
            _line(
                row.task.name,
                str(len(row.questions)),
                " / ".join(f"{row.mean(name):.3f}" for name in own),
                " / ".join(f"{one:.3f}" for one in row.task.issue) if row.task.issue else "–",
                *(f"{row.mean(name):.3f}" for name in HYBRIDS),
                *(_signed(row.difference(name, best)) for name in HYBRIDS),
            )
        )
    return "\n".join(lines) + "\n"


def means_table(
    first: str, rows: Sequence[tuple[str, Sequence[float]]], names: Sequence[str]
) -> str:
    """Plain figures by row, with their mean."""
    lines = _head(first, *names, "mean")
    for name, values in rows:
        shown = [f"{one:.3f}" for one in values]
        lines.append(_line(name, *shown, f"{sum(values) / len(values):.4f}"))
    return "\n".join(lines) + "\n"


def _head(*names: str) -> list[str]:
    return [_line(*names), "|---|" + "---:|" * (len(names) - 1)]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _figure(one: Estimate) -> str:
    shown = f"{one.value:.3f}"
    return (
        shown if one.interval is None else f"{shown} [{one.interval[0]:.3f}, {one.interval[1]:.3f}]"
    )


def _signed(one: Estimate) -> str:
    shown = f"{one.value:+.3f}"
    if one.interval is None:
        return shown
    return f"{shown} [{one.interval[0]:+.3f}, {one.interval[1]:+.3f}]"


def _mean(rows: Sequence[Measured], figure: Callable[[Measured], float]) -> float:
    return sum(figure(row) for row in rows) / len(rows)
