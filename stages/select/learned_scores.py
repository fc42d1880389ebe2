"""What a learned selector is told about a passage's scores: numbers for each ranking."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.pipeline.words import Ranking

COMPUTES = True
"""What is below decides what a selector gives, so it counts for fingerprints."""

Numbers = NDArray[np.float32]

SCORE_FEATURES = (
    "share",
    "spread",
    "squashed",
    "behind",
    "to_next",
    "reciprocal",
    "depth",
    "absent",
)
"""Names of the columns of ``score_features``."""

SQUASHED = SCORE_FEATURES.index("squashed")

LARGEST = 1e9
"""A score beyond this is cut off, so that sums of squares stay finite."""

FAR = 4.0
"""Standard deviations at which a distance is cut off."""


def score_features(ranking: Ranking, ids: Sequence[str]) -> Numbers:
    """Scores and places of passages in one ranking, shape ``(len(ids), len(SCORE_FEATURES))``.

    ``share`` is the score from 0 (the least) to 1 (the best) among the passages asked for,
    ``spread`` its distance to their mean, ``behind`` to the best and ``to_next`` to the next lower
    one, in standard deviations; ``squashed`` is ``sign(s) ln(1 + |s|)``, which compares questions
    where the kind of score can; ``reciprocal`` is 1 / place and ``depth`` the place's logarithm,
    0 to 1. A passage that the ranking does not have is ``absent`` and has 0 elsewhere, 1 as depth.
    Scores of two kinds are never compared: only the leading hits of one kind count
    (``Ranking.alike``).

    Args:
        ranking: of the query.
        ids: the passages asked for, in any order.
    """
    found = np.zeros((len(ids), len(SCORE_FEATURES)), dtype=np.float32)
    if not ids:
        return found
    wanted = {name: row for row, name in enumerate(ids)}
    own = [
        (row, place, hit.score.value)
        for place, hit in enumerate(ranking.alike)
        if (row := wanted.get(hit.passage.id)) is not None
    ]
    found[:, 6:] = 1.0
    if not own:
        return found
    table = np.array(own, dtype=np.float64)
    rows, places = table[:, 0].astype(np.intp), table[:, 1]
    scores = np.minimum(np.maximum(table[:, 2], -LARGEST), LARGEST)
    low, high = float(scores.min()), float(scores.max())
    width = (high - low) or 1.0
    spread = max(float(scores.std()), 1e-6 * max(1.0, abs(high), abs(low)))
    order = np.argsort(-scores, kind="stable")
    gaps = np.zeros_like(scores)
    gaps[order[:-1]] = scores[order[:-1]] - scores[order[1:]]
    columns = (
        (scores - low) / width,
        np.clip((scores - scores.mean()) / spread, -FAR, FAR),
        np.sign(scores) * np.log1p(np.abs(scores)),
        np.clip((high - scores) / spread, 0.0, FAR),
        np.clip(gaps / spread, 0.0, FAR),
        1 / (places + 1),
        np.log1p(places) / math.log1p(max(1, len(ranking.hits))),
        np.zeros_like(scores),
    )
    found[rows] = np.stack(columns, axis=1)
    return found
