"""RankVicuna asks as RankZephyr does."""

from __future__ import annotations

from assay.stages.windows.templates.rank_zephyr import TEMPLATE

__all__ = ["TEMPLATE"]
