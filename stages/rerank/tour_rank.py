"""Rerank by points from tournaments in stages."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from assay.pipeline.component import register
from assay.stages.rerank.windowed import WindowedConfig, WindowedRerank
from assay.stages.schedules.schedule import Schedule
from assay.stages.schedules.tour_rank import tour_rank


class TourRankConfig(WindowedConfig):
    """Settings of ``rerank.tour_rank@1``."""

    tournaments: int = Field(2, ge=1, le=50, description="tournaments, side by side")
    group: int = Field(20, ge=2, le=1000, description="most passages of a group")


@register("rerank.tour_rank@1")
class TourRank(WindowedRerank):
    """Tournaments in stages, a point for each stage that a passage survives.

    Source: Chen et al. 2024 (TourRank). Cost: 11 windows a tournament in 5 rounds for 100
    passages by the defaults.
    """

    Config = TourRankConfig

    def schedule(self, n: int, generator: np.random.Generator) -> Schedule:
        """Groups are drawn from the generator."""
        group = min(self.config.group, self.ranker.max_window)
        return tour_rank(n, generator=generator, tournaments=self.config.tournaments, group=group)
