"""Rerank by a window that slides from the tail of the ranking to its head."""

from __future__ import annotations

import numpy as np
from pydantic import Field, model_validator

from assay.pipeline.component import register
from assay.stages.rerank.windowed import WindowedConfig, WindowedRerank
from assay.stages.schedules.schedule import Schedule
from assay.stages.schedules.sliding_window import sliding_window


class SlidingWindowConfig(WindowedConfig):
    """Settings of ``rerank.sliding_window@1``."""

    window: int = Field(20, ge=2, le=1000, description="passages of a window")
    step: int = Field(10, ge=1, le=1000, description="places that the window moves")
    passes: int = Field(1, ge=1, le=10, description="most times that it goes over the list")
    top: int = Field(10, ge=1, le=1000, description="a further pass is made for these places")

    @model_validator(mode="after")
    def _step_fits(self) -> SlidingWindowConfig:
        if self.step > self.window:
            raise ValueError(f"step {self.step} leaves passages out: at most window {self.window}")
        return self


@register("rerank.sliding_window@1")
class SlidingWindowRerank(WindowedRerank):
    """Listwise reranking by a sliding window.

    Source: Sun et al. 2023 (RankGPT). Cost: ceil((n - window) / step) + 1 windows a pass, one
    after another; 9 for 100 passages by the defaults. A window is made smaller where the ranker
    takes fewer passages, and its step in proportion.
    """

    Config = SlidingWindowConfig

    def schedule(self, n: int, generator: np.random.Generator) -> Schedule:
        """Nothing random."""
        config = self.config
        window = min(config.window, self.ranker.max_window)
        step = max(1, config.step * window // config.window)
        return sliding_window(n, window=window, step=step, passes=config.passes, top=config.top)
