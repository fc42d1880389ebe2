"""What the rows of the out-of-domain suite come to, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from assay.evaluation.suites.suite import Row

LEVEL = 0.05
NOTICEABLE = 0.33
"""Cliff's delta from which an effect is called medium (Romano et al. 2006)."""


def in_words(rows: Sequence[Row], asked: int, reference: int) -> list[str]:
    """The verdict, and what it does not say.

    Args:
        rows: each with ``effect`` and the adjusted ``p``.
        asked: questions.
        reference: questions that they are compared with.
    """
    sure = [row for row in rows if (p := row.values["p"].value) is not None and p < LEVEL]
    strong = [row for row in sure if abs(row.values["effect"].value or 0.0) >= NOTICEABLE]
    said = f"{asked} questions against {reference} of the reference"
    if strong:
        verdict = f"These questions are unlike the reference ({said}): {_named(strong)}."
        weak = [row for row in sure if row not in strong]
        if weak:
            verdict += f" Slightly, or in spread, they differ in: {_named(weak)}."
    elif sure:
        verdict = (
            f"These questions differ a little from the reference ({said}), in: {_named(sure)}."
        )
    else:
        return [
            f"No difference from the reference was found ({said}). That is no proof that there is"
            f" none: an effect of {detectable(asked, reference, len(rows)):.2f} or more would have"
            " been found four times out of five, were every question its own cluster."
        ]
    return [
        verdict,
        "Thresholds and certificates made on the reference speak of questions drawn like it, not"
        " of these.",
    ]


def detectable(first: int, second: int, tests: int) -> float:
    """The Cliff's delta that a test finds with power .8 at .05 over all tests, at most 1.

    By the normal approximation of the Mann-Whitney statistic, whose delta has the variance
    (n + m + 1) / (3 n m) under the null hypothesis.

    >>> round(detectable(100, 100, 1), 3)
    0.229
    """
    from scipy.stats import norm

    spread = math.sqrt((first + second + 1) / (3 * first * second))
    needed = norm.ppf(1 - LEVEL / (2 * max(tests, 1))) + norm.ppf(0.8)
    return min(1.0, float(needed) * spread)


def _named(rows: Sequence[Row]) -> str:
    return "; ".join(
        f"{row.name} (effect {row.values['effect'].value or 0.0:+.2f}, p ="
        f" {row.values['p'].value or 0.0:.3f})"
        for row in rows
    )
