"""The figures as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from assay.evaluation.statistics.resampling import Estimate
from benchmarks.rerank_figures.measuring import Row, oracle
from benchmarks.rerank_figures.systems import ALONE, INPUT

BETTER = "better of both"


def quality_table(rows: Sequence[Row]) -> str:
    """nDCG@10 of the input, and what each system adds.

    Where the reranker alone is among them, the last column has the better of input and reranker
    for each question, which nobody can choose.
    """
    lines: list[str] = []
    for source, depth in _runs(rows):
        own = [row for row in rows if (row.source, row.depth) == (source, depth)]
        names = list(dict.fromkeys(name for row in own for name in row.values if name != INPUT))
        if lines:
            lines.append("")
        last = [BETTER] if ALONE in names else []
        lines += _head(f"{source}, depth {depth}", "n", INPUT, *names, *last)
        for row in own:
            cells = [_signed(row.difference(name)) if name in row.values else "–" for name in names]
            if last:
                cells.append(f"{oracle(row) - row.mean(INPUT):+.3f}")
            lines.append(_line(row.task, str(len(row.questions)), f"{row.mean(INPUT):.3f}", *cells))
        cells = [_gain(own, name) for name in names]
        if last:
            cells.append(f"**{_mean([oracle(row) - row.mean(INPUT) for row in own]):+.4f}**")
        mean = _mean([row.mean(INPUT) for row in own])
        lines.append(_line("**mean of sets**", "", f"**{mean:.3f}**", *cells))
    return "\n".join(lines) + "\n"


def costs_table(rows: Sequence[Row]) -> str:
    """What a question costs, and quality for it, for every system that asks a model."""
    lines = _head("input", "depth", "set", "system", "nDCG@10", "asked", "calls", "tokens",
                  "CPU seconds", "PetaFLOPs", "RPP", "QPP")  # fmt: skip
    for row in rows:
        for name in row.values:
            cost, (rpp, qpp) = row.cost(name), row.per_petaflop(name)
            if not cost.calls:
                continue
            cells = [
                f"{row.mean(name):.3f}",
                f"{100 * row.asked(name):.0f} %",
                str(cost.calls),
                str(cost.tokens),
                f"{cost.seconds:.2f}",
                f"{cost.flops / 1e15:.6f}",
                "–" if rpp is None else f"{rpp:.0f}",
                "–" if qpp is None else f"{qpp:.0f}",
            ]
            lines.append(_line(row.source, str(row.depth), row.task, name, *cells))
    return "\n".join(lines) + "\n"


def _runs(rows: Sequence[Row]) -> list[tuple[str, int]]:
    return list(dict.fromkeys((row.source, row.depth) for row in rows))


def _gain(rows: Sequence[Row], name: str) -> str:
    """Over all sets, or nothing: a mean over some sets compares with no other."""
    if any(name not in row.values for row in rows):
        return "–"
    return f"**{_mean([row.mean(name) - row.mean(INPUT) for row in rows]):+.4f}**"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _head(*names: str) -> list[str]:
    return [_line(*names), "|---|" + "---:|" * (len(names) - 1)]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _signed(one: Estimate) -> str:
    shown = "–" if one.value is None else f"{one.value:+.3f}"
    if one.interval is None:
        return shown
    return f"{shown} [{one.interval[0]:+.3f}, {one.interval[1]:+.3f}]"
