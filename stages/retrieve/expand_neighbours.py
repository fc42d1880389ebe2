"""Add what stands around the best passages in their documents."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from assay.corpora.corpus import Corpus
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Passage, Query, Ranking


class ExpandNeighboursConfig(Config):
    """Settings of ``retrieve.expand_neighbours@1``."""

    distance: int = Field(1, ge=1, le=20, description="places on each side of a hit that are added")
    top: int = Field(10, ge=1, le=10_000, description="best hits whose neighbours are added")
    depth: int | None = Field(
        None, ge=1, le=100_000, description="length of the new ranking; none for no limit"
    )


@register("retrieve.expand_neighbours@1")
class ExpandNeighbours(Node):
    """A ranking with the neighbours of its best hits, from the same documents.

    A neighbour stands right behind the hit that brought it and carries that hit's score, kind
    and source: it was not scored itself, and of all hits that one says most about it. Of several
    neighbours the nearest comes first, of two as near the earlier one. The hits that came in keep
    their order; each passage comes once, at its own place where it was found itself, else behind
    the best hit that brings it.

    Neighbours are what the ranking's query may read; filters do not count, for they hold or fail
    for a whole document. How many were added stands in the run record. Cost: no model calls.

    Args:
        config: see ``ExpandNeighboursConfig``.
        corpus: holds the passages of the ranking.
    """

    Config = ExpandNeighboursConfig

    def __init__(self, config: ExpandNeighboursConfig, *, corpus: Corpus) -> None:
        super().__init__(config)
        self._corpus = corpus

    def run(self, ranking: Ranking, context: RunContext) -> Ranking:
        """Expand; an empty ranking stays empty."""
        own = frozenset(ranking.ids)
        seen = set(own)
        found: list[Hit] = []
        for rank, hit in enumerate(ranking.hits):
            found.append(hit)
            if rank >= self.config.top:
                continue
            context.check()
            for passage in self._around(hit.passage, ranking.query):
                if passage.id not in seen:
                    seen.add(passage.id)
                    found.append(Hit(passage, hit.score))
        kept = tuple(found[: self.config.depth])
        context.note(added=sum(hit.passage.id not in own for hit in kept))
        return Ranking(ranking.query, kept, self.name)

    def _around(self, passage: Passage, query: Query) -> Iterable[Passage]:
        """Neighbours, the nearest first; last those that stand for a merged duplicate elsewhere."""
        return sorted(
            self._corpus.neighbours(passage, query, self.config.distance),
            key=lambda one: (one.document_id != passage.document_id, _apart(one, passage)),
        )


def _apart(one: Passage, other: Passage) -> tuple[int, int]:
    return (abs(one.position - other.position), one.position)
