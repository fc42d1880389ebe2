"""What a search wants: a figure as good as can be, and figures that keep within bounds."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from assay.evaluation.metrics.from_rows import RowMetric, row_metrics
from assay.pipeline.errors import UsageError, nearest

NOT_IN_METRICS = ("cost.seconds",)
"""Figures of rows that ``metrics.json`` does not have."""

_WRITTEN = re.compile(r"\s*([A-Za-z0-9_.@-]+?)\s*(<=|>=)\s*(\S+)\s*")


@dataclass(frozen=True, slots=True)
class Objective:
    """The figure to make as good as can be.

    Args:
        key: of ``metrics.json``.
        maximise: whether larger is better.
    """

    key: str
    maximise: bool

    def signed(self, value: float) -> float:
        """The value as one to be made small."""
        return -value if self.maximise else value


@dataclass(frozen=True, slots=True)
class Constraint:
    """A figure that must keep within a bound.

    Args:
        key: of ``metrics.json``.
        most: whether the bound is the largest value that is taken, else the least.
        bound: the value.
    """

    key: str
    most: bool
    bound: float

    def violation(self, value: float | None) -> float:
        """How far the bound is missed, as a share of it; 0 where it is kept.

        An unknown figure keeps no bound: infinite.
        """
        if value is None:
            return math.inf
        over = value - self.bound if self.most else self.bound - value
        return max(0.0, over) / (abs(self.bound) or 1.0)

    def __str__(self) -> str:
        return f"{self.key} {'<=' if self.most else '>='} {self.bound:g}"


def _known() -> dict[str, RowMetric]:
    return {key: one for key, one in row_metrics().items() if key not in NOT_IN_METRICS}


def objective_of(key: str) -> Objective:
    """The objective for a key; costs and risks are made small, the rest is made large.

    Raises:
        UsageError: if no evaluation gives such a figure.

    >>> objective_of("qa.correct").maximise, objective_of("cost.calls").maximise
    (True, False)
    """
    known = _known()
    if key not in known:
        raise UsageError(f"no figure '{key}' to search for; {nearest(key, known)}")
    return Objective(key, known[key].better == "higher")


def constraint_of(written: str) -> Constraint:
    """A constraint as the command line writes it.

    Raises:
        UsageError: if it is written otherwise, or no evaluation gives such a figure.

    >>> str(constraint_of("abstention.risk<=0.1"))
    'abstention.risk <= 0.1'
    """
    found = _WRITTEN.fullmatch(written)
    bound = math.nan
    if found:
        try:
            bound = float(found[3])
        except ValueError:
            bound = math.nan
    if not found or not math.isfinite(bound):
        raise UsageError(
            f"cannot read --constraint '{written}'; write for example 'abstention.risk<=0.1' or"
            " 'abstention.coverage>=0.5'"
        )
    known = _known()
    if found[1] not in known:
        raise UsageError(
            f"--constraint '{written}': no figure '{found[1]}'; {nearest(found[1], known)}"
        )
    return Constraint(found[1], found[2] == "<=", bound)
