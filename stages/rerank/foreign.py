"""What adapters of other libraries' and servers' rerankers share: from their rows to a ranking."""

from __future__ import annotations

import math
from collections.abc import Sequence

from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError
from assay.pipeline.words import Hit, Ranking, Score, ScoreKind

Row = tuple[int, float | None]
"""Place of a passage among those that were shown, from 0, and its score; None for none."""


def rearranged(
    ranking: Ranking,
    rows: Sequence[Row],
    *,
    shown: int,
    kind: ScoreKind,
    source: str,
    context: RunContext,
) -> Ranking:
    """A permutation of the ranking, whatever was answered.

    Rows come first, by their scores, ties by place; without scores as they stand. What they do not
    name follows as it came. With scores, these others keep theirs, which are of another kind;
    without, all have 1 / place of kind ``order``.

    Args:
        ranking: what came in.
        rows: the answer, best first. A place that comes again, or that was never shown, is left
            out and counted as ``rows_repeated`` or ``rows_unknown``.
        shown: how many of the best hits were shown; those of them that the answer does not name
            are counted as ``rows_missing``.
        kind: of the scores.
        source: what made the answer.
        context: for the counts.

    Raises:
        ModelError: if a score is not finite.
    """
    found: dict[int, float | None] = {}
    repeated = unknown = 0
    for place, score in rows:
        if not 0 <= place < shown:
            unknown += 1
        elif place in found:
            repeated += 1
        else:
            if score is not None and not math.isfinite(score):
                raise ModelError(
                    f"{source} gave the score {score} for passage {place + 1} of {shown}, expected"
                    " a finite number: look into the model"
                )
            found[place] = score
    context.count(rows_repeated=repeated, rows_unknown=unknown, rows_missing=shown - len(found))
    scored = all(score is not None for score in found.values())
    best = list(found)
    if scored:
        best.sort(key=lambda place: (-(found[place] or 0.0), place))
    rest = [place for place in range(len(ranking.hits)) if place not in found]
    hits = ranking.hits
    if scored:
        told = tuple(
            Hit(hits[place].passage, Score(found[place] or 0.0, kind, source)) for place in best
        )
        return Ranking(ranking.query, told + tuple(hits[place] for place in rest), source)
    return Ranking(
        ranking.query,
        tuple(
            Hit(hits[place].passage, Score(1 / number, ScoreKind.ORDER, source))
            for number, place in enumerate(best + rest, 1)
        ),
        source,
    )
