"""Rerank by a cross-encoder's relevance score."""

from __future__ import annotations

from collections.abc import Sequence

from assay.models.protocols import CrossEncoder
from assay.pipeline.component import register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.words import Passage, Query, ScoreKind
from assay.stages.rerank.pointwise import PointwiseConfig, PointwiseRerank
from assay.stages.windows.passage_text import read
from assay.stages.windows.window import Sizes


class CrossEncoderConfig(PointwiseConfig):
    """Settings of ``rerank.cross_encoder@1``."""


@register("rerank.cross_encoder@1")
class CrossEncoderRerank(PointwiseRerank):
    """Score each of the best ``depth`` passages against the query and sort by it.

    A passage is read as its title, a line end and its text. Cost: at least one call a passage
    (one a window of a long one), in one round.

    Args:
        config: see ``CrossEncoderConfig``.
        model: gives the scores, of the kind that it names.
    """

    Config = CrossEncoderConfig
    gives = ("logit",)

    def __init__(self, config: CrossEncoderConfig, *, model: CrossEncoder) -> None:
        super().__init__(config)
        self.model = model

    @property
    def kind(self) -> ScoreKind:
        """The model's."""
        return self.model.kind

    def scores(
        self, pairs: Sequence[tuple[Query, Passage]], contexts: Sequence[RunContext]
    ) -> Sequence[float]:
        """All pairs in one call of the model."""
        texts = [(query.text, read(passage)) for query, passage in pairs]
        return [float(value) for value in self.model.score(texts, contexts)]

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """A call a passage, of query, passage and the marks around them."""
        calls = min(n, self.config.depth)
        return Cost(
            calls=calls,
            rounds=min(1, calls),
            tokens_in=calls * (sizes.query + sizes.passage + sizes.marks),
        )
