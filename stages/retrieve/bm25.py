"""Retrieve by words: BM25 over the corpus."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field

from assay.corpora.corpus import Corpus
from assay.corpora.where import DESCRIPTION, filter_of, where_problems
from assay.pipeline.component import Config, Node, register
from assay.pipeline.words import Query, QueryVariants, Ranking
from assay.stages.retrieve.wordings import merged, ranked, wordings


class Bm25Config(Config):
    """Settings of ``retrieve.bm25@1``."""

    k: int = Field(50, ge=1, le=10_000, description="most passages retrieved")
    where: str = Field("", description=DESCRIPTION)
    field: Literal["", "body", "title", "headings"] = Field(
        "",
        description="what of a passage is searched: its text, its document's title or the headings"
        " above it; '' for what the corpus is configured with",
    )


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

    def prepare(self, base: Path) -> Iterable[str]:
        """What is wrong with ``where``."""
        return where_problems(self.config.where)

    def run(self, query: Query | QueryVariants) -> Ranking:
        """Search; the ranking's query is the main wording."""
        rankings = [self._search(wording) for wording in wordings(query)]
        return merged(rankings, source=self.name, limit=self.config.k)

    def _search(self, query: Query) -> Ranking:
        config = self.config
        hits = self._corpus.search_bm25(
            query, config.k, where=filter_of(config.where), field=config.field
        )
        return ranked(query, hits, self.name)
