"""Search once more with what the first search found: pseudo-relevance feedback."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from assay.corpora.corpus import Corpus
from assay.corpora.hidden_markup import hidden_spans
from assay.corpora.rendering import rendered
from assay.corpora.where import DESCRIPTION, filter_of, where_problems
from assay.models.protocols import Floats
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.readable import require_readable
from assay.pipeline.words import Passage, Query, Ranking
from assay.stages.retrieve.rocchio import Weights, expansion, moved
from assay.stages.retrieve.wordings import check_where, ranked
from assay.stages.windows.window import Sizes


class PrfConfig(Config):
    """Settings of ``retrieve.prf@1``."""

    mode: Literal["dense", "words"] = Field(
        "words", description="what is moved: the query's vector, or its words, searched by BM25"
    )
    k: int = Field(50, ge=1, le=10_000, description="most passages retrieved")
    top: int = Field(5, ge=1, le=100, description="best passages that are taken to be relevant")
    bottom: int = Field(
        0, ge=0, le=100, description="last passages of the ranking that are taken not to be"
    )
    terms: int = Field(10, ge=1, le=200, description="mode words: most words that are added")
    alpha: float = Field(1.0, ge=0, le=100, description="weight of the query")
    beta: float = Field(0.3, ge=0, le=100, description="weight of the best passages")
    gamma: float = Field(0.1, ge=0, le=100, description="weight of the last passages")
    where: str = Field("", description=DESCRIPTION)

    @model_validator(mode="after")
    def _searches_for_something(self) -> Self:
        if self.alpha == 0 and self.beta == 0:
            raise ValueError("expected 'alpha' or 'beta' above 0; else nothing is searched for")
        return self


@dataclass(frozen=True, slots=True)
class _Feedback:
    """Passages that a query is moved towards, and away from."""

    top: tuple[Passage, ...]
    bottom: tuple[Passage, ...]


@register("retrieve.prf@1")
class Prf(Node):
    """A second search, with the query moved towards the best passages of a first one.

    ``rocchio`` has the formula, its sources and its weights. Mode ``dense`` moves the query's
    embedding by the vectors that passages were indexed with and searches by the result; the
    scores are cosines with it. Mode ``words`` adds the words that weigh most in the best passages
    and searches by BM25, with weights said by repetition. Scope and filters are the query's, as
    in the first search. Feedback is read as a person would read it: what markup or invisible
    characters hide gives no words, and a passage with hidden markup no vector; how many were
    passed over stands in the run record as ``hidden``.

    An empty first ranking is handed on. Where no passage is left to learn from, the query is
    searched as it is.

    Feedback helps where a question has many good passages and costs where it has one, for it
    draws the ranking towards what stood above that one; so ``beta`` is smaller here than the
    usual 0.75. Cost: mode ``dense`` one embedding a query, those of a batch in one round; mode
    ``words`` no model calls.

    Args:
        config: see ``PrfConfig``.
        corpus: the one that was searched first.
    """

    Config = PrfConfig
    gives: ClassVar[tuple[str, ...]] = ("cosine", "bm25", "rrf")

    def __init__(self, config: PrfConfig, *, corpus: Corpus) -> None:
        super().__init__(config)
        self._corpus = corpus
        # On the object, for it depends on the config.
        self.gives = ("cosine",) if config.mode == "dense" else ("bm25", "rrf")  # type: ignore[misc]

    @property
    def needs(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """What it searches."""
        return {"corpus": ("dense",) if self.config.mode == "dense" else ("bm25",)}

    def prepare(self, base: Path) -> Iterable[str]:
        """What is wrong with ``where``."""
        return where_problems(self.config.where)

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Ranking:
        """Search again; the ranking's query stays as it was asked."""
        return self.run_batch([{"query": query, "ranking": ranking}], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Search again for several queries, embedded in one call; see ``run``.

        Raises:
            ScopeError: if a first ranking holds a passage that the query may not read.
            UsageError: if the query's own filter cannot be read, or (mode ``dense``) a passage is
                not in the corpus.
        """
        found: list[Ranking] = []
        waiting: dict[int, _Feedback] = {}
        for place, (item, context) in enumerate(zip(items, contexts, strict=True)):
            context.check()
            query, ranking = item["query"], item["ranking"]
            check_where(query)
            require_readable(ranking, query.scope, ranking.source)
            found.append(Ranking(query, (), self.name))
            if ranking.hits:
                waiting[place] = self._feedback(ranking, context)
        search = self._by_vector if self.config.mode == "dense" else self._by_words
        queries = [items[place]["query"] for place in waiting]
        owners = [contexts[place] for place in waiting]
        rankings = search(queries, list(waiting.values()), owners) if waiting else []
        for place, ranking in zip(waiting, rankings, strict=True):
            found[place] = ranking
        return found

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """One embedding in the mode ``dense``; none where nothing was found.

        Args:
            n: passages that come in.
            sizes: of which the question's length counts.
        """
        calls = int(self.config.mode == "dense" and n > 0)
        return Cost(calls=calls, rounds=calls, tokens_in=calls * sizes.query)

    def _feedback(self, ranking: Ranking, context: RunContext) -> _Feedback:
        config = self.config
        passages = [hit.passage for hit in ranking.hits]
        last = passages[max(config.top, len(passages) - config.bottom) :]
        chosen = (passages[: config.top], last if config.gamma else [])
        shown = [tuple(one for one in part if not self._passed_over(one)) for part in chosen]
        passed = sum(map(len, chosen)) - sum(map(len, shown))
        context.note(feedback=len(shown[0]), hidden=passed)
        return _Feedback(*shown)

    def _passed_over(self, passage: Passage) -> bool:
        if self.config.mode == "dense":
            return bool(hidden_spans(rendered(passage)))
        return not _visible(passage).strip()

    def _weights(self) -> Weights:
        return Weights(self.config.alpha, self.config.beta, self.config.gamma)

    def _by_vector(
        self,
        queries: Sequence[Query],
        feedback: Sequence[_Feedback],
        contexts: Sequence[RunContext],
    ) -> list[Ranking]:
        vectors = self._corpus.embed([one.text for one in queries], contexts)
        found: list[Ranking] = []
        for query, vector, learned in zip(queries, vectors, feedback, strict=True):
            if learned.top:
                top, bottom = (
                    self._unit(part, query, len(vector)) for part in (learned.top, learned.bottom)
                )
                vector = moved(_unit(vector), top, bottom, self._weights())  # noqa: PLW2901
            hits = self._corpus.search_vector(
                vector, query, self.config.k, where=filter_of(self.config.where)
            )
            found.append(ranked(query, hits, self.name))
        return found

    def _unit(self, passages: Sequence[Passage], query: Query, dimension: int) -> Floats:
        if not passages:
            return np.zeros((0, dimension), dtype=np.float32)
        return _unit(self._corpus.vectors(passages, query))

    def _by_words(
        self,
        queries: Sequence[Query],
        feedback: Sequence[_Feedback],
        contexts: Sequence[RunContext],
    ) -> list[Ranking]:
        found: list[Ranking] = []
        for query, learned, context in zip(queries, feedback, contexts, strict=True):
            context.check()
            text = query.text
            if learned.top:
                more = expansion(
                    query.text,
                    [_visible(one) for one in learned.top],
                    [_visible(one) for one in learned.bottom],
                    count=self.config.terms,
                    weights=self._weights(),
                    terms=self._corpus.terms,
                    idf=partial(self._idf, query=query),
                )
                text = more.text(query.text)
                context.note(expansion=" ".join(more.words))
            hits = self._corpus.search_bm25(
                replace(query, text=text), self.config.k, where=filter_of(self.config.where)
            )
            found.append(ranked(query, hits, self.name))
        return found

    def _idf(self, terms: Sequence[str], query: Query) -> dict[str, float]:
        """BM25's inverse document frequency of the terms that the tenant has."""
        known = self._corpus.statistics(terms, query)
        return {
            term: math.log(1 + (known.passages - count + 0.5) / (count + 0.5))
            for term, count in known.counts.items()
            if 0 < count <= known.passages
        }


def _visible(passage: Passage) -> str:
    """What is indexed of a passage, without what its markup hides."""
    text = rendered(passage)
    for span in reversed(hidden_spans(text)):
        text = f"{text[: span.start]} {text[span.end :]}"
    return text


def _unit(vectors: Floats) -> Floats:
    """Vectors of length 1; a zero vector stays."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Floats = vectors / np.maximum(lengths, 1e-12)
    return unit
