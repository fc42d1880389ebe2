"""How far the best hit of a ranking stands out: whether the first stage is sure."""

from __future__ import annotations

from collections.abc import Sequence

from assay.pipeline.words import Ranking, ScoreKind

LOOK = 100
"""Hits over which the lead is measured."""


def lead_in(ranking: Ranking) -> float | None:
    """The lead of the best hit, 0 to 1; None where the scores tell nothing but the order.

    With s the scores of the first ``LOOK`` hits (those of one kind, at least two) the lead is
    ``(s1 - s2) / (s1 - sn)``, whatever the scores' unit; 1 for a single hit or none.
    """
    hits = ranking.alike[:LOOK]
    if hits and hits[0].score.kind is ScoreKind.ORDER:
        return None
    return lead_of([hit.score.value for hit in hits])


def lead_of(scores: Sequence[float]) -> float:
    """How far the first of falling scores stands out; 0 where all are alike, 1 for a single one.

    >>> lead_of([9.0, 8.0, 5.0]), lead_of([9.0, 5.0, 5.0]), lead_of([2.0, 2.0])
    (0.25, 1.0, 0.0)
    """
    if len(scores) < 2:
        return 1.0
    # Halves: the difference of two numbers at the ends of the range would be infinite.
    width = scores[0] / 2 - min(scores) / 2
    lead = scores[0] / 2 - scores[1] / 2
    return min(1.0, max(0.0, lead / width)) if width > 0 else 0.0
