"""Rankings whose texts were read once, so that ``fuse.adaptive`` is quick with other settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.corpora.analyzer import Analyzer
from assay.corpora.fusion import weighted_fusion
from assay.pipeline.words import Ranking
from assay.stages.fuse.evidence import Signals, signals_of
from assay.stages.fuse.pool import Pool, look_at
from assay.stages.fuse.texts import PHRASES, TITLES, raised
from assay.stages.fuse.weight_model import WeightModel
from benchmarks.retrieval_quality.source import DEPTH
from benchmarks.retrieval_quality.tasks import Question

ANALYZER: Mapping[str, Any] = {"stemmer": "english", "stop_words": "english"}
"""As ``fuse.adaptive`` has it."""


@dataclass(frozen=True, slots=True)
class Read:
    """A question's rankings with what their texts say, so that fusing them again is quick.

    Args:
        question: with its grades.
        rankings: by name.
        pool: of these.
        signals: of these.
    """

    question: Question
    rankings: Mapping[str, Ranking]
    pool: Pool
    signals: Mapping[str, Signals]

    def fused(
        self,
        weights: Mapping[str, float],
        *,
        phrases: float = PHRASES,
        titles: float = TITLES,
        model: WeightModel | None = None,
    ) -> Ranking:
        """What ``fuse.adaptive`` gives with these settings."""
        own = (model or WeightModel()).weights(self.signals, weights)
        first = weighted_fusion(
            self.question.query, self.rankings, scheme="min_max", source="adaptive", weights=own
        )
        return raised(first, self.pool, phrases=phrases, titles=titles)


def read_texts(question: Question, rankings: Mapping[str, Ranking]) -> Read:
    """A question's rankings with what their texts say."""
    pool = look_at(question.query.text, rankings, analyzer=Analyzer(**ANALYZER), look=DEPTH)
    return Read(question, rankings, pool, signals_of(rankings, pool, look=DEPTH))
