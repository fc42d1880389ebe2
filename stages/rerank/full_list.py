"""Rerank by one window that holds the whole list."""

from __future__ import annotations

import numpy as np

from assay.pipeline.component import register
from assay.stages.rerank.windowed import WindowedConfig, WindowedRerank
from assay.stages.schedules.schedule import Arrangement, Schedule, sorted_places


class FullListConfig(WindowedConfig):
    """Settings of ``rerank.full_list@1``."""


@register("rerank.full_list@1")
class FullList(WindowedRerank):
    """Show the best ``depth`` passages at once, or as many of them as the ranker takes.

    Cost: one window, one round.
    """

    Config = FullListConfig

    def schedule(self, n: int, generator: np.random.Generator) -> Schedule:
        """Nothing random."""
        return full_list(n, window=min(n, self.ranker.max_window))


def full_list(n: int, *, window: int) -> Schedule:
    """One window over the head; what does not fit follows as it came.

    Args:
        n: candidates.
        window: candidates of the window.
    """
    head = tuple(range(min(n, window)))
    if len(head) < 2:
        return Arrangement(tuple(range(n)))
    (said,) = yield [head]
    return Arrangement((*sorted_places(head, said), *range(len(head), n)))
