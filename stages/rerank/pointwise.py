"""What all pointwise rerankers share: a score for each passage by itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from assay.pipeline.component import Config, Node
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.words import Hit, Passage, Query, Ranking, Score, ScoreKind
from assay.stages.windows.window import Sizes


class PointwiseConfig(Config):
    """Settings that all pointwise rerankers have."""

    depth: int = Field(
        50,
        ge=1,
        le=1000,
        description="passages that are scored; those behind them follow in the order and with the"
        " scores with which they came",
    )


class PointwiseRerank(Node):
    """Base of rerankers that score each passage by itself.

    A subclass has a config, ``kind`` and ``scores``. The output is always a permutation of the
    ranking that came in: the best ``depth`` by their new scores, ties as they came, then the
    others with their old scores, which are of another kind and are compared with nothing. Pairs
    of all queries of a batch go to the model together.
    """

    @property
    @abstractmethod
    def kind(self) -> ScoreKind:
        """What the new scores are."""

    @abstractmethod
    def scores(
        self, pairs: Sequence[tuple[Query, Passage]], contexts: Sequence[RunContext]
    ) -> Sequence[float]:
        """A score for each pair, larger is more relevant.

        Args:
            pairs: those of one query stand together, in the order of its ranking.
            contexts: one for each pair; the same one may come often.
        """

    @abstractmethod
    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """What a ranking of n passages will cost; once started."""

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Ranking:
        """Rerank; how many hits follow unscored is noted as ``unscored``."""
        return self.run_batch([{"query": query, "ranking": ranking}], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Rerank for several queries in one call of the model; see ``run``."""
        pairs: list[tuple[Query, Passage]] = []
        owners: list[RunContext] = []
        for item, context in zip(items, contexts, strict=True):
            hits = item["ranking"].hits
            context.note(unscored=max(0, len(hits) - self.config.depth))
            for hit in hits[: self.config.depth]:
                pairs.append((item["query"], hit.passage))
                owners.append(context)
        values = iter(self.scores(pairs, owners) if pairs else ())
        outputs = []
        for item in items:
            hits = item["ranking"].hits
            scored = [
                Hit(hit.passage, Score(float(next(values)), self.kind, self.name))
                for hit in hits[: self.config.depth]
            ]
            scored.sort(key=lambda hit: -hit.score.value)
            outputs.append(Ranking(item["query"], (*scored, *hits[self.config.depth :]), self.name))
        return outputs
