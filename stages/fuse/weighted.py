"""Join rankings by the weighted mean of their normalised scores."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pydantic import Field, PositiveFloat

from assay.corpora.fusion import Scheme, joint_query, unweighted, weight_problems, weighted_fusion
from assay.pipeline.component import Config, Node, register
from assay.pipeline.words import Ranking


class WeightedConfig(Config):
    """Settings of ``fuse.weighted@1``."""

    normalise: Scheme = Field(
        "min_max",
        description="how scores become comparable: 'min_max', 'z_score' (squashed), 'theoretical'"
        " (from the least value of the kind), 'softmax' or 'rank'",
    )
    weights: dict[str, PositiveFloat] | None = Field(
        None, description="weight of each input, by its name; none weighs all alike"
    )
    depth: int | None = Field(
        None, ge=1, le=100_000, description="length of the fused ranking; none for no limit"
    )


@register("fuse.weighted@1")
class Weighted(Node):
    """Fuse named rankings of one question by their scores; see ``weighted_fusion``.

    What a ranking does not have gets 0 from it, so rankings should be deep: 50 hits and more.
    The result carries the query of the input whose name comes first in the alphabet.
    Cost: no model calls.
    """

    Config = WeightedConfig
    gives = ("fused",)

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
            UsageError: if there is no ranking, a weight is missing, the rankings were made for
                different readers, or scores do not fit the normalisation.
        """
        query = joint_query(rankings, unweighted(self.config.weights, rankings), self.name)
        return weighted_fusion(
            query,
            rankings,
            scheme=self.config.normalise,
            source=self.name,
            weights=self.config.weights,
            limit=self.config.depth,
        )
