"""How far the best scores of a ranking stand out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from assay.pipeline.component import Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.words import Ranking, Signals


@register("abstain.margins@1")
class Margins(Node):
    """Signals out of a ranking's scores alone.

    ``top`` (the best), ``lead`` (best less second), ``above_mean`` (best less the mean of the
    others), ``spread`` (standard deviation), ``entropy`` (of the softmax of the scores, as a share
    of the most there can be: 1 where all are equal). Only the leading hits whose scores are of
    one kind count (``Ranking.alike``). An empty ranking gives 0, and 1 for ``entropy``. Sources:
    the plain baselines of Gisserot-Boukhlef and others (2024). Cost: no model calls.
    """

    def run(self, ranking: Ranking, context: RunContext) -> Signals:
        """The five figures."""
        figures = margins([hit.score.value for hit in ranking.alike])
        context.note(**figures)
        return Signals(self.name, figures)


def margins(scores: Sequence[float]) -> dict[str, float]:
    """The figures of ``abstain.margins`` for scores in any order.

    >>> found = margins([1.0, 3.0])
    >>> found["top"], found["lead"], found["spread"], round(found["entropy"], 4)
    (3.0, 2.0, 1.0, 0.5271)
    """
    if not scores:
        return {"top": 0.0, "lead": 0.0, "above_mean": 0.0, "spread": 0.0, "entropy": 1.0}
    values = np.sort(np.asarray(scores, dtype=np.float64))[::-1]
    shares = np.exp(values - values[0])
    shares /= shares.sum()
    entropy = -sum(float(one) * math.log(one) for one in shares if one > 0)
    several = len(values) > 1
    return {
        "top": float(values[0]),
        "lead": float(values[0] - values[1]) if several else 0.0,
        "above_mean": float(values[0] - values[1:].mean()) if several else 0.0,
        "spread": float(values.std()),
        "entropy": entropy / math.log(len(values)) if several else 0.0,
    }
