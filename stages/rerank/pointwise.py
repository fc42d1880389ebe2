"""What all pointwise rerankers share: a score for each passage by itself."""

from __future__ import annotations

import math
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
    of all queries of a batch go to the model together. A passage that could not be judged keeps
    its place and is counted as ``passages_failed``, see ``arranged``.
    """

    @property
    @abstractmethod
    def kind(self) -> ScoreKind:
        """What the new scores are."""

    @abstractmethod
    def scores(
        self, pairs: Sequence[tuple[Query, Passage]], contexts: Sequence[RunContext]
    ) -> Sequence[float]:
        """A score for each pair, larger is more relevant; nan where the model's answer failed.

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
        for item, context in zip(items, contexts, strict=True):
            hits = item["ranking"].hits
            head, behind = hits[: self.config.depth], hits[self.config.depth :]
            own = [float(next(values)) for _ in head]
            context.count(passages_failed=sum(math.isnan(one) for one in own))
            found = arranged(head, own, self.kind, self.name)
            outputs.append(Ranking(item["query"], (*found, *behind), self.name))
        return outputs


def arranged(
    hits: Sequence[Hit], values: Sequence[float], kind: ScoreKind, source: str
) -> list[Hit]:
    """Hits in the order of their new scores, ties as they came.

    One that could not be judged keeps its place; the others fill the places that are left. It
    gets the score of the one behind it (of the last one before it at the end), so that scores
    never rise down the list. Where none could be judged, all stay as they are.

    Args:
        hits: as they came.
        values: a new score for each; nan for one that could not be judged.
        kind: of the new scores.
        source: what made them.
    """
    judged = [place for place, value in enumerate(values) if not math.isnan(value)]
    if not judged:
        return list(hits)
    judged.sort(key=lambda place: -values[place])
    best = iter(judged)
    order = [place if math.isnan(value) else next(best) for place, value in enumerate(values)]
    found: list[Hit] = []
    value = values[judged[-1]]
    for place in reversed(order):
        value = value if math.isnan(values[place]) else values[place]
        found.append(Hit(hits[place].passage, Score(value, kind, source)))
    return found[::-1]
