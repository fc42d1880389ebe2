"""From the vectors of a text's windows to the vector of the text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.models.protocols import Floats
from assay.pipeline.errors import ModelError


def unit(vector: NDArray[np.floating]) -> Floats:
    """The vector with length 1.

    Args:
        vector: shape ``(dimension,)``.

    Raises:
        ModelError: if it has no direction.

    >>> unit(np.array([3.0, 4.0])).tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    made: Floats = (vector / _length(vector)).astype(np.float32)
    return made


def pooled(vectors: Sequence[Floats], tokens: Sequence[int], *, normalise: bool) -> Floats:
    """The mean of the windows' vectors, weighted by their tokens.

    Args:
        vectors: one a window, at least one, shape ``(dimension,)`` each.
        tokens: tokens of each window; windows without any count alike.
        normalise: whether the windows' vectors and their mean are brought to length 1.

    Raises:
        ModelError: if a vector has no direction.

    >>> pooled([np.float32([2, 0]), np.float32([0, 1])], [1, 3], normalise=False).tolist()
    [0.5, 0.75]
    """
    taken = [unit(one) if normalise else _checked(one) for one in vectors]
    if len(taken) == 1:
        return taken[0]
    weights = np.asarray(tokens, dtype=np.float32)
    if not weights.any():
        weights += 1.0
    mean = (weights / weights.sum()) @ np.stack(taken)
    return unit(mean) if normalise else _checked(mean)


def _checked(vector: NDArray[np.floating]) -> Floats:
    _length(vector)
    return vector.astype(np.float32, copy=False)


def _length(vector: NDArray[np.floating]) -> float:
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length == 0.0:
        raise ModelError(
            "the model gave a vector without a direction (zero or not finite): its files may be"
            " damaged, or its numbers too large for float16"
        )
    return length
