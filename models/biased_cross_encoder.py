"""A cross-encoder with known faults, to see what a pipeline makes of them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import NormalDist

import numpy as np
from pydantic import Field

from assay.models.protocols import CrossEncoder, Floats
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, register
from assay.pipeline.context import RunContext
from assay.pipeline.sentences import sentences
from assay.pipeline.text import content_words, words
from assay.pipeline.words import ScoreKind

USUAL_WORDS = 100
"""Words of a passage that the bias for length neither favours nor punishes."""


class BiasedCrossEncoderConfig(Config):
    """Settings of ``models.biased_cross_encoder@1``; each is in logits, 0 for no such fault."""

    noise: float = Field(
        0.0, ge=0.0, le=100.0, description="standard deviation of a normal error of each pair"
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="of the noise")
    length: float = Field(
        0.0,
        ge=-100.0,
        le=100.0,
        description="added once for each doubling of the passage's words over 100, taken off for"
        " each halving",
    )
    position: float = Field(
        0.0,
        ge=-100.0,
        le=100.0,
        description="taken off when what answers stands at the very end; less, further in front",
    )
    overlap: float = Field(
        0.0,
        ge=-100.0,
        le=100.0,
        description="added when the passage holds all content words of the query; less for a part",
    )


@register("models.biased_cross_encoder@1")
class BiasedCrossEncoder(CrossEncoder):
    """Another cross-encoder's logits with noise and biases of known size.

    The score is ``model + noise z + length log2((w + 1) / 101) - position p + overlap s``:
    z is standard normal, drawn by a hash of the seed and the pair, so that a pair always gets
    the same error; w counts the passage's words; p is the share of the passage's characters
    before the first of the sentences that hold most distinct content words of the query; s is
    the share of those words that the whole passage holds (0 for a query without any).
    These are the faults that rerankers are known for: favouring long texts, the beginning of
    a text, and shared words. Cost: the wrapped model's.
    """

    Config = BiasedCrossEncoderConfig

    def __init__(self, config: BiasedCrossEncoderConfig, *, model: CrossEncoder) -> None:
        super().__init__(config)
        self._model = model

    def prepare(self, base: Path) -> Iterable[str]:
        """Refuse a model whose scores have bounds that noise would break."""
        if self._model.kind is not ScoreKind.LOGIT:
            yield (
                f"{self.name} adds to logits, but 'model' gives scores of the kind"
                f" '{self._model.kind}': wrap a cross-encoder whose scores are logits"
            )

    def fingerprint(self) -> str:
        """Over the wrapped model and the faults."""
        return digest(
            {
                "name": self.name,
                "model": self._model.fingerprint(),
                **self.config.model_dump(mode="json"),
            }
        )

    def score(self, pairs: Sequence[tuple[str, str]], contexts: Sequence[RunContext]) -> Floats:
        """Biased logits, shape ``(len(pairs),)``."""
        scores = self._model.score(pairs, contexts).astype(np.float64)
        errors = np.asarray([self._error(*pair) for pair in pairs], dtype=np.float64)
        return (scores + errors).astype(np.float32)

    def _error(self, query: str, passage: str) -> float:
        wanted = set(content_words(query))
        held = len(wanted & set(content_words(passage)))
        error: float = self.config.noise * _normal(self.config.seed, query, passage)
        error += self.config.length * math.log2((len(words(passage)) + 1) / (USUAL_WORDS + 1))
        error -= self.config.position * _place(wanted, passage)
        error += self.config.overlap * (held / len(wanted) if wanted else 0.0)
        return error


def _normal(seed: int, query: str, passage: str) -> float:
    raw = hashlib.sha256(f"{seed}\0{query}\0{passage}".encode("utf-8", errors="replace")).digest()
    # 52 bits: every value, moved by half a step, is a float strictly between 0 and 1.
    share = ((int.from_bytes(raw[:8], "big") >> 12) + 0.5) / 2**52
    return NormalDist().inv_cdf(share)


def _place(wanted: set[str], passage: str) -> float:
    """Share of the passage before its best sentence; 0 where no sentence holds anything."""
    best, place = 0, 0
    for sentence in sentences(passage):
        held = len(wanted & set(content_words(sentence.text)))
        if held > best:
            best, place = held, sentence.start
    return place / len(passage) if passage else 0.0
