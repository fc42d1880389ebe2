"""Rerank by tournaments of small groups, one for each place."""

from __future__ import annotations

import numpy as np
from pydantic import Field, model_validator

from assay.pipeline.component import register
from assay.stages.rerank.windowed import WindowedConfig, WindowedRerank
from assay.stages.schedules.schedule import Schedule
from assay.stages.schedules.tournament import tournament


class TournamentConfig(WindowedConfig):
    """Settings of ``rerank.tournament@1``."""

    group: int = Field(5, ge=2, le=1000, description="passages of a group")
    advance: int = Field(2, ge=1, le=999, description="how many of a group go on")
    top: int = Field(10, ge=1, le=1000, description="winners, one tournament each")

    @model_validator(mode="after")
    def _some_stay_behind(self) -> TournamentConfig:
        if self.advance >= self.group:
            raise ValueError(f"advance {self.advance} must be below group {self.group}")
        return self


@register("rerank.tournament@1")
class Tournament(WindowedRerank):
    """A tournament for each of the best places, answers kept from one to the next.

    For rankers of few passages at a time. Source: Yoon et al. 2024 (ListT5). Cost: about 88
    windows of 5 in 50 rounds for 100 passages and the best 10 by the defaults, 53 in 30 with
    ``advance: 1``.
    """

    Config = TournamentConfig

    def schedule(self, n: int, generator: np.random.Generator) -> Schedule:
        """Nothing random."""
        group = min(self.config.group, self.ranker.max_window)
        advance = min(self.config.advance, group - 1)
        return tournament(n, group=group, advance=advance, top=self.config.top)
