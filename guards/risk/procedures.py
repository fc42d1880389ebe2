"""Which points of a frozen path are certified, by the procedure that was asked for.

All but the last bound the chance that any certified point breaks a level by delta:

* ``fixed-sequence``: each point at full delta, in order, to the first failure;
* ``bonferroni``, ``holm``: each point at its share, in any order;
* ``fallback``: each point has a share, and a certified one hands its level to the next;
* ``graphical``: half of delta on the first point, the rest shared evenly by the others; a
  certified point hands its level to the next, the last one to the first;
* ``expectation``: conformal risk control for one threshold and risks that fall with it. It
  bounds the mean over draws of the certify questions, not this draw: weaker.

Where a path has a good order ``fixed-sequence`` certifies most; the others do not depend on
the order, and pay for that with smaller levels. Source: ``families.py``, ``fixed_sequence.py``,
``conformal.py``. None calls a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, assert_never, get_args

from assay.guards.risk.conformal import allowed_in_expectation
from assay.guards.risk.families import bonferroni, fallback, graphical, holm
from assay.guards.risk.fixed_sequence import fixed_sequence
from assay.guards.risk.losses import FALLING, Count, Risk
from assay.pipeline.errors import UsageError

ProcedureName = Literal[
    "fixed-sequence", "bonferroni", "holm", "fallback", "graphical", "expectation"
]
PROCEDURES: tuple[ProcedureName, ...] = get_args(ProcedureName)

Look = tuple[float, tuple[Count, ...]]
"""Largest p-value of a point, and its counts in the order of the risks."""


def written(procedure: ProcedureName) -> str:
    """How a certificate names a procedure."""
    if procedure == "expectation":
        return "split-conformal-risk-control/1"
    return f"split-pareto-{procedure}/1"


def read(name: str) -> ProcedureName:
    """The procedure that a certificate names.

    Raises:
        UsageError: for a name that is none.
    """
    for one in PROCEDURES:
        if written(one) == name:
            return one
    raise UsageError(f"unknown procedure {name!r}; expected one of {', '.join(PROCEDURES)}")


def certified(
    procedure: ProcedureName,
    looks: Iterable[Callable[[], Look]],
    risks: Sequence[Risk],
    delta: float,
) -> tuple[int, ...]:
    """Places of the points that are certified, in the order of the path.

    Args:
        procedure: which.
        looks: for each point of the path, what looks at it; a procedure in order calls
            none beyond its first failure.
        risks: with the levels that they are tested at.
        delta: family-wise error rate, in (0, 1); not used by ``expectation``.
    """
    if procedure == "fixed-sequence":
        return tuple(range(fixed_sequence((look()[0] for look in looks), delta).rejected))
    if procedure == "expectation":
        held = 0
        for look in looks:
            if not in_expectation(risks, look()[1]):
                break
            held += 1
        return tuple(range(held))
    p_values = [look()[0] for look in looks]
    if not p_values:
        return ()
    return tuple(sorted(_family(procedure, p_values, delta)))


def _family(
    procedure: Literal["bonferroni", "holm", "fallback", "graphical"],
    p_values: Sequence[float],
    delta: float,
) -> frozenset[int]:
    n = len(p_values)
    match procedure:
        case "bonferroni":
            return bonferroni(p_values, delta)
        case "holm":
            return holm(p_values, delta)
        case "fallback":
            return fallback(p_values, [delta / n] * n)
        case "graphical":
            weights, ring = chain(n)
            return graphical(p_values, weights, ring, delta)
        case _:
            assert_never(procedure)


def chain(n: int) -> tuple[list[float], list[list[float]]]:
    """Weights and transitions of ``graphical`` for a path of ``n`` points, at least 1.

    >>> chain(3)
    ([0.5, 0.25, 0.25], [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    """
    if n == 1:
        return [1.0], [[0.0]]
    ring = [[float(other == (one + 1) % n) for other in range(n)] for one in range(n)]
    return [0.5, *[0.5 / (n - 1)] * (n - 1)], ring


def first_level(procedure: ProcedureName, delta: float, points: int) -> float:
    """Level at which a path's first point is tested, if it has ``points``.

    What the path is ordered by; a guarantee does not depend on it.
    """
    match procedure:
        case "fixed-sequence" | "expectation":
            return delta
        case "graphical":
            return delta / 2 if points > 1 else delta
        case "bonferroni" | "holm" | "fallback":
            return delta / max(1, points)
        case _:
            assert_never(procedure)


def in_expectation(risks: Sequence[Risk], counts: Sequence[Count]) -> bool:
    """Whether each risk keeps its level in expectation: ``(k + 1) / (n + 1) <= alpha``."""
    return all(
        one.k <= allowed_in_expectation(one.n, risk.alpha)
        for risk, one in zip(risks, counts, strict=True)
    )


def check_expectation(risks: Sequence[Risk], thresholds: Sequence[str]) -> None:
    """Refuse what conformal risk control proves nothing about.

    Raises:
        UsageError: unless there is one threshold and every risk falls with it.
    """
    if len(thresholds) != 1:
        raise UsageError(
            f"'expectation' needs a pipeline with exactly one threshold, found {len(thresholds)}:"
            " take 'fixed-sequence'"
        )
    for risk in risks:
        if risk.name not in FALLING:
            raise UsageError(
                f"'expectation' holds for risks that fall as the threshold rises"
                f" ({', '.join(sorted(FALLING))}), not for '{risk.name}': take 'fixed-sequence'"
            )
