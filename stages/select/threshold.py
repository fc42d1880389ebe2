"""Keep what scores high enough."""

from __future__ import annotations

from pydantic import Field

from assay.pipeline.component import Node, register
from assay.pipeline.words import Query, Ranking, ScoreKind, Selection
from assay.stages.select.bounds import Bounds
from assay.stages.select.choice import chosen
from assay.stages.select.figures import figure, told
from assay.stages.select.kinds import require_kind


class ThresholdConfig(Bounds):
    """Settings of ``select.threshold@1``."""

    kind: ScoreKind = Field(strict=False, description="the one kind of score that it compares")
    threshold: float = Field(description="lowest score that is kept")


@register("select.threshold@1")
class Threshold(Node):
    """Every passage that scores at least ``threshold``; none where none does.

    It means something only for scores that can be compared between questions: a ``probability``,
    or the ``logit`` of one model. Scores of another kind are refused, when the pipeline is built
    where the kind is known, else when it runs. Behind the best, which a reranker scored, may stand
    hits with scores of another kind: they are dropped. Cost: no model calls.
    """

    Config = ThresholdConfig
    compares = "ranking"

    def run(self, query: Query, ranking: Ranking) -> Selection:
        """Keep what reaches the threshold, best first, within ``min_k`` and ``max_k``.

        Raises:
            UsageError: if the best hit's score is of another kind.
        """
        config = self.config
        require_kind(self.name, ranking, config.kind)
        least = figure(config.threshold)
        alike = ranking.alike
        order = sorted(alike, key=lambda hit: -hit.score.value)
        reached = sum(hit.score.value >= config.threshold for hit in order)
        size = config.bounded(reached, len(order))
        names = {hit.passage.id for hit in order[:size]}
        end = config.bound(reached, size)

        def compared(value: float) -> str:
            return f"at least {least}" if value >= config.threshold else f"below {least}"

        return chosen(
            query,
            ranking,
            [
                (
                    hit,
                    f"{told(hit.score)}, {compared(hit.score.value)}"
                    + (end if hit.score.value < config.threshold else ""),
                )
                for hit in alike
                if hit.passage.id in names
            ],
            lambda place, hit: (
                f"{told(hit.score)} is not of the kind that is compared"
                if place >= len(alike)
                else f"{told(hit.score)}, {compared(hit.score.value)}"
                + (end if hit.score.value >= config.threshold else "")
            ),
        )
