"""What was measured as tables, its Pareto fronts, and sliding windows against the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.rerank_methods.measuring import Measured, intervals
from benchmarks.rerank_methods.methods import WINDOW, Method
from benchmarks.rerank_methods.rankers import RANKERS

PASSAGE_TOKENS, QUERY_TOKENS, IDENTIFIER_TOKENS = 100, 20, 5
DEFAULTS = (
    "sliding 20/10", "full list", "partitioning, pivot 10", "tour rank x2", "jointrank 20 x4",
    "jointrank 20 x4, win_rate", "setwise heapsort, 9 children", "setwise bubble sort, 4",
    "tournament 5, 2 go on", "realm, 2 others", "pairs, cyclic .3", "kwik sort, both orders",
    "active pairs",
)  # fmt: skip
"""Rows that the short table has in any case."""

Found = Mapping[str, Measured]
"""By ranker."""


@dataclass(frozen=True, slots=True)
class Row:
    """A method with all rankers.

    Args:
        method: of the table.
        found: by ranker.
    """

    method: Method
    found: Found

    def cost(self, figure: str) -> float:
        """Mean calls, rounds or passages read, over rankers and rankings."""
        return float(np.mean([getattr(one, figure) for one in self.found.values()]))

    @property
    def tokens_in(self) -> float:
        """Read: every window's passages and the question."""
        return PASSAGE_TOKENS * self.cost("read") + QUERY_TOKENS * self.cost("calls")

    @property
    def tokens_out(self) -> float:
        """Written: an identifier for each passage of a window, or one token a window."""
        written = IDENTIFIER_TOKENS * self.cost("read")
        return written if self.method.writes else self.cost("calls")


def front(rows: Sequence[Row], ranker: str, figure: str) -> set[str]:
    """Methods of usual windows that none beats in nDCG@10 at the same cost or less, by the means.

    Args:
        rows: all methods.
        ranker: of whom.
        figure: ``calls`` or ``rounds``.
    """
    usual = [row for row in rows if row.method.window <= WINDOW]
    costs = {
        row.method.name: (
            float(np.mean(getattr(row.found[ranker], figure))),
            float(np.mean(row.found[ranker].ndcg)),
        )
        for row in usual
    }
    return {
        name
        for name, (cost, value) in costs.items()
        if not any(
            other <= cost and better >= value and (other, better) != (cost, value)
            for other, better in costs.values()
        )
    }


def full(rows: Sequence[Row]) -> str:
    """All methods; by rising calls."""
    return _table(sorted(rows, key=lambda row: row.cost("calls")), rows, with_intervals=False)


def short(rows: Sequence[Row], ranker: str = "error .2") -> str:
    """Those on a front of one ranker and usual settings of all others, with intervals."""
    on_front = front(rows, ranker, "calls") | front(rows, ranker, "rounds")
    some = [row for row in rows if row.method.name in on_front or row.method.name in DEFAULTS]
    return _table(sorted(some, key=lambda row: row.cost("calls")), rows, with_intervals=True)


def _table(some: Sequence[Row], rows: Sequence[Row], *, with_intervals: bool) -> str:
    fronts = {
        ranker: {
            mark: front(rows, ranker, figure) for mark, figure in (("c", "calls"), ("r", "rounds"))
        }
        for ranker in RANKERS
    }
    values = {name: _ends(some, name) for name in RANKERS}
    lines = [
        "| method | window | calls | rounds | tokens in | tokens out | "
        + " | ".join(RANKERS)
        + " |",
        "|---|---:|---:|---:|---:|---:|" + "---:|" * len(RANKERS),
    ]
    for place, row in enumerate(some):
        cells = []
        for ranker in RANKERS:
            low, high = values[ranker]
            text = f"{np.mean(row.found[ranker].ndcg):.3f}"
            if with_intervals:
                text += f" [{low[place]:.3f}, {high[place]:.3f}]"
            marks = "".join(m for m, names in fronts[ranker].items() if row.method.name in names)
            cells.append(f"**{text}** {marks}" if marks else text)
        method = row.method
        size = "all" if method.window > 100 else str(method.window)
        lines.append(
            f"| {method.name} | {size} | {row.cost('calls'):,.1f} | {row.cost('rounds'):,.1f}"
            f" | {row.tokens_in:,.0f} | {row.tokens_out:,.0f} | " + " | ".join(cells) + " |"
        )
    return "\n".join(lines)


def _ends(rows: Sequence[Row], ranker: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return intervals(np.array([row.found[ranker].ndcg for row in rows]))


def rivals(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """For each sliding window the best other method at its price.

    The other one has at most its calls with every ranker, at the mean, and no larger windows; it
    is the same for all rankers: the one of the largest nDCG@10 over all of them.
    """
    found = []
    for row in rows:
        if row.method.ours:
            continue
        fitting = [
            one
            for one in rows
            if one.method.ours
            and one.method.window <= row.method.window
            and all(
                np.mean(one.found[name].calls) <= np.mean(row.found[name].calls) for name in RANKERS
            )
        ]
        if fitting:
            best = max(fitting, key=lambda one: np.mean([one.found[name].ndcg for name in RANKERS]))
            found.append((row, best))
    return found


def duel_table(pairs: Sequence[tuple[Row, Row]]) -> str:
    """Differences in nDCG@10, other method less sliding window, with paired intervals."""
    lines = [
        "| sliding window | calls | rounds | at its calls or fewer | calls | rounds | "
        + " | ".join(RANKERS) + " |",
        "|---|---:|---:|---|---:|---:|" + "---:|" * len(RANKERS),
    ]  # fmt: skip
    for row, other in pairs:
        cells = []
        for ranker in RANKERS:
            mean, low, high = difference(other.found[ranker], row.found[ranker])
            cells.append(f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]")
        lines.append(
            f"| {row.method.name} | {row.cost('calls'):.0f} | {row.cost('rounds'):.0f}"
            f" | {other.method.name} | {other.cost('calls'):.1f} | {other.cost('rounds'):.1f} | "
            + " | ".join(cells) + " |"
        )  # fmt: skip
    return "\n".join(lines)


def difference(one: Measured, other: Measured) -> tuple[float, float, float]:
    """Mean difference in nDCG@10 over the same rankings, with its interval."""
    values = np.array([np.subtract(one.ndcg, other.ndcg)])
    low, high = intervals(values)
    return float(values.mean()), float(low[0]), float(high[0])
