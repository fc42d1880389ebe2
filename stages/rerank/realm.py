"""Rerank by beliefs about relevance that comparisons sharpen, head first."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from assay.pipeline.component import register
from assay.stages.rerank.windowed import WindowedConfig, WindowedRerank
from assay.stages.schedules.realm import realm
from assay.stages.schedules.schedule import Schedule
from assay.stages.windows.window import WindowAbility


class RealmConfig(WindowedConfig):
    """Settings of ``rerank.realm@1``."""

    temperature: float = Field(
        1.0,
        gt=0.0,
        le=10_000.0,
        description="of score differences, in the ranker's unit: about the usual difference of"
        " two passages (1 for log-probabilities)",
    )
    others: int = Field(2, ge=1, le=100, description="passages beside the pivot in a window")
    top: int = Field(10, ge=1, le=1000, description="places that matter")
    kappa: float = Field(
        0.0, ge=0.0, le=10.0, description="spreads that are taken off a passage's mean"
    )
    most_windows: int = Field(
        1000, ge=1, le=100_000, description="windows after which no new level begins"
    )


@register("rerank.realm@1")
class Realm(WindowedRerank):
    """Recursive Bayesian reranking by comparisons with pivots.

    How sure the head is stands in the run record as ``spread_of_top``: the mean standard
    deviation of the best ``top``, 8.33 before any comparison. Source: REALM (2025). Cost: about
    80 windows of 3 in 4 rounds for 100 passages by the defaults.
    """

    Config = RealmConfig
    needs = {"ranker": (WindowAbility.SCORES,)}

    def schedule(self, n: int, generator: np.random.Generator) -> Schedule:
        """Nothing random."""
        config = self.config
        return realm(
            n,
            temperature=config.temperature,
            others=min(config.others, self.ranker.max_window - 1),
            top=config.top,
            kappa=config.kappa,
            most_windows=config.most_windows,
        )
