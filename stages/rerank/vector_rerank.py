"""What all rerankers that compare vectors share: which hits they rerank, and what follows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from assay.pipeline.component import Config
from assay.pipeline.words import Hit, Ranking
from assay.stages.rerank.vector_node import VectorNode


class VectorRerankConfig(Config):
    """Settings that all rerankers over vectors have."""

    depth: int = Field(
        100,
        ge=1,
        le=1000,
        description="passages that are reranked; those behind them follow as they came",
    )


class VectorRerank(VectorNode):
    """Base of rerankers that compare vectors of passages."""

    def heads(self, items: Sequence[Mapping[str, Any]]) -> list[Sequence[Hit]]:
        """The hits of each query that are reranked."""
        return [item["ranking"].hits[: self.config.depth] for item in items]

    def with_tails(
        self, items: Sequence[Mapping[str, Any]], reranked: Mapping[int, Sequence[Hit]]
    ) -> list[Ranking]:
        """The rankings of all queries: what was reranked, then the hits behind it as they came.

        Args:
            items: the queries' inputs.
            reranked: number of the query to its reranked head; none for an empty one.
        """
        return [
            Ranking(
                item["query"],
                (*reranked.get(number, ()), *item["ranking"].hits[self.config.depth :]),
                self.name,
            )
            for number, item in enumerate(items)
        ]
