"""Rerank by a cross-encoder's relevance logit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from assay.models.protocols import CrossEncoder
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Passage, Query, Ranking, Score


class CrossEncoderConfig(Config):
    """Settings of ``rerank.cross_encoder@1``."""

    depth: int = Field(
        50,
        ge=1,
        le=1000,
        description="passages that are scored; a longer ranking is cut there, because logits "
        "and the scores of an earlier stage have no common order",
    )


@register("rerank.cross_encoder@1")
class CrossEncoderRerank(Node):
    """Score each of the best ``depth`` passages against the query and sort by it.

    A passage is read as its title, a line end and its text. Ties keep the order that
    came in. The passages of all queries of a batch go to the model together. Cost: at
    least one call a passage (one a window), in one round.

    Args:
        config: see ``CrossEncoderConfig``.
        model: gives the scores, of the kind that it names.
    """

    Config = CrossEncoderConfig
    gives = ("logit",)

    def __init__(self, config: CrossEncoderConfig, *, model: CrossEncoder) -> None:
        super().__init__(config)
        self._model = model

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Ranking:
        """Rerank; how many hits were cut is noted as ``cut``."""
        return self.run_batch([{"query": query, "ranking": ranking}], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Rerank for several queries in one call of the model; see ``run``."""
        pairs: list[tuple[str, str]] = []
        owners: list[RunContext] = []
        for item, context in zip(items, contexts, strict=True):
            hits = item["ranking"].hits
            context.note(cut=max(0, len(hits) - self.config.depth))
            scored = hits[: self.config.depth]
            pairs += [(item["query"].text, _read(hit.passage)) for hit in scored]
            owners += [context] * len(scored)
        scores = iter(self._model.score(pairs, owners) if pairs else ())
        return [self._sorted(item["query"], item["ranking"], scores) for item in items]

    def _sorted(self, query: Query, ranking: Ranking, scores: Iterator[np.float32]) -> Ranking:
        """The best hits with the next scores of the batch."""
        hits = [
            Hit(hit.passage, Score(float(next(scores)), self._model.kind, self.name))
            for hit in ranking.hits[: self.config.depth]
        ]
        return Ranking(query, tuple(sorted(hits, key=lambda hit: -hit.score.value)), self.name)


def _read(passage: Passage) -> str:
    return f"{passage.title}\n{passage.text}" if passage.title else passage.text
