"""Procedures that look right and are wrong, each a small change of one that promises.

A test must fail for each of them. None is for use.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from assay.guards.risk.binomial import binomial_cdf, p_value
from assay.guards.risk.fixed_sequence import fixed_sequence
from assay.guards.risk.losses import Risk
from benchmarks.risk_worlds.draws import Draw
from benchmarks.risk_worlds.procedures import most_useful, p_values, path_on


def no_split(draw: Draw, risks: Sequence[Risk], delta: float) -> int | None:
    """The path is chosen and tested on the same questions: all there are."""
    both = draw.tune.with_(draw.certify)
    path = path_on(both, [1.0] * len(risks), draw.utility, risks, delta)
    rejected = fixed_sequence(p_values(both, path, risks), delta).rejected
    return path[rejected - 1] if rejected else None


def no_stop(draw: Draw, risks: Sequence[Risk], delta: float) -> int | None:
    """The walk goes on after a failure and takes the last point that passes."""
    path = path_on(draw.tune, draw.growth, draw.utility, risks, delta)
    tested = zip(path, p_values(draw.certify, path, risks), strict=True)
    passed = [setting for setting, value in tested if value <= delta]
    return passed[-1] if passed else None


def sorted_by_certify(draw: Draw, risks: Sequence[Risk], delta: float) -> int | None:
    """The order of the walk is that of the p-values on the certify fold."""
    every = range(len(draw.utility))
    values = list(p_values(draw.certify, every, risks))
    path = sorted(every, key=lambda one: values[one])
    rejected = fixed_sequence((values[one] for one in path), delta).rejected
    return most_useful(draw, frozenset(path[:rejected]))


def uncorrected(draw: Draw, risks: Sequence[Risk], delta: float) -> int | None:
    """Every setting is tested at the full ``delta``; the most useful one that passes."""
    every = range(len(draw.utility))
    values = p_values(draw.certify, every, risks)
    return most_useful(draw, frozenset(i for i, value in enumerate(values) if value <= delta))


def empirical(draw: Draw, risks: Sequence[Risk], delta: float) -> int | None:
    """The most useful setting whose losses are a share of at most alpha; ``delta`` has no say."""
    del delta
    levels = np.array([one.alpha for one in risks])[:, None]
    fold = draw.certify
    keeps = (fold.losses <= levels * fold.asked) & (fold.asked > 0)
    return most_useful(draw, frozenset(np.flatnonzero(keeps.all(axis=0)).tolist()))


def nan_passes(draw: Draw, risks: Sequence[Risk], delta: float) -> int | None:
    """No answers give NaN, and the walk from the strict end stops only where ``p > delta``."""
    chosen = None
    for setting in reversed(range(len(draw.utility))):
        if _p_or_nan(draw, setting, risks) > delta:
            break
        chosen = setting
    return chosen


def nan_is_least(draw: Draw, risks: Sequence[Risk], delta: float) -> int | None:
    """Holm's steps by ``numpy.argmin``, which takes NaN for the least: it ends at the first."""
    values = np.array([_p_or_nan(draw, one, risks) for one in range(len(draw.utility))])
    left = list(range(len(values)))
    rejected: set[int] = set()
    while left:
        least = left[int(np.argmin(values[left]))]
        if not values[least] <= delta / len(left):
            break
        rejected.add(least)
        left.remove(least)
    return most_useful(draw, frozenset(rejected))


def _p_or_nan(draw: Draw, setting: int, risks: Sequence[Risk]) -> float:
    counts = draw.certify.counts(setting)
    pairs = zip(counts, risks, strict=True)
    return float(
        np.max([p_value(one.k, one.n, risk.alpha) if one.n else math.nan for one, risk in pairs])
    )


def mean_times_n(k: int, n: int, alpha: float) -> float:
    """A p-value from the mean: ``floor(n * (k / n))`` loses a count for some k and n."""
    return binomial_cdf(math.floor(n * (k / n)), n, alpha)


def two_sided_bets(losses: Sequence[float], alpha: float, *, delta: float) -> float:
    """Half of the fortune is bet on a larger mean; it wins where the level is broken."""
    values, bets = _bets(losses, delta)
    up = np.cumsum(np.log1p(bets * (values - alpha)))
    down = np.cumsum(np.log1p(-bets * (values - alpha)))
    return math.exp(-max(0.0, float(np.max(np.logaddexp(up, down))) - math.log(2)))


def two_batches(losses: Sequence[float], alpha: float, *, delta: float) -> float:
    """The best of each half of the stream are multiplied, which no bettor could have cashed."""
    values, bets = _bets(losses, delta)
    steps = np.log1p(-bets * (values - alpha))
    half = len(values) // 2
    most = sum(float(np.max(np.cumsum(part))) for part in (steps[:half], steps[half:]))
    return math.exp(-max(0.0, most))


def _bets(losses: Sequence[float], delta: float) -> tuple[np.ndarray, np.ndarray]:
    """Waudby-Smith and Ramdas's bets, as in ``guards/risk/betting.py``."""
    values = np.asarray(losses, dtype=np.float64)
    n = len(values)
    places = np.arange(1, n + 1)
    means = (0.5 + np.cumsum(values)) / (places + 1)
    spread = (0.25 + np.cumsum((values - means) ** 2)) / (places + 1)
    before = np.concatenate([[0.25], spread[:-1]])
    return values, np.minimum(1.0, np.sqrt(2 * math.log(1 / delta) / (n * before)))
