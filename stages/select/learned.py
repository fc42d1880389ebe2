"""Keep what a trained model finds needed, looking at all passages together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from assay.pipeline.component import register
from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Query, Ranking, Score, ScoreKind, Selection
from assay.stages.select.bounds import Bounds
from assay.stages.select.choice import chosen
from assay.stages.select.decode import Decoded, decoded
from assay.stages.select.figures import figure
from assay.stages.select.learned_judge import (
    NO_SIGNALS,
    Judgement,
    LearnedJudge,
    LearnedJudgeConfig,
)


class LearnedConfig(Bounds, LearnedJudgeConfig):
    """Settings of ``select.learned@1``."""

    decode: Literal["expected_f1", "threshold", "greedy"] = Field(
        "expected_f1",
        description="how probabilities become a set: as many of the most probable as make the"
        " expected F1 largest; those at or above 'threshold'; or one after the other while a"
        " passage adds 'threshold', less where it is like one that is kept",
    )
    threshold: float = Field(
        0.5, ge=0, le=1, description="probability, or gain, that a passage must have to be kept"
    )
    redundancy: float = Field(
        0.3,
        ge=0,
        le=1,
        description="greedy: share of its probability that a twin of a kept passage loses",
    )
    empty: float = Field(
        1.0,
        ge=0,
        le=1,
        description="expected_f1: what keeping nothing counts where nothing is needed; 1 as much as"
        " a perfect set, 0 looks only at questions that need something, so that something is kept",
    )


@register("select.learned@1")
class Learned(LearnedJudge):
    """A small transformer over the passages of one question, trained on labelled questions.

    ``assay train select`` trains it for this pipeline. It reads the scores and places of every
    ranking that is wired, words, vectors, likeness of the passages to one another, documents and
    titles, and gives for each passage the probability that it is needed, all passages together,
    calibrated on questions of its own. A set is made of these by ``decode``. It may keep nothing.

    The kept hits carry the probability and come most probable first. What stands behind the depth
    of training is dropped. Vectors come from one of two resources, ``corpus`` (one call for the
    question) or ``embedder`` (one call more a passage). No torch is needed to run it; 100 passages
    take some milliseconds.

    Source: set-wise selection by cross-passage attention after Lee et al. 2019 (Set Transformer);
    expected F1 after Ye et al. 2012; see ``assay.models.passage_set`` and
    ``assay.stages.select.decode``.
    """

    Config = LearnedConfig

    def run(
        self,
        query: Query,
        ranking: Ranking,
        context: RunContext,
        signals: Mapping[str, Ranking] = NO_SIGNALS,
    ) -> Selection:
        """Select.

        Args:
            query: what the passages are judged for.
            ranking: whose hits are judged.
            context: counts the call for the question's vector.
            signals: other rankings of the question, under the names of training.

        Raises:
            UsageError: if a ranking of training is missing, or vectors do not fit.
        """
        item = {"query": query, "ranking": ranking, "signals": signals}
        return self.run_batch([item], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Selection]:
        """Select for several queries, with their texts embedded together; see ``run``."""
        return [
            chosen(item["query"], item["ranking"], [], lambda place, hit: "")
            if judgement is None
            else self._select(item["query"], item["ranking"], judgement, context)
            for item, judgement, context in zip(
                items, self.judged(items, contexts), contexts, strict=True
            )
        ]

    def _select(
        self, query: Query, ranking: Ranking, judgement: Judgement, context: RunContext
    ) -> Selection:
        config, probabilities = self.config, judgement.probabilities
        result = decoded(
            probabilities,
            judgement.likeness,
            method=config.decode,
            threshold=config.threshold,
            redundancy=config.redundancy,
            empty=config.empty,
            min_k=config.min_k,
            max_k=config.max_k,
        )
        context.note(probability_mass=round(float(probabilities.sum()), 4), size=len(result.places))
        kept = [
            (
                Hit(
                    ranking.hits[place].passage,
                    Score(float(probabilities[place]), ScoreKind.PROBABILITY, self.name),
                ),
                self._reason(result, place, probabilities),
            )
            for place in result.places
        ]
        judged = len(probabilities)

        def dropped(place: int, _: Hit) -> str:
            if place >= judged:
                return f"place {place + 1}, behind the best {judged} that are judged"
            return self._reason(result, place, probabilities)

        return chosen(query, ranking, kept, dropped)

    def _reason(self, result: Decoded, place: int, probabilities: np.ndarray) -> str:
        """The figures that decided about a passage."""
        own = f"probability {figure(round(float(probabilities[place]), 3))}"
        kept = place in result.places
        config = self.config
        if result.bound:
            return f"{own}{result.bound}"
        if config.decode == "expected_f1":
            if not result.places:
                return f"{own}; keeping nothing has the best expected F1, {figure(result.value)}"
            side = "one of" if kept else "not one of"
            return (
                f"{own}, {side} the {len(result.places)} with the best expected F1,"
                f" {figure(result.value)}"
            )
        compared = f"{'at least' if kept else 'below'} {figure(config.threshold)}"
        if config.decode == "threshold":
            return f"{own}, {compared}"
        return f"{own}, adds {figure(round(result.gains[place], 3))}, {compared}"
