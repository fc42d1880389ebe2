"""Rerank by a heap of sets of which the ranker names the best."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from assay.pipeline.component import register
from assay.stages.rerank.windowed import WindowedConfig, WindowedRerank
from assay.stages.schedules.heapsort import heapsort
from assay.stages.schedules.schedule import Schedule


class SetwiseHeapsortConfig(WindowedConfig):
    """Settings of ``rerank.setwise_heapsort@1``."""

    children: int = Field(9, ge=1, le=999, description="passages compared with one at a time")
    top: int = Field(10, ge=1, le=1000, description="places that are sorted")


@register("rerank.setwise_heapsort@1")
class SetwiseHeapsort(WindowedRerank):
    """Setwise heapsort over the best ``depth`` passages.

    Only the first of each answer counts, so a ranker that names the best is enough
    (``windows.setwise``). Source: Zhuang et al. 2024 (Setwise); with reasoning, Rank-R1 (2025),
    which takes 19 children. Cost: about 31 windows in 23 rounds for 100 passages and the best 10
    by the defaults; windows hold ``children`` + 1 passages.
    """

    Config = SetwiseHeapsortConfig

    def schedule(self, n: int, generator: np.random.Generator) -> Schedule:
        """Nothing random."""
        children = min(self.config.children, self.ranker.max_window - 1)
        return heapsort(n, children=children, top=self.config.top)
