"""Where rerankers that compare vectors take them from: the corpus, or an embedder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.corpora.corpus import Corpus
from assay.corpora.hidden_markup import hidden_spans
from assay.corpora.rendering import rendered
from assay.models.protocols import Embedder, Floats
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError
from assay.pipeline.words import Passage, Query

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

PROBLEM = "give it one of the resources 'corpus' and 'embedder', the one that found the passages"
"""What a node says that got neither or both."""


class UnitVectors:
    """Vectors of length 1 of questions and passages.

    With a corpus, passages keep the vectors that they were indexed with and cost nothing. With an
    embedder they are embedded anew: one call a passage.

    Args:
        corpus: the one that the passages come from; None for none.
        embedder: used where there is no corpus.

    Raises:
        UsageError: unless exactly one of the two is given.
    """

    def __init__(self, corpus: Corpus | None, embedder: Embedder | None) -> None:
        source = embedder if corpus is None else corpus
        if source is None or None not in (corpus, embedder):
            raise UsageError(PROBLEM)
        self._source: Corpus | Embedder = source

    @property
    def passages_cost(self) -> bool:
        """Whether the vector of a passage costs a call."""
        return isinstance(self._source, Embedder)

    def of_queries(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """Vectors of texts as queries, shape ``(len(texts), dimension)``, in one call.

        Args:
            texts: at least one.
            contexts: one for each text.
        """
        if isinstance(self._source, Embedder):
            return unit_rows(self._source.embed_queries(texts, contexts))
        return unit_rows(self._source.embed(texts, contexts))

    def of_passages(
        self,
        groups: Sequence[Sequence[Passage]],
        queries: Sequence[Query],
        contexts: Sequence[RunContext],
    ) -> list[Floats]:
        """Vectors of each group of passages, shape ``(len(group), dimension)`` each.

        Args:
            groups: the passages of each query; a group may be empty.
            queries: who reads them.
            contexts: one for each group.

        Raises:
            UsageError: if a passage is not in the corpus or not to be read.
            ModelError: if a vector has a number that is not finite.
        """
        source = self._source
        if isinstance(source, Corpus):
            return [
                unit_rows(source.vectors(group, query))
                for group, query in zip(groups, queries, strict=True)
            ]
        texts = [rendered(one) for group in groups for one in group]
        owners = [context for group, context in zip(groups, contexts, strict=True) for _ in group]
        if not texts:
            return [np.zeros((0, source.dimension), dtype=np.float32) for _ in groups]
        vectors = unit_rows(source.embed_passages(texts, owners))
        ends = np.cumsum([len(group) for group in groups])[:-1]
        return list(np.split(vectors, ends))


def unit_rows(vectors: Floats) -> Floats:
    """Rows of length 1; a zero row stays, and is like nothing.

    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32)).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]

    Raises:
        ModelError: if a number is not finite.
    """
    if not np.isfinite(vectors).all():
        raise ModelError("an embedder gave a vector with a number that is not finite")
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Floats = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit


def cosines(rows: Floats, columns: Floats) -> Floats:
    """Cosines of vectors of length 1, shape ``(n_rows, n_columns)``, within -1 and 1.

    Args:
        rows: shape ``(n_rows, dimension)``.
        columns: shape ``(n_columns, dimension)``.
    """
    found: Floats = np.clip(rows @ columns.T, -1.0, 1.0)
    return found


def hides(passage: Passage) -> bool:
    """Whether markup hides a part of a passage, so that its vector says what nobody saw."""
    return bool(hidden_spans(rendered(passage)))


def visible(passage: Passage) -> str:
    """What is indexed of a passage, without what its markup hides."""
    text = rendered(passage)
    for span in reversed(hidden_spans(text)):
        text = f"{text[: span.start]} {text[span.end :]}"
    return text
