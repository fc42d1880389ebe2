"""What a learned selector is told about where passages stand: in their documents, in the list."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.pipeline.words import Passage

COMPUTES = True
"""What is below decides what a selector gives, so it counts for fingerprints."""

Numbers = NDArray[np.float32]

PLACE_FEATURES = (
    "candidates",
    "same_document",
    "better_of_document",
    "nearest_better",
    "position",
    "share_of_document",
    "from_best",
    "has_previous",
    "previous_score",
    "previous_cosine",
    "has_next",
    "next_score",
    "next_cosine",
    "best_score",
    "lead_over_second",
    "lead_over_third",
    "best_cosine",
    "close_to_best",
)
"""Names of the columns of ``place_features``."""

FAR = 9.0
"""Places from the best passage at which a distance is cut off, and that of other documents."""


def beside_one_another(passages: Sequence[Passage]) -> tuple[Numbers, Numbers]:
    """Whether two passages are of one document, and 1 / their distance in it.

    Args:
        passages: best first.

    Returns:
        Two arrays of shape ``(n, n)``, 0 on the diagonal.
    """
    known: dict[str, int] = {}
    owner = np.array([known.setdefault(one.document_id, len(known)) for one in passages], dtype=int)
    places = np.array([one.position for one in passages], dtype=np.float32)
    same = (owner[:, None] == owner[None]).astype(np.float32)
    np.fill_diagonal(same, 0.0)
    apart = np.abs(places[:, None] - places[None])
    return same, (same / np.maximum(1.0, apart)).astype(np.float32)


def place_features(
    passages: Sequence[Passage], same: Numbers, scores: Numbers, cosines: Numbers
) -> Numbers:
    """Numbers about each passage's place, shape ``(n, len(PLACE_FEATURES))``.

    Position is that in the document, by ``Passage.position``; previous and next are the passages
    right before and after it where they are among the candidates. The last five are the same for
    all passages of a question: they say how much the best stand out.

    Args:
        passages: best first.
        same: whether two are of one document, see ``beside_one_another``.
        scores: in the base ranking, squashed, shape ``(n,)``.
        cosines: with the question, shape ``(n,)``.
    """
    n = len(passages)
    found = np.zeros((n, len(PLACE_FEATURES)), dtype=np.float32)
    if not n:
        return found
    places = np.array([one.position for one in passages], dtype=np.float32)
    distances = np.abs(places[:, None] - places[None])
    better = np.tril(same, -1)
    nearest = np.where(better > 0, distances, np.inf).min(axis=1, initial=np.inf)
    found[:, 0] = np.log1p(n) / 5
    found[:, 1] = same.sum(axis=1) / max(1, n - 1)
    found[:, 2] = np.log1p(better.sum(axis=1)) / 3
    found[:, 3] = 1 / (1 + nearest)
    found[:, 4] = np.log1p(places) / 6
    before = (same > 0) & (places[None] < places[:, None])
    found[:, 5] = before.sum(axis=1) / (1 + same.sum(axis=1))
    found[:, 6] = np.where(same[:, 0] > 0, np.clip(places - places[0], -FAR, FAR), FAR)
    found[0, 6] = 0.0
    rows = {(one.document_id, one.position): row for row, one in enumerate(passages)}
    least = scores.min()
    for column, step in ((7, -1), (10, 1)):
        for row, one in enumerate(passages):
            other = rows.get((one.document_id, one.position + step), row)
            if other != row:
                found[row, column : column + 3] = 1.0, scores[other] - least, cosines[other]
    found[:, 13] = scores[0]
    found[:, 14] = scores[0] - scores[min(1, n - 1)]
    found[:, 15] = scores[0] - scores[min(2, n - 1)]
    found[:, 16] = cosines.max()
    found[:, 17] = (scores > scores[0] - 1).mean()
    return found
