"""What the embedders that run in this process share: prefixes, windows, accounts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Generic, Literal, TypeVar

import numpy as np
from pydantic import Field

from assay.models.account import book, check
from assay.models.files.catalogue import CatalogueEntry
from assay.models.pooling import pooled
from assay.models.protocols import Embedder, Floats
from assay.models.text_windows import Window
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.errors import AssayError, ModelError

Engine = TypeVar("Engine")


class LocalEmbedderConfig(Config):
    """Settings that every local embedder has."""

    query_prefix: str | None = Field(
        None,
        description="put before each query; left out, what the catalogue or the model's files say",
    )
    passage_prefix: str | None = Field(
        None,
        description="put before each window of a passage; left out, what the catalogue or the"
        " model's files say",
    )
    normalise: bool = Field(
        True,
        description="vectors of length 1, compared by cosine; false keeps their length, and they"
        " are compared by dot product",
    )


class LocalEmbedder(Embedder, Generic[Engine]):
    """Texts in windows, windows through the engine, their vectors averaged.

    A subclass loads its engine in ``start`` and says how it cuts, runs and counts.
    """

    def __init__(self, config: LocalEmbedderConfig) -> None:
        super().__init__(config)
        self._engine: Engine | None = None
        self._dimension = 0
        self._query_prefix = ""
        self._passage_prefix = ""

    @property
    def similarity(self) -> Literal["cosine", "dot"]:
        """``cosine`` where vectors are brought to length 1, else ``dot``."""
        return "cosine" if self.config.normalise else "dot"

    @property
    def dimension(self) -> int:
        """Length of a vector; known after ``start``."""
        self._loaded()
        return self._dimension

    def embed_queries(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """Vectors of queries, shape ``(len(texts), dimension)``. Cost: a call a window."""
        return self._embed(texts, contexts, self._query_prefix)

    def embed_passages(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """Vectors of passages, shape ``(len(texts), dimension)``. Cost: a call a window."""
        return self._embed(texts, contexts, self._passage_prefix)

    @abstractmethod
    def _cut(self, text: str, prefix: str, context: RunContext | None) -> list[Window]:
        """The windows of a text, each with the prefix before it."""

    @abstractmethod
    def _run(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Floats]:
        """A vector of shape ``(dimension,)`` for each window, as the model gives it."""

    @abstractmethod
    def _flops(self, tokens: int) -> float:
        """Operations for a window of so many tokens."""

    def _settle(self, entry: CatalogueEntry | None, *, query: str = "", passage: str = "") -> None:
        """Settle the prefixes, and learn the dimension from a first vector; ends ``start``.

        Args:
            entry: of the catalogue, None for the user's own model.
            query: prefix of queries that the model's own files name.
            passage: prefix of passages that they name.
        """
        if entry is not None and entry.embedding is not None:
            query, passage = entry.embedding.query_prefix, entry.embedding.passage_prefix
        said = self.config.query_prefix, self.config.passage_prefix
        self._query_prefix = query if said[0] is None else said[0]
        self._passage_prefix = passage if said[1] is None else said[1]
        try:
            for prefix in (self._query_prefix, self._passage_prefix):
                self._cut("", prefix, None)
            first = self._run(self._cut("a", "", None), [RunContext()])
        except AssayError:
            self.close()
            raise
        self._dimension = len(first[0])

    def _embed(self, texts: Sequence[str], contexts: Sequence[RunContext], prefix: str) -> Floats:
        self._loaded()
        check(contexts)
        made = np.zeros((len(texts), self._dimension), dtype=np.float32)
        cut = [
            self._cut(text, prefix, context) for text, context in zip(texts, contexts, strict=True)
        ]
        flat = [window for windows in cut for window in windows]
        owners = [
            context
            for windows, context in zip(cut, contexts, strict=True)
            for context in [context] * len(windows)
        ]
        found = iter(self._run(flat, owners))
        tokens = [len(window.ids) for window in flat]
        for row, (windows, context) in enumerate(zip(cut, contexts, strict=True)):
            context.count(texts_windowed=int(len(windows) > 1))
            vectors = [next(found) for _ in windows]
            weights = [window.own for window in windows]
            made[row] = pooled(vectors, weights, normalise=self.config.normalise)
        book(owners, tokens, [self._flops(one) for one in tokens])
        return made

    def _loaded(self) -> Engine:
        if self._engine is None:
            raise ModelError(f"{self.name} is not loaded: call start() first")
        return self._engine
