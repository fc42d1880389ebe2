"""Rerank by quicksort: pairs are compared as they are needed."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from assay.pipeline.component import register
from assay.stages.rerank.windowed import WindowedConfig, WindowedRerank
from assay.stages.schedules.kwik_sort import kwik_sort
from assay.stages.schedules.schedule import Schedule


class KwikSortConfig(WindowedConfig):
    """Settings of ``rerank.kwik_sort@1``."""

    top: int = Field(10, ge=1, le=1000, description="places that are sorted")
    both_orders: bool = Field(
        True, description="show each pair both ways, which takes away a bias for a place"
    )


@register("rerank.kwik_sort@1")
class KwikSort(WindowedRerank):
    """Sort the best ``top`` by comparisons with random pivots.

    Source: Ailon, Charikar and Newman 2008; Gienapp et al. 2022. Cost: about 490 windows in 8
    rounds for 100 passages by the defaults, half of the windows without ``both_orders``.
    """

    Config = KwikSortConfig

    def schedule(self, n: int, generator: np.random.Generator) -> Schedule:
        """Pivots come from the generator."""
        config = self.config
        return kwik_sort(n, generator=generator, top=config.top, both_orders=config.both_orders)
