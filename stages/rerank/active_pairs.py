"""Rerank by comparisons that are chosen as long as the best are not certain."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from assay.pipeline.component import register
from assay.stages.rerank.windowed import WindowedConfig, WindowedRerank
from assay.stages.schedules.active_pairs import active_pairs
from assay.stages.schedules.schedule import Schedule


class ActivePairsConfig(WindowedConfig):
    """Settings of ``rerank.active_pairs@1``."""

    depth: int = Field(
        30,
        ge=1,
        le=1000,
        description="passages that are reranked; those behind them follow in the order in which"
        " they came",
    )
    top: int = Field(5, ge=1, le=1000, description="passages that are looked for")
    in_order: bool = Field(False, description="whether their order must be certain too")
    delta: float = Field(
        0.1, gt=0.0, lt=1.0, description="probability that what is called certain is wrong"
    )
    most_windows: int = Field(
        2000, ge=1, le=1_000_000, description="no round begins that would exceed it"
    )
    both_orders: bool = Field(
        True, description="show each pair both ways, which takes away a bias for a place"
    )
    repeats: bool = Field(
        False,
        description="ask the same pair again; only for a ranker whose answers are independent"
        " draws, as with a temperature",
    )
    beam: int = Field(1, ge=1, le=1000, description="opponents on each side in one round")


@register("rerank.active_pairs@1")
class ActivePairs(WindowedRerank):
    """Compare until it is certain which passages are the best, or the budget is spent.

    The run record tells ``top_is_certain``, ``undecided`` (passages whose side of the border is
    open) and ``pairs``. What "certain" means for a model that repeats itself and for one that
    does not is told in ``assay.stages.schedules.active_pairs``.

    Source: Even-Dar et al. 2006; Heckel et al. 2019; bounds of Waudby-Smith and Ramdas 2024.
    Cost: at most 870 windows in 15 rounds for 30 passages by the defaults; the surer and the more
    different the comparisons, the fewer.
    """

    Config = ActivePairsConfig

    def schedule(self, n: int, generator: np.random.Generator) -> Schedule:
        """Opponents come from the generator."""
        config = self.config
        return active_pairs(
            n,
            generator=generator,
            top=config.top,
            in_order=config.in_order,
            delta=config.delta,
            most_windows=config.most_windows,
            both_orders=config.both_orders,
            repeats=config.repeats,
            beam=config.beam,
        )
