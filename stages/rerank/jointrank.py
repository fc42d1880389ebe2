"""Rerank by overlapping blocks that are ranked side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field

from assay.pipeline.component import register
from assay.stages.comparisons.aggregator import AggregatorName, aggregator_digest
from assay.stages.rerank.windowed import WindowedConfig, WindowedRerank
from assay.stages.schedules.joint_rank import joint_rank
from assay.stages.schedules.schedule import Schedule


class JointRankConfig(WindowedConfig):
    """Settings of ``rerank.jointrank@1``."""

    design: Literal["equi_replicate", "latin_square", "triangular", "random", "replicate"] = Field(
        "equi_replicate", description="how blocks overlap"
    )
    block: int = Field(
        20,
        ge=2,
        le=1000,
        description="most passages of a block; square and triangle take as few as hold all",
    )
    repeats: int = Field(4, ge=1, le=50, description="blocks that each passage stands in")
    aggregator: AggregatorName = Field(
        "bradley_terry",
        description="how comparisons become one order; the paper's pagerank bears errors worse",
    )
    final: int = Field(0, ge=0, le=1000, description="the best so many are ranked once more")
    prior: float = Field(
        0.0, ge=0.0, le=10.0, description="weight of the first stage's order beside the blocks'"
    )


@register("rerank.jointrank@1")
class JointRank(WindowedRerank):
    """All blocks in one round, then one order out of their comparisons.

    Source: JointRank (2025). Cost: depth * repeats / block windows in one round (20 for 100
    passages by the defaults), and one window in a second round with ``final``. Differs: the default
    aggregator, chosen by ``benchmarks/rerank.py`` on seeds that report nothing.
    """

    Config = JointRankConfig

    def parts(self) -> Mapping[str, Any]:
        """The aggregator's code, which the config names."""
        return {"aggregator": aggregator_digest(self.config.aggregator)}

    def schedule(self, n: int, generator: np.random.Generator) -> Schedule:
        """Blocks are drawn from the generator.

        Raises:
            UsageError: if the design cannot hold n passages in blocks that the ranker takes.
        """
        config = self.config
        return joint_rank(
            n,
            generator=generator,
            design=config.design,
            block=min(config.block, self.ranker.max_window),
            repeats=config.repeats,
            combine=config.aggregator,
            final=min(config.final, self.ranker.max_window),
            prior=config.prior,
        )
