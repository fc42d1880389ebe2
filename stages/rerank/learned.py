"""Order passages by the probability that they are needed, all passages of a question together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assay.pipeline.component import register
from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Query, Ranking, Score, ScoreKind
from assay.stages.select.learned_judge import (
    NO_SIGNALS,
    Judgement,
    LearnedJudge,
    LearnedJudgeConfig,
)


@register("rerank.learned@1")
class LearnedRerank(LearnedJudge):
    """The model of ``select.learned``, without a decision: a ranking of calibrated probabilities.

    For selectors that decide by themselves: ``select.top_p``, ``select.threshold`` and
    ``select.conformal``. What stands behind the depth of training follows as it came. Cost: one
    call for the question's vector, with an embedder one more a passage.
    """

    Config = LearnedJudgeConfig

    def run(
        self,
        query: Query,
        ranking: Ranking,
        context: RunContext,
        signals: Mapping[str, Ranking] = NO_SIGNALS,
    ) -> Ranking:
        """Rerank; ties keep their order.

        Args:
            query: what the passages are judged for.
            ranking: whose hits are judged.
            context: counts the call for the question's vector.
            signals: other rankings of the question, under the names of training.
        """
        item = {"query": query, "ranking": ranking, "signals": signals}
        return self.run_batch([item], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Rerank for several queries, with their texts embedded together; see ``run``."""
        judgements = self.judged(items, contexts)
        return [
            Ranking(item["query"], self._ordered(item["ranking"].hits, judgement), self.name)
            for item, judgement in zip(items, judgements, strict=True)
        ]

    def _ordered(self, hits: Sequence[Hit], judgement: Judgement | None) -> tuple[Hit, ...]:
        if judgement is None:
            return ()
        values = judgement.probabilities.tolist()
        order = sorted(range(len(values)), key=lambda place: (-values[place], place))
        head = (
            Hit(hits[place].passage, Score(values[place], ScoreKind.PROBABILITY, self.name))
            for place in order
        )
        return (*head, *hits[len(values) :])
