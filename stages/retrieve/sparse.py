"""Retrieve by learned term weights."""

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


class SparseConfig(Config):
    """Settings of ``retrieve.sparse@1``."""

    k: int = Field(50, ge=1, le=10_000, description="most passages retrieved")
    where: str = Field("", description=DESCRIPTION)


@register("retrieve.sparse@1")
class Sparse(Node):
    """The best k passages by the sum of products of learned term weights, above 0.

    A model gives weights to terms, also to some that the text does not have; the index is an
    inverted one. Source: Formal, Piwowarski and Clinchant 2021, "SPLADE: Sparse Lexical and
    Expansion Model for First Stage Ranking", SIGIR, for weights of this form; which weights
    they are is the corpus's affair.

    Scope, filters and several wordings are treated as by ``retrieve.dense``. Cost: one call of
    the corpus's sparse encoder a wording, all in one round.

    Args:
        config: see ``SparseConfig``.
        corpus: what is searched; it needs a sparse encoder.
    """

    Config = SparseConfig
    gives = ("sparse", "rrf")
    needs = MappingProxyType({"corpus": ("sparse",)})

    def __init__(self, config: SparseConfig, *, corpus: Corpus) -> None:
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
        """Search for several queries in one call of the encoder; see ``run``."""
        return searched_together(
            items,
            contexts,
            self._corpus.search_sparse,
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
