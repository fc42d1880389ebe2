"""The scores of a ranking, sorted: what a ridge regression reads."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.words import Ranking, Signals


class SortedScoresConfig(Config):
    """Settings of ``abstain.sorted_scores@1``."""

    k: int = Field(10, ge=1, le=100, description="scores that are given, always as many")


@register("abstain.sorted_scores@1")
class SortedScores(Node):
    """The k best scores as ``score_01`` and so on, falling; with ``risk.ridge_calibrator``.

    Only the leading hits whose scores are of one kind count (``Ranking.alike``). Where there are
    fewer than k, the last one stands for those that are not there, and ``short`` says how many
    these are; an empty ranking gives 0 everywhere.

    Source: abstention for reranking from the sorted relevance scores (Gisserot-Boukhlef and others
    2024); a regression on them needs one fixed k. Cost: no model calls.
    """

    Config = SortedScoresConfig

    def run(self, ranking: Ranking, context: RunContext) -> Signals:
        """k scores, and how many of them are filled up."""
        figures = sorted_scores([hit.score.value for hit in ranking.alike], k=self.config.k)
        context.note(**figures)
        return Signals(self.name, figures)


def sorted_scores(scores: Sequence[float], *, k: int) -> dict[str, float]:
    """The figures of ``abstain.sorted_scores``.

    >>> sorted_scores([0.5, 2.0], k=3)
    {'score_01': 2.0, 'score_02': 0.5, 'score_03': 0.5, 'short': 1.0}
    """
    best = sorted(scores, reverse=True)[:k]
    filled = [*best, *[best[-1] if best else 0.0] * (k - len(best))]
    figures = {f"score_{place:02d}": value for place, value in enumerate(filled, 1)}
    return figures | {"short": float(k - len(best))}
