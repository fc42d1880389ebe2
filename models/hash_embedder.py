"""An embedder without a model, for tests and dry runs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from assay.models.account import book, check
from assay.models.pooling import unit
from assay.models.protocols import Embedder, Floats
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, register
from assay.pipeline.context import RunContext
from assay.pipeline.text import content_words, words


class HashEmbedderConfig(Config):
    """Settings of ``models.hash_embedder@1``."""

    dimension: int = Field(256, ge=8, le=4096, description="length of a vector")


@register("models.hash_embedder@1")
class HashEmbedder(Embedder):
    """Signed hashing of content words: texts that share words are near, nothing more.

    For tests and dry runs; it knows no synonyms. The hashing trick is that of
    Weinberger et al. (2009), section 2. Cost: one call a text, no FLOPs.
    """

    Config = HashEmbedderConfig

    def __init__(self, config: HashEmbedderConfig) -> None:
        super().__init__(config)

    def fingerprint(self) -> str:
        """Over the config."""
        return digest({"name": self.name, **self.config.model_dump(mode="json")})

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.config.dimension)

    def embed_queries(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """Unit vectors, shape ``(len(texts), dimension)``."""
        return self._embed(texts, contexts)

    def embed_passages(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """Unit vectors, shape ``(len(texts), dimension)``."""
        return self._embed(texts, contexts)

    def _embed(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        check(contexts)
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            # A text of stop words alone is still a text; a wordless one is its own word.
            terms = content_words(text) or words(text) or (text,)
            for term in terms:
                place, sign = _hashed(term, self.dimension)
                vectors[row, place] += sign
            if not vectors[row].any():  # opposite signs met in one place
                vectors[row, _hashed(text, self.dimension)[0]] = 1.0
            vectors[row] = unit(vectors[row])
        book(contexts, [len(words(text)) for text in texts], [0.0] * len(texts))
        return vectors


def _hashed(term: str, size: int) -> tuple[int, float]:
    raw = hashlib.blake2b(term.encode("utf-8", errors="replace"), digest_size=8).digest()
    number = int.from_bytes(raw, "big")
    return (number >> 1) % size, 1.0 if number & 1 else -1.0
