"""Join rankings by reciprocal rank fusion."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pydantic import Field, PositiveFloat

from assay.corpora.fusion import joint_query, reciprocal_rank_fusion, unweighted, weight_problems
from assay.pipeline.component import Config, Node, register
from assay.pipeline.words import Ranking


class RrfConfig(Config):
    """Settings of ``fuse.rrf@1``."""

    k: int = Field(60, ge=0, le=10_000, description="damping: larger lets low ranks count more")
    weights: dict[str, PositiveFloat] | None = Field(
        None, description="weight of each input, by its name; none weighs all alike"
    )
    depth: int | None = Field(
        None, ge=1, le=100_000, description="length of the fused ranking; none for no limit"
    )


@register("fuse.rrf@1")
class Rrf(Node):
    """Fuse named rankings of one question; see ``reciprocal_rank_fusion``.

    The result carries the query of the input whose name comes first in the alphabet.
    Cost: no model calls.
    """

    Config = RrfConfig
    gives = ("rrf",)

    def check_ports(self, names: Mapping[str, Collection[str]]) -> list[str]:
        """What is wrong between the weights and the inputs that are wired.

        Args:
            names: port to the keys that feed it.

        Returns:
            One sentence a problem.
        """
        return weight_problems(self.config.weights, names.get("rankings", ()))

    def run(self, rankings: Mapping[str, Ranking]) -> Ranking:
        """Fuse.

        Raises:
            UsageError: if there is no ranking, a weight is missing, or the rankings
                were made for different readers.
        """
        query = joint_query(rankings, unweighted(self.config.weights, rankings), self.name)
        return reciprocal_rank_fusion(
            query,
            rankings,
            k=self.config.k,
            source=self.name,
            weights=self.config.weights,
            limit=self.config.depth,
        )
