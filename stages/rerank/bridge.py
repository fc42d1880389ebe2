"""Rerank what the best passage leads to: each other passage beside the question and that one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from assay.models.protocols import CrossEncoder
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.words import Hit, Query, Ranking
from assay.stages.rerank.pointwise import arranged
from assay.stages.rerank.unit_vectors import hides, visible
from assay.stages.windows.passage_text import read
from assay.stages.windows.window import Sizes


class BridgeConfig(Config):
    """Settings of ``rerank.bridge@1``."""

    depth: int = Field(
        20,
        ge=2,
        le=1000,
        description="passages that take part, the best one among them; those behind them follow in"
        " the order and with the scores with which they came",
    )
    words: int = Field(
        90, ge=8, le=10_000, description="most words of the best passage beside the question"
    )


@register("rerank.bridge@1")
class BridgeRerank(Node):
    """The best passage stays; the others are scored against the question together with it.

    For questions of two steps ("who is the mother of the director of ..."): the passage of the
    second step shares few words with the question and many with the passage of the first. A
    cross-encoder that reads question and first passage as one text sees what they share. Source:
    Xiong et al. 2021, "Answering Complex Open-Domain Questions with Multi-Hop Dense Retrieval",
    section 2, where question and passage so far are the next step's question; here a reranker
    reads them, and nothing is trained for it.

    Where one passage answers, the scores say what is like the best passage, which may be wrong:
    give the result to ``rerank.blend`` beside the ranking that it was given, ``normalise:
    min_max`` (``benchmarks/rerank_quality.py`` tells what it gains and loses). The ranking that
    comes in should be a good one, for one planted passage at its head steers the order of all
    others. What markup hides is not read beside the question (noted as ``hidden``).

    A passage for which the model gives no number keeps its place and is counted as
    ``passages_failed``. Cost: at least one call a passage but the best, in one round; each reads
    the best passage again.

    Args:
        config: see ``BridgeConfig``.
        model: gives the scores, of the kind that it names.
    """

    Config = BridgeConfig
    gives = ("logit",)

    def __init__(self, config: BridgeConfig, *, model: CrossEncoder) -> None:
        super().__init__(config)
        self.model = model

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Ranking:
        """Rerank the best ``depth`` hits behind the first; the others follow as they came."""
        return self.run_batch([{"query": query, "ranking": ranking}], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Rerank for several queries in one call of the model; see ``run``."""
        pairs: list[tuple[str, str]] = []
        owners: list[RunContext] = []
        heads: list[tuple[Hit, ...]] = []
        for item, context in zip(items, contexts, strict=True):
            head = item["ranking"].hits[: self.config.depth]
            heads.append(head)
            if len(head) < 2:
                continue
            context.note(bridge=head[0].passage.id, hidden=hides(head[0].passage))
            asked = f"{item['query'].text} {self._words(visible(head[0].passage))}"
            pairs += [(asked, read(hit.passage)) for hit in head[1:]]
            owners += [context] * (len(head) - 1)
        values = iter(self.model.score(pairs, owners).tolist() if pairs else ())
        outputs = []
        for item, head, context in zip(items, heads, contexts, strict=True):
            hits = item["ranking"].hits
            if len(head) < 2:
                outputs.append(Ranking(item["query"], hits, self.name))
                continue
            own = [float(next(values)) for _ in head[1:]]
            context.count(passages_failed=sum(math.isnan(one) for one in own))
            # Nothing is said of the first, which so keeps its place.
            found = arranged(head, [math.nan, *own], self.model.kind, self.name)
            outputs.append(Ranking(item["query"], (*found, *hits[len(head) :]), self.name))
        return outputs

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """A call a passage but the first, of query, first passage, passage and marks."""
        calls = max(0, min(n, self.config.depth) - 1)
        beside = min(sizes.passage, self.config.words * 4 // 3)
        return Cost(
            calls=calls,
            rounds=min(1, calls),
            tokens_in=calls * (sizes.query + beside + sizes.passage + sizes.marks),
        )

    def _words(self, text: str) -> str:
        """The beginning of a text."""
        return " ".join(text.split()[: self.config.words])
