"""The figures as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from assay.evaluation.statistics.resampling import Estimate
from benchmarks.rerank_figures.measuring import Row
from benchmarks.rerank_figures.systems import ALONE, INPUT, SYSTEMS


def quality_table(rows: Sequence[Row]) -> str:
    """nDCG@10 of the input, and what each system adds."""
    lines = _head("input", "depth", "set", "n", INPUT, *(f"{name} - input" for name in SYSTEMS[1:]))
    for source, depth in dict.fromkeys((row.source, row.depth) for row in rows):
        own = [row for row in rows if (row.source, row.depth) == (source, depth)]
        for row in own:
            cells = [_signed(row.difference(name)) for name in SYSTEMS[1:]]
            lines.append(
                _line(source, str(depth), row.task, str(len(row.questions)),
                      f"{row.mean(INPUT):.3f}", *cells)
            )  # fmt: skip
        means = [sum(row.mean(name) for row in own) / len(own) for name in SYSTEMS]
        gains = [f"**{mean - means[0]:+.4f}**" for mean in means[1:]]
        lines.append(
            _line(source, str(depth), "**mean of sets**", "", f"**{means[0]:.3f}**", *gains)
        )
    return "\n".join(lines) + "\n"


def costs_table(rows: Sequence[Row]) -> str:
    """What a question costs, and quality for it."""
    lines = _head("input", "depth", "set", "system", "asked", "calls", "tokens", "CPU seconds",
                  "PetaFLOPs", "RPP", "QPP")  # fmt: skip
    for row in rows:
        for name in (ALONE, SYSTEMS[-1]):
            cost, (rpp, qpp) = row.cost(name), row.per_petaflop(name)
            cells = [
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


def _head(*names: str) -> list[str]:
    return [_line(*names), "|---|" + "---:|" * (len(names) - 1)]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _signed(one: Estimate) -> str:
    shown = "–" if one.value is None else f"{one.value:+.3f}"
    if one.interval is None:
        return shown
    return f"{shown} [{one.interval[0]:+.3f}, {one.interval[1]:+.3f}]"
