"""Which of many hypotheses may be rejected, so that the chance of any false rejection is bounded.

Each takes the p-values in their fixed order and the bound on that chance. ``fixed_sequence.py`` is
the default of calibration: it loses nothing to the number of settings, if their order is good.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.pipeline.errors import UsageError

SLACK = 1e-12


def bonferroni(p_values: Sequence[float], delta: float) -> frozenset[int]:
    """Places of the p-values at most ``delta / n``; NaN is never rejected.

    >>> sorted(bonferroni([0.001, 0.004, 0.012, 0.030, 0.060, 0.020], 0.05))
    [0, 1]
    """
    _check(delta)
    return frozenset(
        place for place, value in enumerate(p_values) if value <= delta / len(p_values)
    )


def holm(p_values: Sequence[float], delta: float) -> frozenset[int]:
    """Holm (1979): the smallest is held to ``delta / n``, the next to ``delta / (n - 1)``, ...

    >>> sorted(holm([0.001, 0.004, 0.012, 0.030, 0.060, 0.020], 0.05))
    [0, 1, 2]
    """
    _check(delta)
    order = sorted(
        range(len(p_values)),
        key=lambda place: p_values[place] if p_values[place] == p_values[place] else 2.0,
    )
    rejected: set[int] = set()
    for step, place in enumerate(order):
        if not p_values[place] <= delta / (len(order) - step):
            break
        rejected.add(place)
    return frozenset(rejected)


def fallback(p_values: Sequence[float], shares: Sequence[float]) -> frozenset[int]:
    """Wiens (2003): each has a share of the level, and a rejected one hands its level on.

    Args:
        p_values: in the fixed order.
        shares: level of each, fixed before the data is seen; their sum is the bound.

    >>> sorted(fallback([0.001, 0.004, 0.012, 0.030, 0.060, 0.020], [0.05 / 6] * 6))
    [0, 1, 2, 3]
    """
    if len(shares) != len(p_values) or min(shares, default=0.0) < 0:
        raise UsageError(f"expected {len(p_values)} shares of the level, none below 0")
    _check(sum(shares))
    rejected: set[int] = set()
    level = 0.0
    for place, (value, share) in enumerate(zip(p_values, shares, strict=True)):
        level = share + (level if place - 1 in rejected else 0.0)
        if level > 0 and value <= level:
            rejected.add(place)
    return frozenset(rejected)


def graphical(
    p_values: Sequence[float],
    weights: Sequence[float],
    transitions: Sequence[Sequence[float]],
    delta: float,
) -> frozenset[int]:
    """Sequentially rejective graphical tests: Bretz, Maurer, Brannath and Posch (2009).

    Args:
        p_values: of n hypotheses.
        weights: share of ``delta`` that each begins with; at least 0, their sum at most 1.
        transitions: n rows of n; where the level of a rejected hypothesis goes. Each row sums to
            at most 1 and has 0 on the diagonal. Both are fixed before the data is seen.
        delta: the bound, in (0, 1).

    Raises:
        UsageError: for weights or transitions that bound nothing.

    >>> chain = [[1.0 if j == i + 1 else 0.0 for j in range(6)] for i in range(6)]
    >>> p_values = [0.001, 0.004, 0.012, 0.030, 0.060, 0.020]
    >>> sorted(graphical(p_values, [0.5, 0, 0, 0, 0, 0.5], chain, 0.05))
    [0, 1, 2, 5]
    """
    _check(delta)
    n = len(p_values)
    share, goes = list(weights), [list(row) for row in transitions]
    _check_graph(n, share, goes)
    left = set(range(n))
    while True:
        found = next(
            (one for one in sorted(left) if share[one] > 0 and p_values[one] <= share[one] * delta),
            None,
        )
        if found is None:
            return frozenset(range(n)) - left
        left.remove(found)
        before = [list(row) for row in goes]
        for one in left:
            share[one] += share[found] * before[found][one]
            for other in left - {one}:
                through = 1.0 - before[one][found] * before[found][one]
                goes[one][other] = (
                    (before[one][other] + before[one][found] * before[found][other]) / through
                    if through > SLACK
                    else 0.0
                )
        share[found] = 0.0


def _check(delta: float) -> None:
    if not 0.0 < delta < 1.0:
        raise UsageError(f"delta must lie in (0, 1), found {delta}")


def _check_graph(n: int, weights: Sequence[float], transitions: Sequence[Sequence[float]]) -> None:
    if len(weights) != n or min(weights, default=0.0) < 0 or sum(weights) > 1 + SLACK:
        raise UsageError(f"expected {n} weights of at least 0 with a sum of at most 1")
    for place, row in enumerate(transitions):
        if len(row) != n or row[place] != 0 or min(row) < 0 or sum(row) > 1 + SLACK:
            raise UsageError(
                f"row {place} of the transitions must have {n} numbers of at least 0 with a sum of"
                " at most 1, and 0 at its own place"
            )
    if len(transitions) != n:
        raise UsageError(f"expected {n} rows of transitions, found {len(transitions)}")
