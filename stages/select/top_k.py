"""Keep the best k: the baseline that every selector is compared with."""

from __future__ import annotations

from pydantic import Field

from assay.pipeline.component import Config, Node, register
from assay.pipeline.words import Query, Ranking, Selection
from assay.stages.select.choice import chosen


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
        return chosen(
            query,
            ranking,
            [
                (hit, f"place {place} of the first {k}")
                for place, hit in enumerate(ranking.hits[:k], 1)
            ],
            lambda place, _: f"place {place + 1}, behind the first {k}",
        )
