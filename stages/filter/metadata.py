"""Keep the hits of a ranking for which a filter holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pydantic import Field

from assay.corpora.labels import labels_of_passage
from assay.corpora.where import filter_of, where_problems
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.words import Ranking


class MetadataConfig(Config):
    """Settings of ``filter.metadata@1``."""

    where: str = Field(
        min_length=1,
        max_length=50_000,
        description="filter that must hold, such as year >= 2020 and not draft = true",
    )


@register("filter.metadata@1")
class Metadata(Node):
    """A ranking without the hits for which a filter is not known to hold.

    The filter sees what ``labels_of_passage`` says; ``assay.corpora.filters`` has its language.
    Order, scores and their kinds stay. How many hits were kept and dropped stands in the run
    record.

    It looks at what was found already, so fewer than k may remain: where the filter is the same
    for every question and the hits come from a corpus, the retrieve node's ``where`` filters
    before the best are taken. Passages that were merged because they say the same have the labels
    of the one that stands for them, here, but are found by those of any of them, there.
    Cost: no model calls.
    """

    Config = MetadataConfig

    def prepare(self, base: Path) -> Iterable[str]:
        """What is wrong with ``where``."""
        if not self.config.where.strip():
            return ("'where' says nothing; write a filter, such as year >= 2020",)
        return where_problems(self.config.where)

    def run(self, ranking: Ranking, context: RunContext) -> Ranking:
        """Keep what fits; an empty ranking stays empty."""
        wanted = filter_of(self.config.where)
        kept = tuple(
            hit
            for hit in ranking.hits
            if wanted is None or wanted.holds(labels_of_passage(hit.passage))
        )
        context.note(kept=len(kept), dropped=len(ranking.hits) - len(kept))
        return replace(ranking, hits=kept)
