"""A sparse encoder without a model, for tests and dry runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from assay.models.account import book, check
from assay.models.protocols import SparseEncoder
from assay.pipeline.canonical import digest
from assay.pipeline.component import register
from assay.pipeline.context import RunContext
from assay.pipeline.text import content_words, words


@register("models.word_sparse_encoder@1")
class WordSparseEncoder(SparseEncoder):
    """Each content word weighs ``ln(1 + count)``: no expansion, nothing learned.

    For tests and dry runs of what a learned encoder does. Cost: one call a text, no FLOPs.
    """

    def fingerprint(self) -> str:
        """Over the name."""
        return digest(self.name)

    def encode_queries(
        self, texts: Sequence[str], contexts: Sequence[RunContext]
    ) -> list[Mapping[str, float]]:
        """See ``SparseEncoder.encode_queries``."""
        return self._encode(texts, contexts)

    def encode_passages(
        self, texts: Sequence[str], contexts: Sequence[RunContext]
    ) -> list[Mapping[str, float]]:
        """See ``SparseEncoder.encode_passages``."""
        return self._encode(texts, contexts)

    def _encode(
        self, texts: Sequence[str], contexts: Sequence[RunContext]
    ) -> list[Mapping[str, float]]:
        check(contexts)
        found = [Counter(content_words(text) or words(text)) for text in texts]
        book(contexts, [sum(one.values()) for one in found], [0.0] * len(texts))
        return [{term: math.log1p(count) for term, count in one.items()} for one in found]
