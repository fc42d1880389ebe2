"""Rerank by windows of which the best climbs to the next one."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from assay.pipeline.component import register
from assay.stages.rerank.windowed import WindowedConfig, WindowedRerank
from assay.stages.schedules.bubble_sort import bubble_sort
from assay.stages.schedules.schedule import Schedule


class SetwiseBubbleSortConfig(WindowedConfig):
    """Settings of ``rerank.setwise_bubble_sort@1``."""

    window: int = Field(4, ge=2, le=1000, description="passages of a window")
    top: int = Field(10, ge=1, le=1000, description="places that are sorted")


@register("rerank.setwise_bubble_sort@1")
class SetwiseBubbleSort(WindowedRerank):
    """Setwise bubble sort over the best ``depth`` passages.

    Only the first of each answer counts. Source: Zhuang et al. 2024 (Setwise). Cost: about 280
    windows, one after another, for 100 passages in random order and the best 10 by the defaults,
    far fewer where the first stage is good: what did not change is not asked again.
    """

    Config = SetwiseBubbleSortConfig

    def schedule(self, n: int, generator: np.random.Generator) -> Schedule:
        """Nothing random."""
        window = min(self.config.window, self.ranker.max_window)
        return bubble_sort(n, window=window, top=self.config.top)
