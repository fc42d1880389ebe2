"""Keep what stands before the largest drop of the scores, with its neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from pydantic import Field

from assay.corpora.corpus import Corpus
from assay.pipeline.component import Config, Node, register
from assay.pipeline.words import Hit, Query, Ranking, Selection
from assay.stages.select.choice import chosen

FLAT = 1e-9
"""A spread of gaps below this is rounding noise, not an elbow."""


class ElbowConfig(Config):
    """Settings of ``select.elbow@1``."""

    z: float = Field(1.0, gt=0, le=10, description="gap, in standard deviations, that cuts")
    depth: int = Field(20, ge=1, le=1000, description="best hits that are looked at")
    min_k: int = Field(0, ge=0, le=100, description="fewest hits kept where there are as many")
    max_k: int = Field(5, ge=1, le=100, description="most hits kept before neighbours")
    neighbours: int = Field(0, ge=0, le=3, description="places on each side that are added")


@register("select.elbow@1")
class Elbow(Node):
    """Elbow of the score curve: as many passages as the scores ask for.

    Source: METEORA (2025), the pooled selection step, as a selector of its own
    over any scores. Differs: a spread of rounding noise counts as flat, and
    where no gap stands out the largest gap cuts. Cost: no model calls.

    Scores of two kinds are never compared: where only the best hits were rescored, the elbow is
    looked for among these. Neighbours come from the same document, carry the score of the hit that
    brought them and stand right after it.
    """

    Config = ElbowConfig

    def __init__(self, config: ElbowConfig, *, corpus: Corpus) -> None:
        super().__init__(config)
        self.corpus = corpus

    def run(self, query: Query, ranking: Ranking) -> Selection:
        """Cut the ranking at its elbow; an empty ranking gives an empty selection."""
        config = self.config
        hits = ranking.hits[: config.depth]
        alike = ranking.alike[: config.depth]
        size = elbow([hit.score.value for hit in alike], z=config.z)
        size = min(max(size, config.min_k), config.max_k, len(hits))
        return chosen(
            query,
            ranking,
            self._with_neighbours(hits[:size], query),
            lambda place, _: f"place {place + 1}, behind the elbow after {size}",
        )

    def _with_neighbours(self, hits: Sequence[Hit], query: Query) -> list[tuple[Hit, str]]:
        own = {hit.passage.id for hit in hits}
        kept: list[tuple[Hit, str]] = []
        for place, hit in enumerate(hits, 1):
            kept.append((hit, f"place {place}, before the elbow after {len(hits)}"))
            if not self.config.neighbours:
                continue
            for passage in self.corpus.neighbours(hit.passage, query, self.config.neighbours):
                if passage.id not in own:
                    kept.append((Hit(passage, hit.score), f"stands beside {hit.passage.id}"))
        return kept


def elbow(scores: Sequence[float], *, z: float = 1.0) -> int:
    """How many leading scores stand before the elbow.

    Args:
        scores: descending, any unit; the result does not change under
            ``a * s + b`` with positive a.
        z: the first gap more than ``z`` standard deviations over the mean gap cuts.

    Returns:
        0 for no scores, 1 for one; otherwise 1 to n - 1, or n where all gaps are alike.

    >>> elbow([.90, .88, .86, .50, .48, .47])
    3
    >>> elbow([.9, .7, .5])
    3
    """
    if len(scores) < 2:
        return len(scores)
    gaps = [left - right for left, right in pairwise(scores)]
    mean = math.fsum(gaps) / len(gaps)
    spread = math.sqrt(math.fsum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    if spread < FLAT * max(1.0, abs(scores[0])):
        return len(scores)
    for index, gap in enumerate(gaps):
        if (gap - mean) / spread > z:
            return index + 1
    return gaps.index(max(gaps)) + 1
