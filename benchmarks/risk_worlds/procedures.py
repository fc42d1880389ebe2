"""Procedures that promise: the project's functions, called on a draw of a world.

Each takes a draw, the risks and ``delta``, and gives the setting that it certifies.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from assay.guards.risk.attempts import spending
from assay.guards.risk.families import bonferroni, fallback, graphical, holm
from assay.guards.risk.fixed_sequence import fixed_sequence
from assay.guards.risk.losses import Count, Risk, max_p_value
from assay.guards.risk.path import HOPELESS, PathPoint, pareto_path, predicted_power
from benchmarks.risk_worlds.draws import Draw, Fold


@functools.cache
def power_of(k: int, n: int, tested: int, alpha: float, delta: float) -> float:
    """``predicted_power``, kept."""
    return predicted_power(Count(k, n), tested, alpha, delta)


@functools.cache
def p_value_of(k: int, n: int, risk: Risk) -> float:
    """``max_p_value`` of one risk, kept."""
    return max_p_value([risk], [Count(k, n)])


def p_values(fold: Fold, settings: Sequence[int], risks: Sequence[Risk]) -> Iterator[float]:
    """Of each setting: the largest p-value of its risks. Nothing is computed before it is asked."""
    for setting in settings:
        counts = fold.counts(setting)
        yield max(p_value_of(one.k, one.n, risk) for one, risk in zip(counts, risks, strict=True))


def path_on(
    fold: Fold,
    growth: Sequence[float],
    utility: NDArray[np.float64],
    risks: Sequence[Risk],
    delta: float,
) -> list[int]:
    """The settings in the order in which ``calibrate`` would test them, seen on one fold."""
    points = []
    for setting, useful in enumerate(utility.tolist()):
        power = 1.0
        for seen, risk, times in zip(fold.counts(setting), risks, growth, strict=True):
            power *= power_of(seen.k, seen.n, round(seen.n * times), risk.alpha, delta)
            if power == 0.0:
                break
        if power >= HOPELESS:
            points.append(PathPoint({"setting": float(setting)}, power, useful))
    return [int(one.thresholds["setting"]) for one in pareto_path(points)]


def split_path(draw: Draw, risks: Sequence[Risk], delta: float) -> int | None:
    """Ours: a path chosen on one fold, walked on the other until the first failure."""
    path = path_on(draw.tune, draw.growth, draw.utility, risks, delta)
    rejected = fixed_sequence(p_values(draw.certify, path, risks), delta).rejected
    return path[rejected - 1] if rejected else None


def first_attempt(draw: Draw, risks: Sequence[Risk], delta: float) -> int | None:
    """Ours as ``assay calibrate run`` does it: a first attempt spends its share of ``delta``."""
    return split_path(draw, risks, spending(delta, 1))


def with_bonferroni(draw: Draw, risks: Sequence[Risk], delta: float) -> int | None:
    """All settings on the certify fold, each at ``delta / n``; the most useful one that passes."""
    every = range(len(draw.utility))
    return most_useful(draw, bonferroni(list(p_values(draw.certify, every, risks)), delta))


def with_holm(draw: Draw, risks: Sequence[Risk], delta: float) -> int | None:
    """All settings on the certify fold, by Holm's steps; the most useful one that passes."""
    every = range(len(draw.utility))
    return most_useful(draw, holm(list(p_values(draw.certify, every, risks)), delta))


def with_holm_on_all(draw: Draw, risks: Sequence[Risk], delta: float) -> int | None:
    """Holm's steps on both folds: for a grid fixed before any question was seen.

    Where a world learns its grid on the tune fold, that fold's part in the test is a little too
    kind; the settings are many and wide, and the violations are counted.
    """
    every = range(len(draw.utility))
    both = draw.tune.with_(draw.certify)
    return most_useful(draw, holm(list(p_values(both, every, risks)), delta))


def with_fallback(draw: Draw, risks: Sequence[Risk], delta: float) -> int | None:
    """The path, each point with an equal share that it hands on when it passes."""
    path = path_on(draw.tune, draw.growth, draw.utility, risks, delta)
    values = list(p_values(draw.certify, path, risks))
    found = fallback(values, [delta / len(path)] * len(path)) if path else frozenset[int]()
    return path[max(found)] if found else None


def with_graph(draw: Draw, risks: Sequence[Risk], delta: float) -> int | None:
    """The path as a chain with two starts, at its first point and at its middle."""
    path = path_on(draw.tune, draw.growth, draw.utility, risks, delta)
    if not path:
        return None
    n = len(path)
    weights = [0.0] * n
    weights[0] += 0.5
    weights[n // 2] += 0.5
    chain = [[1.0 if after == one + 1 else 0.0 for after in range(n)] for one in range(n)]
    found = graphical(list(p_values(draw.certify, path, risks)), weights, chain, delta)
    return path[max(found)] if found else None


def most_useful(draw: Draw, settings: frozenset[int]) -> int | None:
    """By what was seen on the tune fold; the first of equals. None of none."""
    return max(sorted(settings), key=lambda one: float(draw.utility[one]), default=None)
