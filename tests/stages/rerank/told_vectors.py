"""A linear bag-of-vectors embedder: texts say their vectors, as ``at:0.6:0.8``."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from assay.models.account import book
from assay.models.protocols import Embedder, Floats
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.text import WORD, words
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind

READER = Scope("a")
AT = re.compile(r"\bat:(-?[\d.]+):(-?[\d.]+)")


class ToldVectors(Embedder):
    """The sum of all vectors that a text says, of any length; 0 for a text that says none."""

    def __init__(self) -> None:
        super().__init__(Config())
        self.queries: list[list[str]] = []
        self.passages: list[list[str]] = []

    def fingerprint(self) -> str:
        return "told"

    @property
    def dimension(self) -> int:
        return 2

    def token_offsets(self, text: str) -> Sequence[tuple[int, int]]:
        return [found.span() for found in WORD.finditer(text)]

    def embed_queries(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        self.queries.append(list(texts))
        return self._embed(texts, contexts)

    def embed_passages(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        self.passages.append(list(texts))
        return self._embed(texts, contexts)

    def _embed(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        book(contexts, [len(words(text)) for text in texts], [0.0] * len(texts))
        found = [
            np.sum([[0.0, 0.0], *([float(x), float(y)] for x, y in AT.findall(text))], axis=0)
            for text in texts
        ]
        return np.array(found, dtype=np.float32).reshape(-1, 2)


def at(*vector: float, more: str = "") -> str:
    """A text that says a vector, and more."""
    return f"at:{vector[0]}:{vector[1]} {more}".strip()


def asks(*vector: float) -> Query:
    """A question that says a vector."""
    return Query(at(*vector), READER)


def said(*texts: str, query: Query, scores: Sequence[float] | None = None) -> Ranking:
    """Texts in a first-stage order; ids are letters in that order."""
    values = scores or [float(-place) for place in range(len(texts))]
    return Ranking(
        query,
        tuple(
            Hit(Passage(name, f"d{name}", text, query.scope), Score(value, ScoreKind.BM25, "first"))
            for name, text, value in zip("abcdefghijklmnopqrstuvwxyz", texts, values, strict=False)
        ),
        "first",
    )


def shown(ranking: Ranking) -> list[tuple[str, float]]:
    """Ids with scores to 4 digits."""
    return [(hit.passage.id, round(hit.score.value, 4)) for hit in ranking.hits]
