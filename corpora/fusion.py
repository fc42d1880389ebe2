"""Reciprocal rank fusion: several rankings into one, by ranks alone."""

from __future__ import annotations

from collections.abc import Mapping

from assay.pipeline.words import Hit, Passage, Query, Ranking, Score, ScoreKind


def reciprocal_rank_fusion(
    query: Query,
    rankings: Mapping[str, Ranking],
    *,
    k: int,
    source: str,
    weights: Mapping[str, float] | None = None,
    limit: int | None = None,
) -> Ranking:
    """Order passages by the sum of ``weight / (k + rank)``, ranks counted from 1.

    Ties go to the better best rank, then to the lower passage id, so the order of
    the mapping does not matter. Cost: no model calls.

    Source: Cormack, Clarke and Buettcher, SIGIR 2009, section 2, with weights added.

    Args:
        query: the query of the result.
        rankings: by name.
        k: damping; 60 in the paper.
        source: what the result names as its maker.
        weights: by the same names; None weighs all alike.
        limit: length of the result; None for no limit.
    """
    sums: dict[str, float] = {}
    best: dict[str, int] = {}
    passages: dict[str, Passage] = {}
    for name in sorted(rankings):
        weight = 1.0 if weights is None else weights[name]
        for rank, hit in enumerate(rankings[name].hits, start=1):
            passage_id = hit.passage.id
            passages.setdefault(passage_id, hit.passage)
            sums[passage_id] = sums.get(passage_id, 0.0) + weight / (k + rank)
            best[passage_id] = min(rank, best.get(passage_id, rank))
    order = sorted(sums, key=lambda name: (-sums[name], best[name], name))[:limit]
    return Ranking(
        query,
        tuple(Hit(passages[name], Score(sums[name], ScoreKind.RRF, source)) for name in order),
        source,
    )
