"""Rerank by comparing pairs, all in one round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field

from assay.pipeline.component import register
from assay.stages.comparisons.aggregator import AggregatorName, aggregator_digest
from assay.stages.rerank.windowed import WindowedConfig, WindowedRerank
from assay.stages.schedules.pair_sampling import (
    Pairs,
    all_pairs,
    coprime,
    cyclic_pairs,
    neighbour_pairs,
    random_pairs,
)
from assay.stages.schedules.pairwise import pairwise
from assay.stages.schedules.schedule import Schedule


class PairwiseConfig(WindowedConfig):
    """Settings of ``rerank.pairwise@1``."""

    depth: int = Field(
        50,
        ge=1,
        le=1000,
        description="passages that are reranked; those behind them follow in the order in which"
        " they came",
    )
    sampler: Literal["all", "random", "cyclic", "neighbours"] = Field(
        "cyclic", description="which pairs are compared"
    )
    share: float = Field(
        0.3,
        gt=0.0,
        le=1.0,
        description="of the other passages that each is compared with; random and cyclic only",
    )
    nearness: float = Field(
        0.0,
        ge=0.0,
        le=10.0,
        description="random only: chance of a pair is 1 / distance ** nearness, in ranks",
    )
    dilation: int = Field(
        1,
        ge=1,
        le=1000,
        description="cyclic only: distance of opponents in ranks; made larger until it has no"
        " divisor in common with the number of passages",
    )
    reach: int = Field(
        3, ge=1, le=1000, description="neighbours only: most distance of a pair, in ranks"
    )
    both_orders: bool = Field(
        True, description="show each pair both ways, which takes away a bias for a place"
    )
    aggregator: AggregatorName = Field("greedy", description="how comparisons become one order")
    most_windows: int = Field(
        10_000, ge=2, le=1_000_000, description="beyond, random pairs are left out"
    )


@register("rerank.pairwise@1")
class PairwiseRerank(WindowedRerank):
    """Compare pairs of passages and make one order of all comparisons.

    The run record tells ``pairs`` and ``pairs_left_out`` and, with ``both_orders``, how far the
    ranker contradicts itself: ``pairs_inconsistent``, ``cycles_before``, ``cycles_after``.
    Source: Qin et al. 2024 (PRP), Gienapp et al. 2022 (sampled pairs), LLM-RankFusion 2024 (both
    orders). Cost: one window a pair, two with ``both_orders``, in one round: 1500 windows for
    50 passages by the defaults, at most n (n - 1) for the sampler ``all``.
    """

    Config = PairwiseConfig

    def parts(self) -> Mapping[str, Any]:
        """The aggregator's code, which the config names."""
        return {"aggregator": aggregator_digest(self.config.aggregator)}

    def schedule(self, n: int, generator: np.random.Generator) -> Schedule:
        """Random pairs, and what the aggregator draws, come from the generator."""
        config = self.config
        return pairwise(
            n,
            pairs=self._pairs(n, generator),
            both_orders=config.both_orders,
            combine=config.aggregator,
            generator=generator,
            most_windows=config.most_windows,
        )

    def _pairs(self, n: int, generator: np.random.Generator) -> Pairs:
        config = self.config
        match config.sampler:
            case "all":
                return all_pairs(n)
            case "random":
                return random_pairs(
                    n, share=config.share, generator=generator, nearness=config.nearness
                )
            case "cyclic":
                opponents = max(1, round(config.share * (n - 1)))
                dilation = coprime(config.dilation, n)
                return cyclic_pairs(n, opponents=opponents, dilation=dilation)
            case _:
                return neighbour_pairs(n, reach=config.reach)
