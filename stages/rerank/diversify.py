"""Rerank so that the first passages cover the sides of a question, not one side several times."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from assay.corpora.fusion import Scheme, normalised
from assay.models.protocols import Floats
from assay.pipeline.component import register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import UsageError, nearest
from assay.pipeline.readable import require_readable
from assay.pipeline.words import Hit, Query, QueryVariants, Ranking, Score, ScoreKind
from assay.stages.rerank.diversity import (
    Values,
    maximal_marginal_relevance,
    round_robin,
    xquad,
)
from assay.stages.rerank.unit_vectors import cosines
from assay.stages.rerank.vector_rerank import VectorRerank, VectorRerankConfig
from assay.stages.windows.window import Sizes

NONE: Mapping[str, Ranking] = MappingProxyType({})


class DiversifyConfig(VectorRerankConfig):
    """Settings of ``rerank.diversify@1``."""

    method: Literal["mmr", "xquad", "round_robin"] = Field(
        "mmr",
        description="mmr: unlike what was taken; xquad: aspects that were not covered yet;"
        " round_robin: the aspects take turns",
    )
    aspects: Literal["rankings", "wordings"] | None = Field(
        None,
        description="what the aspects are: one ranking for each (port 'rankings') or wordings of"
        " the question (port 'variants'); none for mmr",
    )
    share: float = Field(
        0.5, ge=0, le=1, description="mmr and xquad: weight of relevance; diversity has the rest"
    )
    wordings: int = Field(
        4, ge=1, le=20, description="aspects wordings: most that are taken, the question first"
    )
    weights: dict[str, float] | None = Field(
        None, description="xquad over rankings: weight of each; none for equal ones"
    )
    scheme: Scheme = Field(
        "z_score", description="mmr and xquad: how scores become relevances of 0 to 1"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> DiversifyConfig:
        if (self.method == "mmr") != (self.aspects is None):
            raise ValueError(
                "'aspects' is for xquad and round_robin, which need it: rankings or wordings; mmr"
                " has none"
            )
        if self.weights is not None:
            if self.method != "xquad" or self.aspects != "rankings":
                raise ValueError("'weights' is for method xquad with aspects rankings")
            if min(self.weights.values(), default=0) < 0 or not any(self.weights.values()):
                raise ValueError("'weights' are at least 0, and one is above 0")
        return self


@register("rerank.diversify@1")
class DiversifyRerank(VectorRerank):
    """Put passages that add something early; see ``assay.stages.rerank.diversity``.

    Aspects are what a question asks for besides itself: each a ranking of its own, retrieved or
    reranked for a part of the question (port ``rankings``), or wordings of the question (port
    ``variants``, from ``rewrite.multi_query``), for which the passages are ranked by cosine. Only
    passages of ``ranking`` come out: what else an aspect's ranking holds is counted in the run
    record as ``strangers``. Aspects take their turns in the order of the alphabet, wordings in
    their own, the question first.

    Relevance is the first-stage score, normalised by ``scheme`` over the reranked hits; the best
    leading hits with scores of one kind count, those behind them have 0. Source: round robin over
    aspects as in Marikarp 2025 (SIGIR LiveRAG); xQuAD: Santos et al. 2010; MMR: Carbonell and
    Goldstein 1998, with cosines below 0 taken as 0.

    Cost: no model calls for ``mmr`` over a corpus's vectors and for aspects ``rankings``; aspects
    ``wordings`` one embedding each, in one round. With an embedder in place of a corpus one more
    for each passage, where vectors are compared.
    """

    Config = DiversifyConfig
    gives = ("order",)

    @property
    def compares_vectors(self) -> bool:
        """Rankings that come with the aspects need no vectors."""
        return bool(self.config.aspects != "rankings")

    def check_ports(self, names: Mapping[str, Collection[str]]) -> list[str]:
        """What is wrong between the config and the rankings that are wired.

        Args:
            names: port to the keys that feed it.

        Returns:
            One sentence a problem.
        """
        inputs = sorted(names.get("rankings", ()))
        if self.config.aspects != "rankings":
            said = f"'aspects' is {self.config.aspects or 'none'}"
            return [f"{said}, but 'rankings' is wired: nothing reads it"] if inputs else []
        if not inputs:
            return ["'aspects' is rankings, but the port 'rankings' is not fed"]
        weights = self.config.weights
        if weights is None:
            return []
        unknown = [
            f"weight for '{one}', which is no input; {nearest(one, inputs)}"
            for one in sorted(set(weights) - set(inputs))
        ]
        return unknown + [f"no weight for '{one}'" for one in inputs if one not in weights]

    def run(
        self,
        query: Query,
        ranking: Ranking,
        context: RunContext,
        rankings: Mapping[str, Ranking] = NONE,
        variants: QueryVariants | None = None,
    ) -> Ranking:
        """Rerank the best ``depth`` hits; the others follow as they came."""
        item = {"query": query, "ranking": ranking, "rankings": rankings, "variants": variants}
        return self.run_batch([item], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Rerank for several queries, with their wordings embedded together; see ``run``.

        Raises:
            ScopeError: if an aspect's ranking holds a passage that the query may not read.
            UsageError: if the ports do not fit the config, a passage is not in the corpus, or the
                scores do not fit the scheme.
        """
        for item in items:
            self._check(item)
        heads = self.heads(items)
        busy = [number for number, head in enumerate(heads) if head]
        rows, asked = self._vectors(
            [items[number] for number in busy],
            [heads[number] for number in busy],
            [contexts[number] for number in busy],
        )
        orders: dict[int, list[int]] = {}
        for place, number in enumerate(busy):
            contexts[number].check()
            orders[number] = self._order(
                items[number], heads[number], rows[place], asked[place], contexts[number]
            )
        return [self._ranking(item, orders.get(number, [])) for number, item in enumerate(items)]

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """For as many wordings as may be; aspects that come as rankings cost nothing here."""
        depth = min(n, self.config.depth)
        if not depth or not self.compares_vectors:
            return Cost()
        wordings = self.config.wordings if self.config.aspects == "wordings" else 0
        return self.vector_cost(wordings, depth, sizes)

    def _check(self, item: Mapping[str, Any]) -> None:
        """Refuse ports that the config does not read, and those that it misses."""
        config = self.config
        rankings: Mapping[str, Ranking] | None = item.get("rankings")
        fed = {
            "rankings": rankings is not None and rankings is not NONE,
            "wordings": item.get("variants") is not None,
        }
        for aspects, port in (("rankings", "rankings"), ("wordings", "variants")):
            if fed[aspects] != (config.aspects == aspects):
                raise UsageError(
                    f"{self.name}: 'aspects' is {config.aspects or 'none'}, but the port '{port}'"
                    f" is {'fed' if fed[aspects] else 'not fed'}: change one of the two"
                )
        for name, ranking in (rankings or NONE).items():
            require_readable(ranking, item["query"].scope, f"the ranking '{name}'")
            if config.weights is not None and name not in config.weights:
                raise UsageError(f"{self.name}: no weight for the ranking '{name}'")

    def _vectors(
        self,
        items: Sequence[Mapping[str, Any]],
        heads: Sequence[Sequence[Hit]],
        contexts: Sequence[RunContext],
    ) -> tuple[Sequence[Floats | None], Sequence[Floats | None]]:
        """Of each query the vectors of its passages and of its wordings, as they are needed."""
        none: list[Floats | None] = [None] * len(items)
        if not items or not self.compares_vectors:
            return none, none
        rows = self.vectors.of_passages(
            [[hit.passage for hit in head] for head in heads],
            [item["query"] for item in items],
            contexts,
        )
        if self.config.aspects is None:
            return rows, none
        groups = [item["variants"].queries[: self.config.wordings] for item in items]
        texts = [one.text for group in groups for one in group]
        owners = [one for group, one in zip(groups, contexts, strict=True) for _ in group]
        vectors = self.vectors.of_queries(texts, owners)
        ends = np.cumsum([len(group) for group in groups])[:-1]
        return rows, list(np.split(vectors, ends))

    def _order(
        self,
        item: Mapping[str, Any],
        head: Sequence[Hit],
        rows: Floats | None,
        asked: Floats | None,
        context: RunContext,
    ) -> list[int]:
        config = self.config
        if rows is not None and asked is None:
            relevance = self._relevance(Ranking(item["query"], tuple(head), ""), head)
            likeness = np.maximum(cosines(rows, rows), 0.0).astype(np.float64)
            return maximal_marginal_relevance(relevance, likeness, config.share)
        given: Mapping[str, Ranking] = item.get("rankings") or NONE
        if rows is not None and asked is not None:
            aspects = [self._by_likeness(item["query"], head, rows, one) for one in asked]
        else:
            aspects = [given[name] for name in sorted(given)]
        places = {hit.passage.id: place for place, hit in enumerate(head)}
        kept = [
            Ranking(one.query, tuple(hit for hit in one.hits if hit.passage.id in places), "")
            for one in aspects
        ]
        context.note(aspects=len(aspects))
        ours = {hit.passage.id for hit in item["ranking"].hits}
        strange = {hit.passage.id for one in aspects for hit in one.hits} - ours
        context.count(strangers=len(strange))
        if config.method == "round_robin":
            return round_robin(len(head), [[places[name] for name in one.ids] for one in kept])
        weights = np.ones(len(kept))
        if config.weights is not None:
            weights = np.array([config.weights[name] for name in sorted(given)])
        return xquad(
            self._relevance(Ranking(item["query"], tuple(head), ""), head),
            np.array([self._relevance(one, head) for one in kept]).reshape(-1, len(head)),
            weights / max(float(weights.sum()), 1e-12),
            config.share,
        )

    def _relevance(self, ranking: Ranking, head: Sequence[Hit]) -> Values:
        """Of each hit of the head, 0 to 1; 0 where the ranking has none."""
        alike = Ranking(ranking.query, ranking.alike, "")
        values = dict(zip(alike.ids, normalised(alike, self.config.scheme), strict=True))
        return np.array([values.get(hit.passage.id, 0.0) for hit in head])

    def _by_likeness(
        self, query: Query, head: Sequence[Hit], rows: Floats, vector: Floats
    ) -> Ranking:
        """The hits by cosine with a wording, ties as they came."""
        values = [float(one) for one in cosines(rows, vector[None])[:, 0]]
        order = sorted(range(len(head)), key=lambda place: -values[place])
        return Ranking(
            query,
            tuple(
                Hit(head[place].passage, Score(values[place], ScoreKind.COSINE, self.name))
                for place in order
            ),
            self.name,
        )

    def _ranking(self, item: Mapping[str, Any], order: Sequence[int]) -> Ranking:
        hits = item["ranking"].hits
        after = [*(hits[place] for place in order), *hits[len(order) :]]
        return Ranking(
            item["query"],
            tuple(
                Hit(hit.passage, Score(1 / place, ScoreKind.ORDER, self.name))
                for place, hit in enumerate(after, 1)
            ),
            self.name,
        )
