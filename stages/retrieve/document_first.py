"""Retrieve documents first, then passages inside the best of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, NonNegativeFloat, field_validator

from assay.corpora.candidate_documents import Signal, candidates, home_of, inside
from assay.corpora.corpus import Corpus
from assay.corpora.filters import And, Filter
from assay.corpora.fusion import weighted_fusion
from assay.corpora.labels import labels_of_passage
from assay.corpora.where import DESCRIPTION, filter_of, where_problems
from assay.models.protocols import Floats
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.words import Hit, Passage, Query, QueryVariants, Ranking, Score, ScoreKind
from assay.stages.retrieve.wordings import merged, wordings
from assay.stages.windows.window import Sizes


class DocumentFirstConfig(Config):
    """Settings of ``retrieve.document_first@1``."""

    k: int = Field(50, ge=1, le=10_000, description="most passages retrieved")
    where: str = Field("", description=DESCRIPTION)
    mode: Literal["bm25", "dense", "both"] = Field(
        "bm25", description="how passages are searched: by words, by meaning, or by both"
    )
    documents: int = Field(10, ge=1, le=500, description="documents that are searched inside")
    by: str = Field(
        "file",
        min_length=1,
        description="label that the passages of one document share; one without it is told by the"
        " id of its document",
    )
    pool: int = Field(
        100, ge=1, le=10_000, description="passages of the first search, per way of searching"
    )
    weights: dict[Signal, NonNegativeFloat] = Field(
        default={"best": 1.0, "pooled": 1.0, "title": 1.0, "names": 1.0, "dates": 1.0},
        description="of the evidence for a document: its 'best' passage, its best few 'pooled',"
        " its 'title', 'names' and 'dates' that it shares with the question",
    )
    share: float = Field(
        0.6, ge=0.0, le=1.0, description="how much of a passage's score is its document's"
    )
    unnamed: Literal["plain", "pooled"] = Field(
        "plain",
        description="where the question names no document: 'plain' retrieval, or documents by"
        " their passages alone",
    )
    only: bool = Field(
        False, description="leave out passages of documents that are not searched inside"
    )
    listed: int = Field(
        20_000,
        ge=0,
        le=10_000_000,
        description="most passages of a corpus whose documents are all looked at; those of a"
        " larger one are found by their passages and titles",
    )

    @field_validator("weights")
    @classmethod
    def _any(cls, weights: dict[Signal, float]) -> dict[Signal, float]:
        if not any(weights.values()):
            raise ValueError("one weight or more must be above 0")
        return weights


@dataclass(frozen=True, slots=True)
class _Scale:
    """Scores of one way of searching on a scale of 0 to 1, the same in both searches."""

    low: float
    high: float

    @classmethod
    def of(cls, hits: Sequence[Hit]) -> _Scale:
        """From the least of these scores to the largest."""
        scores = [hit.score.value for hit in hits]
        return cls(min(scores, default=0.0), max(scores, default=0.0))

    def __call__(self, value: float) -> float:
        if self.high <= self.low:
            return 1.0
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


@register("retrieve.document_first@1")
class DocumentFirst(Node):
    """The passages of the documents that a question is about, best first.

    For questions such as "What did Acme spend on research in fiscal 2020?", where many documents
    have such a passage and one is asked for.

    1. The first search gives ``pool`` passages. With ``m`` the ways of searching (one or two), a
       passage's score is ``s = sum over ways of (score - min) / (max - min) / m``, min and max
       over the way's pool (1 where all are equal), 0 from a way that lacks it.
    2. Documents are scored by ``D = max(0, sum of weight * signal / sum of weights)``:
       ``corpora.candidate_documents.candidates`` says which and what the signals are.
    3. The best ``documents`` by D, above 0 and of equal ones the lower id, are searched inside, by
       the same ways, ``pool`` passages; scores on the scales of step 1, cut to 0 and 1.
    4. Every passage of both searches gets ``(1 - share) * s + share * D`` of its document (kind
       ``fused``); best first, of equal ones the lower id. With ``only`` those of other documents
       are left out.

    Where no document has a title, a name or a time that the question says, this is plain
    retrieval: step 1 and no more, unless ``unnamed`` says otherwise.

    Where equal passages were merged, a passage that stands for one in a document that is searched
    inside, and is of another itself, has the D of its own document if that is known, else of
    the last one that is searched inside. Several wordings are merged by reciprocal rank fusion
    (k = 60), of kind ``rrf``. The run record has ``documents_named`` (candidates that the question
    names) and ``documents_searched``.

    Sources: Callan 1994, "Passage-level evidence in document retrieval", SIGIR, which ranks
    documents by their best passages, here turned round; Liu and Croft 2002, "Passage retrieval
    based on language models", CIKM, which mixes the scores of a passage and of its document.

    Cost: with ``dense`` and ``both`` one embedding a wording; no other model calls.

    Args:
        config: see ``DocumentFirstConfig``.
        corpus: what is searched; with ``dense`` and ``both`` it needs an embedder.
    """

    Config = DocumentFirstConfig
    gives = ("fused", "rrf")

    def __init__(self, config: DocumentFirstConfig, *, corpus: Corpus) -> None:
        super().__init__(config)
        self._corpus = corpus

    @property
    def needs(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """What it searches."""
        return {"corpus": ("bm25", "dense") if self.config.mode == "both" else (self.config.mode,)}

    def prepare(self, base: Path) -> Iterable[str]:
        """What is wrong with ``where``."""
        return where_problems(self.config.where)

    def run(self, query: Query | QueryVariants, context: RunContext) -> Ranking:
        """Search; the ranking's query is the main wording."""
        return self.run_batch([{"query": query}], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Search for several queries, embedded in one call; see ``run``."""
        asked = [wordings(item["query"]) for item in items]
        owners = [context for own, context in zip(asked, contexts, strict=True) for _ in own]
        texts = [query.text for own in asked for query in own]
        vectors: Iterable[Floats | None] = [None] * len(texts)
        if texts and self.config.mode != "bm25":
            vectors = self._corpus.embed(texts, owners)
        waiting = iter(vectors)
        found: list[Ranking] = []
        for own, context in zip(asked, contexts, strict=True):
            rankings = [self._search(query, next(waiting), context) for query in own]
            found.append(merged(rankings, source=self.name, limit=self.config.k))
        return found

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """One embedding for one wording, unless the mode is ``bm25``.

        Args:
            n: passages that come in: none.
            sizes: of which the question's length counts.
        """
        calls = int(self.config.mode != "bm25")
        return Cost(calls=calls, rounds=calls, tokens_in=calls * sizes.query)

    def _search(self, query: Query, vector: Floats | None, context: RunContext) -> Ranking:
        config = self.config
        where = filter_of(config.where)
        context.check()
        pools = self._hits(query, vector, where)
        plain = weighted_fusion(
            query,
            {name: Ranking(query, tuple(hits), name) for name, hits in pools.items()},
            scheme="min_max",
            source=self.name,
        )
        context.check()
        known = candidates(
            self._corpus,
            query,
            [(hit.passage, hit.score.value) for hit in plain.hits],
            by=config.by,
            where=where,
            titles=config.pool,
            listed=config.listed,
        )
        named = sum(one.is_named for one in known.values())
        context.count(documents_named=named)
        if not named and config.unnamed == "plain":
            return Ranking(query, plain.hits[: config.k], self.name)
        scores = {key: one.score(config.weights) for key, one in known.items()}
        order = sorted(scores, key=lambda key: (-scores[key], key))
        best = [key for key in order if scores[key] > 0][: config.documents]
        if not best:
            return Ranking(query, plain.hits[: config.k], self.name)
        context.count(documents_searched=len(best))
        context.check()
        within = inside((known[key].home for key in best), config.by)
        again = self._hits(query, vector, within if where is None else And((where, within)))
        return self._joined(plain, _rescaled(again, pools), scores, best)

    def _hits(
        self, query: Query, vector: Floats | None, where: Filter | None
    ) -> dict[str, Sequence[Hit]]:
        """Hits of each way of searching."""
        corpus, pool = self._corpus, self.config.pool
        found: dict[str, Sequence[Hit]] = {}
        if self.config.mode != "dense":
            found["bm25"] = corpus.search_bm25(query, pool, where=where)
        if vector is not None:
            is_null = not np.any(vector)  # nothing was said, so nothing is like it
            found["dense"] = (
                [] if is_null else corpus.search_vector(vector, query, pool, where=where)
            )
        return found

    def _joined(
        self,
        plain: Ranking,
        within: Mapping[str, tuple[Passage, float]],
        scores: Mapping[str, float],
        best: Sequence[str],
    ) -> Ranking:
        """Step 4 of the class's method."""
        config = self.config
        found = dict(within)
        if not config.only:
            for hit in plain.hits:
                found.setdefault(hit.passage.id, (hit.passage, hit.score.value))
        values: dict[str, float] = {}
        for name, (passage, own) in found.items():
            home = home_of(labels_of_passage(passage), config.by)
            whole = scores.get(home.key, scores[best[-1]])
            values[name] = (1 - config.share) * own + config.share * whole
        order = sorted(values, key=lambda name: (-values[name], name))[: config.k]
        hits = (
            Hit(found[name][0], Score(min(1.0, values[name]), ScoreKind.FUSED, self.name))
            for name in order
        )
        return Ranking(plain.query, tuple(hits), self.name)


def _rescaled(
    again: Mapping[str, Sequence[Hit]], pools: Mapping[str, Sequence[Hit]]
) -> dict[str, tuple[Passage, float]]:
    """Passages of a second search, with their scores on the scale of the first."""
    found: dict[str, tuple[Passage, float]] = {}
    for way, hits in again.items():
        scale = _Scale.of(pools[way])
        for hit in hits:
            _, before = found.get(hit.passage.id, (hit.passage, 0.0))
            found[hit.passage.id] = (hit.passage, before + scale(hit.score.value) / len(again))
    return found
