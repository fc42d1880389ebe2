"""Conformal quantiles, conformal risk control and upper confidence bounds for monotone losses.

Two guarantees, both for questions drawn independently from one population:

* in expectation, over calibration set and new question together (``conformal_quantile``,
  ``crc``): the mean loss is at most alpha;
* with confidence (``rcps``): with probability 1 - delta over the calibration set, the mean
  loss of new questions is at most alpha.

No function calls a model; each is a sort or a sum over the calibration questions.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.guards.risk.binomial import max_failures
from assay.guards.risk.mean_bounds import hoeffding_bentkus_p_value
from assay.pipeline.errors import UsageError

ROUNDING = 1e-9
"""What sums and products of levels may be off by: (9 + 1) * (1 - 0.7) is a little above 3."""

HALVINGS = 200
"""Steps of a bisection; the interval is then as small as numbers allow."""


def conformal_quantile(scores: ArrayLike, alpha: float) -> float:
    """The value that a new score exceeds with probability at most ``alpha``.

    Source: Vovk, Gammerman and Shafer 2005; Papadopoulos and others 2002, split conformal: the
    ``ceil((n + 1)(1 - alpha))``-th smallest of n scores.

    Args:
        scores: of the calibration questions, shape ``(n,)``; infinities are allowed.
        alpha: the level, in (0, 1).

    Returns:
        Infinity where n is too small for the level, minus infinity for the rank 0.

    Raises:
        UsageError: for NaN or a level outside (0, 1).

    >>> conformal_quantile([.12, .25, .31, .33, .47, .52, .58, .66, .71, .93], 0.2)
    0.71
    """
    ordered = _ordered(scores, alpha)
    rank = math.ceil((len(ordered) + 1) * (1 - alpha) - ROUNDING)
    if rank > len(ordered):
        return math.inf
    return -math.inf if rank < 1 else float(ordered[rank - 1])


def lower_conformal_quantile(scores: ArrayLike, alpha: float) -> float:
    """The value that a new score stays below with probability at most ``alpha``.

    Source: CONFLARE (2024): keep every passage that scores at least the
    ``floor(alpha (n + 1))``-th smallest score of needed passages. A needed passage that retrieval
    missed has the score minus infinity.

    Args:
        scores: as for ``conformal_quantile``.
        alpha: the level, in (0, 1).

    Returns:
        Minus infinity where n is too small for the level: all must be kept.

    Raises:
        UsageError: for NaN or a level outside (0, 1).
    """
    ordered = _ordered(scores, alpha)
    rank = math.floor((len(ordered) + 1) * alpha + ROUNDING)
    return -math.inf if rank < 1 else float(ordered[min(rank, len(ordered)) - 1])


def allowed_in_expectation(n: int, alpha: float, *, bound: float = 1.0) -> float:
    """Largest sum of n losses at which conformal risk control holds; below 0 where none is.

    Source: Angelopoulos and others 2024, Conformal Risk Control, equation 4:
    ``n/(n+1) * mean + bound/(n+1) <= alpha``.

    Args:
        n: calibration questions.
        alpha: level of the mean loss, in (0, bound).
        bound: largest loss of one question.
    """
    if n < 0 or not 0.0 < alpha < bound:
        raise UsageError(f"expected n >= 0 and 0 < alpha < {bound}, found {n=}, {alpha=}")
    return alpha * (n + 1) - bound + ROUNDING


def allowed_with_confidence(n: int, alpha: float, delta: float, *, binary: bool) -> float:
    """Largest sum of n losses that shows, at level ``delta``, a mean of at most ``alpha``.

    Args:
        n: calibration questions.
        alpha: level of the mean loss, in (0, 1).
        delta: probability that the guarantee fails, in (0, 1).
        binary: whether every loss is 0 or 1, by its nature; then the exact binomial test,
            else Hoeffding and Bentkus.

    Returns:
        Below 0 where n questions without any loss do not show it.
    """
    if binary:
        most = max_failures(n, alpha, delta)
        return -1.0 if most is None else float(most)
    if hoeffding_bentkus_p_value(0.0, n, alpha) > delta:
        return -1.0
    return _bisect(
        lambda total: hoeffding_bentkus_p_value(total, n, alpha) <= delta, 0.0, n * alpha
    )[0]


def non_increasing(losses: ArrayLike) -> NDArray[np.float64]:
    """Losses that do not rise from column to column: each becomes the largest from there on.

    Valid and careful: no loss falls by it. Rows that are monotone already stay as they are.

    Args:
        losses: a row a question, a column a setting, the most careful setting last; in [0, 1].

    Raises:
        UsageError: for another shape, no columns, NaN, or values outside [0, 1].
    """
    table = np.asarray(losses, dtype=np.float64)
    if table.ndim != 2 or not table.shape[1]:
        raise UsageError(f"expected losses of shape (questions, settings), found {table.shape}")
    if not bool(((table >= 0) & (table <= 1)).all()):
        raise UsageError("losses must lie in [0, 1]; found another value or NaN")
    rising: NDArray[np.float64] = np.maximum.accumulate(table[:, ::-1], axis=1)[:, ::-1]
    return rising


def crc(losses: ArrayLike, alpha: float) -> int | None:
    """First column at which conformal risk control holds; None where it never does.

    Args:
        losses: see ``non_increasing``.
        alpha: level of the mean loss, in (0, 1).
    """
    table = non_increasing(losses)
    allowed = allowed_in_expectation(len(table), alpha)
    return _first(table.sum(axis=0) <= allowed)


def rcps(losses: ArrayLike, alpha: float, delta: float) -> int | None:
    """First column from which on the upper bound of the mean loss is at most ``alpha``.

    Since the mean loss does not rise, a bound for each column by itself is enough. The bound is
    that of Clopper and Pearson where all losses are 0 or 1, else that of Hoeffding and Bentkus; it
    is at most ``alpha`` where the sum of the losses is at most ``allowed_with_confidence``.
    Source: Bates and others 2021, theorem 1.

    Args:
        losses: see ``non_increasing``.
        alpha: level of the mean loss, in (0, 1).
        delta: probability that the guarantee fails, in (0, 1).
    """
    table = non_increasing(losses)
    binary = bool(np.isin(table, (0.0, 1.0)).all())
    allowed = allowed_with_confidence(len(table), alpha, delta, binary=binary)
    return _first(table.sum(axis=0) <= allowed)


def _ordered(scores: ArrayLike, alpha: float) -> NDArray[np.float64]:
    found = np.sort(np.asarray(scores, dtype=np.float64).reshape(-1))
    if not 0.0 < alpha < 1.0:
        raise UsageError(f"alpha must lie in (0, 1), found {alpha}")
    if bool(np.isnan(found).any()):
        raise UsageError("a conformal score is NaN: what has no score is minus infinity")
    return found


def _first(holds: NDArray[np.bool_]) -> int | None:
    """The first of the columns that hold to the end."""
    run = int(np.argmin(holds[::-1])) if not holds.all() else len(holds)
    return len(holds) - run if run else None


def _bisect(holds: Callable[[float], bool], low: float, high: float) -> tuple[float, float]:
    """Two neighbouring values: at the lower ``holds`` is true, above the upper it is not."""
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if holds(middle):
            low = middle
        else:
            high = middle
    return low, high
