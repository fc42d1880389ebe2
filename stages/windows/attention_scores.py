"""In-context reranking: scores of passages out of how much a query looks at their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.float64]

Variant = Literal["calibrated", "no_filter", "query_only", "bias_only"]
"""``calibrated``: less the look of an empty query, outlying tokens left out (the default);
``no_filter``: the same with all tokens; ``query_only``: the query's look as it is;
``bias_only``: the empty query's look, which shows what the place of a passage does."""

SPREADS = 2.0
"""A token that lies more than so many standard deviations below the mean is left out."""


def kept_sum(differences: Tokens) -> float:
    """Sum of a passage's token scores without those that lie far below its mean.

    The standard deviation is that of a sample; a passage of one token keeps it. With five tokens
    or fewer, none can lie so far below. Source: Chen et al. 2025 (ICR), section 3.

    >>> round(kept_sum(np.array([.01, .02, -.01])), 6)
    0.02
    >>> round(kept_sum(np.array([.02] * 9 + [-.5])), 6)
    0.18
    """
    if len(differences) < 2:
        return float(differences.sum())
    bound = float(differences.mean()) - SPREADS * float(differences.std(ddof=1))
    return (
        float(differences[differences > bound].sum())
        if np.ptp(differences) > 0
        else float(differences.sum())
    )


def passage_scores(
    looks: Sequence[Tokens], empty: Sequence[Tokens] | None, variant: Variant
) -> list[float]:
    """A score for each passage, larger is more relevant.

    Args:
        looks: of each passage the attention that the query pays to each of its tokens, summed
            over layers and heads, shape ``(n_tokens,)``.
        empty: the same for a query without content; None only where the variant needs none.
        variant: what is made of the two.
    """
    if variant == "query_only" or empty is None:
        return [float(one.sum()) for one in looks]
    if variant == "bias_only":
        return [float(one.sum()) for one in empty]
    differences = [one - other for one, other in zip(looks, empty, strict=True)]
    if variant == "no_filter":
        return [float(one.sum()) for one in differences]
    return [kept_sum(one) for one in differences]
