"""P-values of many tests made at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.evaluation.statistics.resampling import Values
from assay.pipeline.errors import UsageError


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p-values: below alpha, the whole family errs at most at rate alpha.

    Holds under any dependence of the tests.

    Source: Holm 1979.

    Args:
        p_values: of every test that was made; None where there was none to make, which
            takes no part.

    Returns:
        In the same order, at most 1; None stays None.

    Raises:
        UsageError: for a value that is no p-value.

    >>> holm([0.01, 0.04, None, 0.03])
    [0.03, 0.06, None, 0.06]
    """
    known, places = _known(p_values)
    order = np.argsort(known, kind="stable")
    factors = np.arange(len(known), 0, -1)
    rising = np.maximum.accumulate(known[order] * factors)
    return _put_back(np.minimum(rising, 1.0), order, places, len(p_values))


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p-values that bound the false discovery rate, for independent tests.

    Holds too where the tests depend positively on one another.

    Source: Benjamini and Hochberg 1995.

    Args:
        p_values: as for ``holm``.

    >>> benjamini_hochberg([0.01, 0.04, None, 0.03])
    [0.03, 0.04, None, 0.04]
    """
    known, places = _known(p_values)
    order = np.argsort(known, kind="stable")[::-1]
    factors = len(known) / np.arange(len(known), 0, -1)
    falling = np.minimum.accumulate(known[order] * factors)
    return _put_back(np.minimum(falling, 1.0), order, places, len(p_values))


def _known(p_values: Sequence[float | None]) -> tuple[Values, list[int]]:
    places = [place for place, value in enumerate(p_values) if value is not None]
    known = np.array([value for value in p_values if value is not None], dtype=float)
    if np.any(~((known >= 0) & (known <= 1))):
        raise UsageError(f"p-values are 0 to 1, found {known.tolist()}")
    return known, places


def _put_back(
    adjusted: Values, order: NDArray[np.intp], places: Sequence[int], size: int
) -> list[float | None]:
    found: list[float | None] = [None] * size
    for value, place in zip(adjusted.tolist(), order.tolist(), strict=True):
        found[places[place]] = value
    return found
