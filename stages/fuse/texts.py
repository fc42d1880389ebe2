"""Raise passages of a fused ranking by what their texts say, which no search of parts has seen."""

from __future__ import annotations

from assay.pipeline.words import Hit, Ranking, Score, ScoreKind
from assay.stages.fuse.pool import Pool

PHRASES, TITLES = 0.4, 0.15
"""Weights, chosen on dev folds of thirteen labelled tasks (``benchmarks/retrieval.py --choose``),
where 0.3 to 0.5 and 0.1 to 0.2 are as good."""

NAMING = 3
"""Best passages whose texts may name others."""


def raised(
    ranking: Ranking, pool: Pool, *, phrases: float, titles: float, limit: int | None = None
) -> Ranking:
    """A fused ranking in the order of its scores and its passages' texts.

    BM25 counts words wherever they stand, and embeddings blur which of them stand together; so a
    passage gains by having the query's words side by side. And a question of two steps is often
    answered by a passage that shares few words with it, but is named by one that does; so a
    passage gains by a title that one of the best passages names. With s the scores of the
    ranking, 0 to 1, m the largest of them, and p, t the weights:

        a(d) = s(d) + p * m * phrases(d)
        b(d) = a(d) + t * max(a(e) for the passages e that name d's title), e of the best
               ``NAMING`` by a
        score(d) = b(d) / ((1 + p) * (1 + t))

    ``assay.stages.fuse.pool`` has phrases and names; both are 0 for what is not in the pool. Ties
    keep the ranking's order. Source of the second step: the links of Asai et al. 2020, "Learning
    to retrieve reasoning paths over Wikipedia graph for question answering", ICLR, section 3.1,
    here by titles in texts, one step and without training. Cost: no model calls.

    Args:
        ranking: scores of kind ``fused``.
        pool: what the texts say.
        phrases: p, at least 0.
        titles: t, at least 0.
        limit: length of the result; None for no limit.
    """
    own = {hit.passage.id: hit.score.value for hit in ranking.hits}
    largest = max(own.values(), default=0.0)
    scores = {
        name: value + phrases * largest * pool.phrases.get(name, 0.0) for name, value in own.items()
    }
    best = sorted(scores, key=lambda name: -scores[name])[:NAMING]
    named = pool.namings([one for one in best if one in pool.passages]) if titles else {}
    gains = {name: titles * max(scores[one] for one in by) for name, by in named.items()}
    most = (1 + phrases) * (1 + titles)
    scores = {name: min(1.0, (one + gains.get(name, 0.0)) / most) for name, one in scores.items()}
    hits = sorted(ranking.hits, key=lambda hit: -scores[hit.passage.id])[:limit]
    return Ranking(
        ranking.query,
        tuple(
            Hit(one.passage, Score(scores[one.passage.id], ScoreKind.FUSED, ranking.source))
            for one in hits
        ),
        ranking.source,
    )
