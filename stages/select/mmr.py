"""Keep what is relevant and unlike what is kept already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from assay.corpora.fusion import Scheme, normalised
from assay.models.protocols import Floats
from assay.pipeline.component import register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Query, Ranking, Selection
from assay.stages.rerank.diversity import Marginal, marginal_relevances
from assay.stages.rerank.unit_vectors import cosines
from assay.stages.rerank.vector_node import VectorNode
from assay.stages.select.bounds import Bounds
from assay.stages.select.choice import chosen
from assay.stages.select.figures import figure


class MmrConfig(Bounds):
    """Settings of ``select.mmr@1``."""

    max_k: int | None = Field(
        5, ge=1, le=1000, description="most hits kept, best first; none for no limit"
    )
    floor: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="marginal value that a passage must have to be kept; none lets max_k decide",
    )
    share: float = Field(
        0.5, ge=0, le=1, description="weight of relevance; likeness to what is kept has the rest"
    )
    scheme: Scheme | None = Field(
        "z_score",
        description="how scores become relevances of 0 to 1, by comparison with the other hits;"
        " none takes them as they are, so that 'floor' means the same for every question",
    )
    depth: int = Field(100, ge=1, le=1000, description="best hits that are looked at")


@register("select.mmr@1")
class Mmr(VectorNode):
    """Maximal marginal relevance, cut by a number or where a passage adds too little.

    Takes, each time, the passage with the largest marginal value
    ``share rel(d) - (1 - share) max_s cos(d, s)`` over the passages s kept before, until there are
    ``max_k`` or the value falls below ``floor``. Values never rise, so nothing behind the cut is
    worth more. Source: Carbonell and Goldstein 1998; cosines below 0 are taken as 0. As
    ``rerank.diversify`` with method ``mmr``, which keeps all.

    Relevance is over the leading hits with scores of one kind; those behind have 0. Vectors come
    from one of two resources, ``corpus`` (at no cost) or ``embedder``. Cost: with an embedder one
    call a passage, in one round; else none.
    """

    Config = MmrConfig

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
        """Select; the kept are in the order in which they were taken.

        Raises:
            UsageError: if a passage is not in the corpus, or scores do not fit the scheme.
        """
        return self.run_batch([{"query": query, "ranking": ranking}], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Selection]:
        """Select for several queries, with their passages embedded together; see ``run``."""
        heads = [item["ranking"].hits[: self.config.depth] for item in items]
        groups = [[hit.passage for hit in head] for head in heads]
        vectors = self.vectors.of_passages(groups, [item["query"] for item in items], contexts)
        return [
            self._select(item["query"], item["ranking"], head, rows)
            for item, head, rows in zip(items, heads, vectors, strict=True)
        ]

    def _select(
        self, query: Query, ranking: Ranking, head: Sequence[Hit], rows: Floats
    ) -> Selection:
        config = self.config
        relevance = self._relevance(ranking, len(head))
        likeness = np.maximum(cosines(rows, rows), 0.0).astype(np.float64)
        order = marginal_relevances(relevance, likeness, config.share)
        wanted = sum(config.floor is None or one.value >= config.floor for one in order)
        size = config.bounded(wanted, len(order))
        end = config.bound(wanted, size)
        places = {one.place: number for number, one in enumerate(order)}

        def why(one: Marginal) -> str:
            said = f"marginal value {figure(one.value)}"
            if config.floor is not None:
                side = "at least" if one.value >= config.floor else "below"
                said += f", {side} {figure(config.floor)}"
            near = "" if one.nearest is None else head[one.nearest].passage.id
            said += f": relevance {figure(float(relevance[one.place]))}"
            return said + (f", likeness {figure(one.likeness)} to {near}" if near else "")

        def dropped(place: int, hit: Hit) -> str:
            if place >= len(head):
                return f"place {place + 1}, behind the first {config.depth} that are looked at"
            number = places[place]
            return why(order[number]) + (end if number < wanted else "")

        kept = [
            (head[one.place], why(one) + (end if number >= wanted else ""))
            for number, one in enumerate(order[:size])
        ]
        return chosen(query, ranking, kept, dropped)

    def _relevance(self, ranking: Ranking, size: int) -> np.typing.NDArray[np.float64]:
        """Of the first ``size`` hits, 0 to 1; 0 where the score is of another kind."""
        alike = ranking.alike[:size]
        if self.config.scheme is None:
            values = [hit.score.value for hit in alike]
            wrong = next((hit for hit in alike if not 0 <= hit.score.value <= 1), None)
            if wrong is not None:
                raise UsageError(
                    f"{self.name}: without a 'scheme' scores are relevances of 0 to 1, found"
                    f" {figure(wrong.score.value)} of kind '{wrong.score.kind}' from"
                    f" {wrong.score.source}: set 'scheme'"
                )
        else:
            values = normalised(Ranking(ranking.query, alike, ranking.source), self.config.scheme)
        return np.array(values + [0.0] * (size - len(values)), dtype=np.float64)
