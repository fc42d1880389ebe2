"""Small real components for tests: an embedder without a model, documents, a corpus."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from assay.corpora.analyzer import words
from assay.corpora.corpus import IndexReport
from assay.corpora.document import Document
from assay.corpora.local import LocalCorpus
from assay.models.account import book
from assay.models.protocols import Embedder, Floats
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.words import Query, Scope

LOCAL = Scope("local")
DIMENSION = 64


class WordHashEmbedder(Embedder):
    """Sum of one pseudo-random vector a word; counts what it embeds, may fail on demand."""

    def __init__(
        self,
        salt: str = "",
        fail_after: int | None = None,
        compared: Literal["cosine", "dot"] = "cosine",
    ) -> None:
        super().__init__(Config())
        self.compared = compared
        self.salt = salt
        self.fail_after = fail_after
        self.embedded: list[str] = []

    @property
    def dimension(self) -> int:
        return DIMENSION

    @property
    def similarity(self) -> Literal["cosine", "dot"]:
        return self.compared

    def fingerprint(self) -> str:
        return f"word-hash-{self.salt}"

    def embed_queries(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        book(contexts, [0] * len(texts), [0.0] * len(texts))
        return np.stack([self._vector(text) for text in texts])

    def embed_passages(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        if self.fail_after is not None and len(self.embedded) >= self.fail_after:
            raise KeyboardInterrupt
        self.embedded += texts
        book(contexts, [0] * len(texts), [0.0] * len(texts))
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> Floats:
        total = np.zeros(DIMENSION, dtype=np.float32)
        for word in words(text):
            seed = int(hashlib.sha256((self.salt + word).encode()).hexdigest()[:8], 16)
            total += np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
        return total / max(float(np.linalg.norm(total)), 1e-9)


def silent(stage: str, done: int, total: int) -> None:
    """A progress listener that is not interested."""


def document(name: str, text: str, **more: object) -> Document:
    """A document of the local tenant."""
    return Document(**{"id": name, "text": text, "scope": LOCAL, **more})  # type: ignore[arg-type]


def ask(text: str, **more: object) -> Query:
    """A question of the local tenant."""
    return Query(**{"text": text, "scope": LOCAL, **more})  # type: ignore[arg-type]


def corpus_at(path: Path, embedder: Embedder | None = None, **config: object) -> LocalCorpus:
    """A corpus that is not started."""
    settings = LocalCorpus.Config.model_validate({"path": str(path), **config})
    return LocalCorpus(settings, embedder=embedder)


def index(corpus: LocalCorpus, documents: Iterable[Document]) -> IndexReport:
    """Index without a word."""
    return corpus.index(documents, skipped={}, progress=silent)


def started(
    path: Path, documents: Iterable[Document], embedder: Embedder | None = None, **config: object
) -> LocalCorpus:
    """An indexed corpus, ready to be searched."""
    corpus = corpus_at(path, embedder, **config)
    index(corpus, documents)
    corpus.start()
    return corpus
