"""Rerank by a cross-encoder's relevance logit."""

from __future__ import annotations

from pydantic import Field

from assay.models.protocols import CrossEncoder
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Query, Ranking, Score, ScoreKind


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
    came in. Cost: at least one call a passage (one a window), in one round.

    Args:
        config: see ``CrossEncoderConfig``.
        model: gives the logits.
    """

    Config = CrossEncoderConfig
    gives = ("logit",)

    def __init__(self, config: CrossEncoderConfig, *, model: CrossEncoder) -> None:
        super().__init__(config)
        self._model = model

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Ranking:
        """Rerank; how many hits were cut is noted as ``cut``."""
        hits = ranking.hits[: self.config.depth]
        context.note(cut=len(ranking.hits) - len(hits))
        if not hits:
            return Ranking(query, (), self.name)
        pairs = [
            (
                query.text,
                f"{hit.passage.title}\n{hit.passage.text}"
                if hit.passage.title
                else hit.passage.text,
            )
            for hit in hits
        ]
        logits = self._model.score(pairs, context)
        scored = [
            Hit(hit.passage, Score(float(logit), ScoreKind.LOGIT, self.name))
            for hit, logit in zip(hits, logits, strict=True)
        ]
        return Ranking(query, tuple(sorted(scored, key=lambda hit: -hit.score.value)), self.name)
