"""All that a learned selector is told about the passages of one question, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.corpora.analyzer import Analyzer
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Ranking
from assay.stages.select.learned_places import PLACE_FEATURES, beside_one_another, place_features
from assay.stages.select.learned_scores import SCORE_FEATURES, SQUASHED, score_features
from assay.stages.select.learned_texts import TEXT_FEATURES, text_features, title_links

COMPUTES = True
"""What is below decides what a selector gives, so it counts for fingerprints."""

Numbers = NDArray[np.float32]

VECTOR_FEATURES = (
    "cosine",
    "cosine_spread",
    "cosine_behind",
    "mean_alike",
    "most_alike",
    "alike_to_best",
    "alike_to_better",
    "named_by_better",
    "names_others",
)
PAIR_FEATURES = ("alike", "same_document", "beside", "names", "named_by", "better")
"""What is told about two passages: columns of ``SetInputs.pairs``."""


@dataclass(frozen=True, slots=True)
class SetInputs:
    """One question with its ``n`` candidates.

    Args:
        ids: of the passages, best first.
        features: shape ``(n, n_features)``, see ``feature_names``.
        pairs: shape ``(n, n, len(PAIR_FEATURES))``.
        query: its vector of length 1, shape ``(dimension,)``.
        passages: vectors of length 1, shape ``(n, dimension)``.
    """

    ids: tuple[str, ...]
    features: Numbers
    pairs: Numbers
    query: Numbers
    passages: Numbers


def feature_names(rankings: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns of ``SetInputs.features``.

    Args:
        rankings: names of the rankings, in the order in which they count.
    """
    return (
        *(f"{name}.{one}" for name in rankings for one in SCORE_FEATURES),
        *TEXT_FEATURES,
        *VECTOR_FEATURES,
        *PLACE_FEATURES,
    )


def learned_inputs(
    rankings: Mapping[str, Ranking],
    *,
    base: str,
    names: Sequence[str],
    query: Numbers,
    passages: Numbers,
    analyzer: Analyzer,
) -> SetInputs:
    """The arrays of one question.

    Args:
        rankings: by name, all of one query.
        base: the one whose first hits are the candidates, as many as ``passages`` has rows.
        names: of the rankings, in the order in which they count.
        query: vector of length 1, shape ``(dimension,)``.
        passages: vectors of length 1, shape ``(n, dimension)``.
        analyzer: cuts the question into terms.

    Raises:
        UsageError: if a ranking is missing.
    """
    missing = [one for one in names if one not in rankings]
    if missing:
        raise UsageError(
            f"the learned selector was trained with the ranking '{missing[0]}', which is not among"
            f" {', '.join(sorted(rankings)) or 'none'}"
        )
    hits = rankings[base].hits[: len(passages)]
    found = [hit.passage for hit in hits]
    ids = tuple(one.id for one in found)
    # In double precision, so that rounding does not depend on where in memory the vectors lie.
    rows = passages.astype(np.float64)
    alike = np.clip(rows @ rows.T, -1.0, 1.0).astype(np.float32)
    links = title_links(found)
    same, beside = beside_one_another(found)
    scores = [score_features(rankings[name], ids) for name in names]
    own = scores[names.index(base)][:, SQUASHED]
    cosine = (rows @ query.astype(np.float64)).astype(np.float32)
    features = np.concatenate(
        [
            *scores,
            text_features(rankings[base].query.text, found, analyzer),
            _vector_features(cosine, alike, links),
            place_features(found, same, own, cosine),
        ],
        axis=1,
    )
    n = len(ids)
    better = np.triu(np.ones((n, n), dtype=np.float32), 1).T
    centred = alike - alike.mean() if n else alike
    pairs = np.stack([centred * 4, same, beside, links, links.T, better], axis=2)
    return SetInputs(ids, features, pairs.astype(np.float32), query, passages)


def _vector_features(cosine: Numbers, alike: Numbers, links: Numbers) -> Numbers:
    n = len(cosine)
    found = np.zeros((n, len(VECTOR_FEATURES)), dtype=np.float32)
    if not n:
        return found
    spread = max(float(cosine.std()), 1e-6)
    found[:, 0] = cosine
    found[:, 1] = np.clip((cosine - cosine.mean()) / spread, -4, 4)
    found[:, 2] = np.clip((cosine.max() - cosine) / spread, 0, 4)
    if n > 1:
        others = alike - 2 * np.eye(n, dtype=np.float32)
        found[:, 3] = (alike.sum(axis=1) - alike.diagonal()) / (n - 1)
        found[:, 4] = others.max(axis=1)
        found[1:, 5] = alike[1:, 0]
        found[0, 5] = 1.0
        better = np.where(np.tri(n, k=-1, dtype=bool), alike, -1.0)
        found[1:, 6] = better[1:].max(axis=1)
        found[:, 7] = np.triu(links, 1).max(axis=0)
        found[:, 8] = links.max(axis=1)
    return found
