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

    @property
    def rankings(self) -> int:
        """That it was measured with."""
        return min(len(one.ndcg) for one in self.found.values())

    def then(self, more: Row) -> Row:
        """With further rankings."""
        found = {name: one.then(more.found[name]) for name, one in self.found.items()}
        return Row(self.method, found)

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

    Two are compared over the rankings that both were measured with.

    Args:
        rows: all methods.
        ranker: of whom.
        figure: ``calls`` or ``rounds``.
    """
    usual = [(row.method.name, row.found[ranker]) for row in rows if row.method.window <= WINDOW]
    return {
        name
        for name, one in usual
        if not any(beats(other, one, figure) for called, other in usual if called != name)
    }


def beats(one: Measured, other: Measured, figure: str) -> bool:
    """Whether it is better in nDCG@10 or cost and worse in neither, over what both measured.

    Args:
        one: this one.
        other: beaten or not.
        figure: ``calls`` or ``rounds``.
    """
    both = min(len(one.ndcg), len(other.ndcg))
    gained = float(np.mean(one.ndcg[:both]) - np.mean(other.ndcg[:both]))
    saved = float(
        np.mean(getattr(other, figure)[:both]) - np.mean(getattr(one, figure)[:both])
    )  # fmt: skip
    return gained >= 0 and saved >= 0 and (gained > 0 or saved > 0)


def full(rows: Sequence[Row]) -> str:
    """All methods; by rising calls."""
    return _table(sorted(rows, key=lambda row: row.cost("calls")), rows, with_intervals=False)


def short(rows: Sequence[Row], ranker: str = "error .2", *, with_intervals: bool = True) -> str:
    """Those on a front of one ranker and usual settings of all others."""
    some = sorted(chosen(rows, ranker), key=lambda row: row.cost("calls"))
    return _table(some, rows, with_intervals=with_intervals)


def chosen(rows: Sequence[Row], ranker: str = "error .2") -> list[Row]:
    """The rows of ``short``."""
    on_front = front(rows, ranker, "calls") | front(rows, ranker, "rounds")
    return [row for row in rows if row.method.name in on_front or row.method.name in DEFAULTS]


def _table(some: Sequence[Row], rows: Sequence[Row], *, with_intervals: bool) -> str:
    fronts = {
        ranker: {
            mark: front(rows, ranker, figure) for mark, figure in (("c", "calls"), ("r", "rounds"))
        }
        for ranker in RANKERS
    }
    values = {name: _ends(some, name) for name in RANKERS}
    lines = [
        "| method | n | window | calls | rounds | tokens in | tokens out | "
        + " | ".join(RANKERS)
        + " |",
        "|---|---:|---:|---:|---:|---:|---:|" + "---:|" * len(RANKERS),
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
            f"| {method.name} | {row.rankings} | {size} | {row.cost('calls'):,.1f}"
            f" | {row.cost('rounds'):,.1f}"
            f" | {row.tokens_in:,.0f} | {row.tokens_out:,.0f} | " + " | ".join(cells) + " |"
        )
    return "\n".join(lines)


def _ends(rows: Sequence[Row], ranker: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ends = [intervals(np.array([row.found[ranker].ndcg])) for row in rows]
    return np.array([low[0] for low, _ in ends]), np.array([high[0] for _, high in ends])


def rivals(rows: Sequence[Row], elsewhere: Sequence[Row]) -> list[tuple[Row, Row]]:
    """For each sliding window the best other method at its price.

    The other one has at most its calls with every ranker, at the mean, and no larger windows; it
    is the same for all rankers: the one that loses least, or gains most, with the ranker that
    suits it worst, to a thousandth, and of these the one of the largest mean.

    Args:
        rows: what is told.
        elsewhere: what is chosen from, the same methods with the same or other rankings.
    """
    told = {row.method.name: row for row in rows}
    known = [row for row in elsewhere if row.method.name in told]
    found = []
    for row in known:
        if row.method.ours:
            continue
        fitting = [
            one for one in known
            if one.method.ours and one.method.window <= row.method.window and _no_dearer(one, row)
        ]  # fmt: skip
        if fitting:
            best = max(fitting, key=lambda one: _gain(one, row))
            found.append((told[row.method.name], told[best.method.name]))
    return found


def _no_dearer(one: Row, other: Row) -> bool:
    both = min(one.rankings, other.rankings)
    return all(
        np.mean(one.found[name].calls[:both]) <= np.mean(other.found[name].calls[:both])
        for name in RANKERS
    )


def _gain(one: Row, other: Row) -> tuple[float, float]:
    """In nDCG@10 with the worst ranker and at the mean, from the rankings that both have."""
    both = min(one.rankings, other.rankings)
    gains = [
        float(np.mean(one.found[name].ndcg[:both]) - np.mean(other.found[name].ndcg[:both]))
        for name in RANKERS
    ]
    return round(min(gains), 3), float(np.mean(gains))


def one_round(rows: Sequence[Row], most: int = 20) -> list[tuple[Row, Row]]:
    """The usual sliding window, with each JointRank of one round and so many calls at most."""
    usual = [row for row in rows if row.method.name == "sliding 20/10"]
    joined = [
        row
        for row in rows
        if row.method.use == "jointrank" and row.cost("rounds") == 1 and row.cost("calls") <= most
        and row.method.window <= WINDOW
    ]  # fmt: skip
    return [(one, other) for one in usual for other in joined]


def duel_table(pairs: Sequence[tuple[Row, Row]]) -> str:
    """Differences in nDCG@10, other method less sliding window, with paired intervals."""
    if not pairs:
        return "(none was measured)"
    lines = [
        "| sliding window | calls | rounds | other method | calls | rounds | "
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
    both = min(len(one.ndcg), len(other.ndcg))
    values = np.array([np.subtract(one.ndcg[:both], other.ndcg[:both])])
    low, high = intervals(values)
    return float(values.mean()), float(low[0]), float(high[0])
