"""Retrieve by words: BM25 over the corpus."""

from __future__ import annotations

from pydantic import Field

from assay.corpora.corpus import Corpus
from assay.corpora.fusion import reciprocal_rank_fusion
from assay.pipeline.component import Config, Node, register
from assay.pipeline.words import Hit, Query, QueryVariants, Ranking, Score

RRF_K = 60


class Bm25Config(Config):
    """Settings of ``retrieve.bm25@1``."""

    k: int = Field(50, ge=1, le=10_000, description="most passages retrieved")


@register("retrieve.bm25@1")
class Bm25(Node):
    """The best k passages by BM25, in the query's scope and filters.

    Several wordings are searched one by one and merged by reciprocal rank fusion
    (k = 60); the scores are then of kind ``rrf``. Cost: no model calls.

    Args:
        config: see ``Bm25Config``.
        corpus: what is searched.
    """

    Config = Bm25Config
    gives = ("bm25", "rrf")

    def __init__(self, config: Bm25Config, *, corpus: Corpus) -> None:
        super().__init__(config)
        self._corpus = corpus

    def run(self, query: Query | QueryVariants) -> Ranking:
        """Search; the ranking's query is the main wording."""
        queries = query.queries if isinstance(query, QueryVariants) else (query,)
        rankings = {
            f"{number:04d}": self._search(wording) for number, wording in enumerate(queries)
        }
        if len(rankings) == 1:
            return rankings["0000"]
        return reciprocal_rank_fusion(
            queries[0], rankings, k=RRF_K, source=self.name, limit=self.config.k
        )

    def _search(self, query: Query) -> Ranking:
        hits = self._corpus.search_bm25(query, self.config.k)
        renamed = (Hit(h.passage, Score(h.score.value, h.score.kind, self.name)) for h in hits)
        return Ranking(query, tuple(renamed), self.name)
