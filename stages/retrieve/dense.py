"""Retrieve by meaning: nearest embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import Field

from assay.corpora.corpus import Corpus
from assay.corpora.where import DESCRIPTION, filter_of, where_problems
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.words import Query, QueryVariants, Ranking
from assay.stages.retrieve.wordings import searched_together
from assay.stages.windows.window import Sizes


class DenseConfig(Config):
    """Settings of ``retrieve.dense@1``."""

    k: int = Field(50, ge=1, le=10_000, description="most passages retrieved")
    where: str = Field("", description=DESCRIPTION)


@register("retrieve.dense@1")
class Dense(Node):
    """The best k passages by cosine of embeddings, in the query's scope and filters.

    Several wordings are merged by reciprocal rank fusion (k = 60); the scores are then of
    kind ``rrf``. The wordings of all queries of a batch go to the embedder together. Cost:
    one embedding a wording, all in one round.

    Args:
        config: see ``DenseConfig``.
        corpus: what is searched; it needs an embedder.
    """

    Config = DenseConfig
    gives = ("cosine", "rrf")
    needs = MappingProxyType({"corpus": ("dense",)})

    def __init__(self, config: DenseConfig, *, corpus: Corpus) -> None:
        super().__init__(config)
        self._corpus = corpus

    def prepare(self, base: Path) -> Iterable[str]:
        """What is wrong with ``where``."""
        return where_problems(self.config.where)

    def run(self, query: Query | QueryVariants, context: RunContext) -> Ranking:
        """Search; the ranking's query is the main wording."""
        return self.run_batch([{"query": query}], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Search for several queries, embedded in one call; see ``run``."""
        return searched_together(
            items,
            contexts,
            self._corpus.search_dense,
            k=self.config.k,
            where=filter_of(self.config.where),
            source=self.name,
        )

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """One call for one wording.

        Args:
            n: passages that come in: none.
            sizes: of which the question's length counts.
        """
        return Cost(calls=1, rounds=1, tokens_in=sizes.query)
