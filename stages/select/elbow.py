"""Keep what stands before the drop of the scores, with its neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import Field

from assay.corpora.corpus import Corpus
from assay.pipeline.component import Node, register
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Query, Ranking, Selection
from assay.stages.select.bounds import Bounds
from assay.stages.select.choice import chosen
from assay.stages.select.figures import figure, told
from assay.stages.select.gaps import FLAT, Fallback, elbow
from assay.stages.select.gaps import Elbow as Cut

NO_CORPUS = "'neighbours' are read from a corpus: give it the resource 'corpus', or set it to 0"


class ElbowConfig(Bounds):
    """Settings of ``select.elbow@1``."""

    z: float = Field(1.0, gt=0, le=10, description="gap, in standard deviations, that cuts")
    fallback: Fallback = Field(
        "largest_gap",
        description="what cuts where no gap is so large: the largest one; second_difference, the"
        " one that is larger than the one before it by most; or all is kept",
    )
    tolerance: float = Field(
        FLAT, ge=0, le=1, description="spread of the gaps up to which they count as equal"
    )
    depth: int = Field(20, ge=1, le=1000, description="best hits that are looked at")
    max_k: int | None = Field(
        5, ge=1, le=1000, description="most hits kept before neighbours; none for no limit"
    )
    neighbours: int = Field(0, ge=0, le=3, description="places on each side that are added")


@register("select.elbow@1")
class Elbow(Node):
    """Elbow of the score curve: as many passages as the scores ask for.

    Source: METEORA (2025), the pooled selection step, as a selector of its own
    over any scores; what differs is told in ``assay.stages.select.gaps``. Cost: no model calls.

    Scores of two kinds are never compared: where only the best hits were rescored, the elbow is
    looked for among these. Neighbours come from the same document, carry the score of the hit that
    brought them and stand right after it; only they need the resource ``corpus``.
    """

    Config = ElbowConfig

    def __init__(self, config: ElbowConfig, *, corpus: Corpus | None = None) -> None:
        super().__init__(config)
        self.corpus = corpus

    def prepare(self, base: Path) -> Iterable[str]:
        """Whether neighbours have a place to come from."""
        return (NO_CORPUS,) if self.config.neighbours and self.corpus is None else ()

    def run(self, query: Query, ranking: Ranking) -> Selection:
        """Cut the ranking at its elbow; an empty ranking gives an empty selection."""
        config = self.config
        hits = ranking.hits[: config.depth]
        scores = [hit.score.value for hit in ranking.alike[: config.depth]]
        cut = elbow(scores, z=config.z, fallback=config.fallback, tolerance=config.tolerance)
        size = config.bounded(cut.size, len(hits))
        why = _why(cut, size, config)
        return chosen(
            query,
            ranking,
            self._with_neighbours(hits[:size], query, why),
            lambda place, hit: f"{told(hit.score)}, place {place + 1} behind the first {size}{why}",
        )

    def _with_neighbours(
        self, hits: Sequence[Hit], query: Query, why: str
    ) -> list[tuple[Hit, str]]:
        own = {hit.passage.id for hit in hits}
        kept: list[tuple[Hit, str]] = []
        for place, hit in enumerate(hits, 1):
            reason = f"{told(hit.score)}, place {place} of the first {len(hits)}{why}"
            kept.append((hit, reason))
            if not self.config.neighbours:
                continue
            if self.corpus is None:
                raise UsageError(f"{self.name}: {NO_CORPUS}")
            for passage in self.corpus.neighbours(hit.passage, query, self.config.neighbours):
                if passage.id not in own:
                    kept.append((Hit(passage, hit.score), f"stands beside {hit.passage.id}"))
        return kept


def _why(cut: Cut, size: int, config: ElbowConfig) -> str:
    """What ended the selection, as the end of a sentence."""
    if size != cut.size:
        return config.bound(cut.size, size)
    if cut.rule in ("flat", "all", "short"):
        return " (no drop stands out)"
    return f", before a drop of {figure(cut.gap)} ({figure(cut.z)} deviations over the mean)"
