"""Retrieve by meaning: nearest embeddings."""

from __future__ import annotations

from pydantic import Field

from assay.corpora.corpus import Corpus
from assay.corpora.fusion import reciprocal_rank_fusion
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Query, QueryVariants, Ranking, Score

RRF_K = 60


class DenseConfig(Config):
    """Settings of ``retrieve.dense@1``."""

    k: int = Field(50, ge=1, le=10_000, description="most passages retrieved")


@register("retrieve.dense@1")
class Dense(Node):
    """The best k passages by cosine of embeddings, in the query's scope and filters.

    Several wordings are searched one by one and merged by reciprocal rank fusion
    (k = 60); the scores are then of kind ``rrf``. Cost: one embedding a wording.

    Args:
        config: see ``DenseConfig``.
        corpus: what is searched; it needs an embedder.
    """

    Config = DenseConfig
    gives = ("cosine", "rrf")

    def __init__(self, config: DenseConfig, *, corpus: Corpus) -> None:
        super().__init__(config)
        self._corpus = corpus

    def run(self, query: Query | QueryVariants, context: RunContext) -> Ranking:
        """Search; the ranking's query is the main wording."""
        queries = query.queries if isinstance(query, QueryVariants) else (query,)
        rankings: dict[str, Ranking] = {}
        for number, wording in enumerate(queries):
            context.check()
            rankings[f"{number:04d}"] = self._search(wording, context)
        if len(rankings) == 1:
            return rankings["0000"]
        return reciprocal_rank_fusion(
            queries[0], rankings, k=RRF_K, source=self.name, limit=self.config.k
        )

    def _search(self, query: Query, context: RunContext) -> Ranking:
        hits = self._corpus.search_dense(query, self.config.k, context)
        renamed = (Hit(h.passage, Score(h.score.value, h.score.kind, self.name)) for h in hits)
        return Ranking(query, tuple(renamed), self.name)
