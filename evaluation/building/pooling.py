"""Candidate passages from several retrievers, and whether a question finds its source again.

The pool is the union of the best of each retriever, as in FreshStack (Thakur et al. 2025), so that
no single retriever decides what is judged. The round trip is the consistency filter of UDAPDR and
Promptagator (Dai et al. 2023): a written question is kept only if a retriever that was not trained
on it finds its own passage among the best k.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.corpora.corpus import Corpus
from assay.corpora.fusion import reciprocal_rank_fusion
from assay.pipeline.context import RunContext
from assay.pipeline.words import Passage, Query, Ranking, Scope

RRF_K = 60
LEAST_K = 3
SHARE = 10
"""The round trip's k is at most a tenth of the passages: else any question would pass."""


class Pool:
    """The retrievers of a corpus: BM25, vectors and sparse weights as it has them, and all fused.

    Cost: one call of the embedder (and of the sparse encoder) a text.

    Args:
        corpus: started.
        tenant: on whose behalf is searched.
        depth: passages of each retriever.
        context: pays.
    """

    def __init__(self, corpus: Corpus, tenant: str, *, depth: int, context: RunContext) -> None:
        self._corpus = corpus
        self._scope = Scope(tenant)
        self._depth = depth
        self._context = context

    @property
    def names(self) -> tuple[str, ...]:
        """The retrievers."""
        kinds = tuple(sorted(self._corpus.abilities))
        return (*kinds, "hybrid") if len(kinds) > 1 else kinds

    def rankings(self, text: str) -> dict[str, tuple[Passage, ...]]:
        """The best of each retriever for a text, best first."""
        query = Query(text, self._scope)
        found: dict[str, Ranking] = {}
        for kind in sorted(self._corpus.abilities):
            if kind == "bm25":
                hits = self._corpus.search_bm25(query, self._depth)
            elif kind == "dense":
                (hits,) = self._corpus.search_dense([query], self._depth, [self._context])
            else:
                (hits,) = self._corpus.search_sparse([query], self._depth, [self._context])
            found[kind] = Ranking(query, tuple(hits), kind)
        if len(found) > 1:
            found["hybrid"] = reciprocal_rank_fusion(
                query, found, k=RRF_K, source="hybrid", limit=self._depth
            )
        return {name: tuple(hit.passage for hit in ranking.hits) for name, ranking in found.items()}

    def together(self, texts: Sequence[str]) -> tuple[Passage, ...]:
        """The union of all retrievers' best for several texts, each passage once."""
        each: dict[str, Passage] = {}
        for text in texts:
            for passages in self.rankings(text).values():
                each |= {one.id: one for one in passages}
        return tuple(each.values())


def places(rankings: Mapping[str, Sequence[Passage]], source: str, k: int) -> dict[str, int | None]:
    """Where each retriever has a passage among its best k, from 1; None for not there."""
    found: dict[str, int | None] = {}
    for name, passages in rankings.items():
        ids = [one.id for one in passages[:k]]
        found[name] = ids.index(source) + 1 if source in ids else None
    return found


def round_trip_k(wanted: int, passages: int) -> int:
    """The k that still says something on a corpus of so many passages.

    >>> round_trip_k(20, 1000), round_trip_k(20, 43), round_trip_k(2, 8)
    (20, 4, 2)
    """
    return min(wanted, max(LEAST_K, passages // SHARE))
