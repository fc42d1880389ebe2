"""Rerank by windows over fewer and fewer passages, all answers counted to the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from assay.pipeline.component import register
from assay.stages.comparisons.aggregator import AggregatorName, aggregator_digest
from assay.stages.rerank.windowed import WindowedConfig, WindowedRerank
from assay.stages.schedules.schedule import Schedule
from assay.stages.schedules.successive_halving import successive_halving


class SuccessiveHalvingConfig(WindowedConfig):
    """Settings of ``rerank.successive_halving@1``."""

    window: int = Field(20, ge=2, le=1000, description="most passages of a window")
    keep: float = Field(
        0.4,
        gt=0.0,
        lt=1.0,
        description="share of the passages left that stays in, never fewer than a window holds",
    )
    repeats: int = Field(1, ge=1, le=50, description="windows of a stage that show each passage")
    final: int = Field(2, ge=1, le=50, description="windows over the last passages")
    aggregator: AggregatorName = Field(
        "bradley_terry", description="how comparisons become one order"
    )


@register("rerank.successive_halving@1")
class SuccessiveHalving(WindowedRerank):
    """Windows side by side, the best of them again, and one order out of all answers.

    Source: Karnin, Koren and Somekh 2013 (sequential halving). Cost: 9 windows in 3 rounds for
    100 passages by the defaults, 86 in 6 for 1000; ``repeats`` and ``final`` buy more looks at
    each passage in as many rounds.
    """

    Config = SuccessiveHalvingConfig

    def parts(self) -> Mapping[str, Any]:
        """The aggregator's code, which the config names."""
        return {"aggregator": aggregator_digest(self.config.aggregator)}

    def schedule(self, n: int, generator: np.random.Generator) -> Schedule:
        """Repetitions are dealt from the generator."""
        config = self.config
        return successive_halving(
            n,
            generator=generator,
            window=min(config.window, self.ranker.max_window),
            keep=config.keep,
            repeats=config.repeats,
            final=config.final,
            combine=config.aggregator,
        )
