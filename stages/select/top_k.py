"""Keep the best k: the baseline that every selector is compared with."""

from __future__ import annotations

from pydantic import Field

from assay.pipeline.component import Config, Node, register
from assay.pipeline.words import Dropped, Query, Ranking, Selection


class TopKConfig(Config):
    """Settings of ``select.top_k@1``."""

    k: int = Field(5, ge=0, le=1000, description="hits kept; 0 keeps none")


@register("select.top_k@1")
class TopK(Node):
    """The first k of the ranking. Cost: no model calls."""

    Config = TopKConfig

    def run(self, query: Query, ranking: Ranking) -> Selection:
        """Keep the first k hits; fewer where the ranking is shorter."""
        k = self.config.k
        dropped = tuple(Dropped(hit, f"behind the first {k}") for hit in ranking.hits[k:])
        return Selection(query, ranking.hits[:k], dropped)
