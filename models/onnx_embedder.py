"""Sentence embeddings by an encoder in ONNX form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from assay.models.onnx_encoder import OnnxEncoder, Window, load
from assay.models.protocols import Embedder, Floats
from assay.models.store import checked_name, default_store
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError


class OnnxEmbedderConfig(Config):
    """Settings of ``models.onnx_embedder@1``."""

    model: str = Field(
        "bge-small-en-v1.5-int8",
        description="catalogue key, or a folder with model.onnx, tokenizer.json, config.json",
    )
    max_tokens: int = Field(
        512, ge=16, le=32_768, description="longest window in tokens, special tokens included"
    )
    pooling: Literal["cls", "mean"] = Field(
        "cls", description="the first token's vector, or the mean over tokens, as trained"
    )
    query_prefix: str = Field("", description="put before each query, as trained")
    passage_prefix: str = Field("", description="put before each window of a passage, as trained")
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="cuda needs an NVIDIA card and the extra gpu"
    )
    threads: int = Field(
        0, ge=0, le=256, description="texts embedded at the same time; 0 for every available core"
    )

    @field_validator("model")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        return checked_name(value, info.context)


@register("models.onnx_embedder@1")
class OnnxEmbedder(Embedder):
    """Unit vectors from an ONNX encoder.

    A text over ``max_tokens`` is cut into windows of about equal length; its vector
    is the mean of the windows' unit vectors, weighted by their tokens, brought back
    to length 1. Each window goes through the model alone, so a text's vector never
    depends on what else was asked. Cost: one call a window, one round.
    """

    Config = OnnxEmbedderConfig

    def __init__(self, config: OnnxEmbedderConfig) -> None:
        super().__init__(config)
        self._encoder: OnnxEncoder | None = None
        self._dimension = 0

    def start(self) -> None:
        """Load the model.

        Raises:
            ModelError: if a library or a file is missing or wrong.
        """
        found = default_store().locate(self.config.model)
        encoder = load(
            found,
            max_tokens=self.config.max_tokens,
            threads=self.config.threads,
            device=self.config.device,
            name=self.name,
        )
        self._encoder = encoder
        self._dimension = len(self._vector(encoder.windows("")[0]))

    def close(self) -> None:
        """Release the model."""
        if self._encoder is not None:
            self._encoder.close()
            self._encoder = None

    def fingerprint(self) -> str:
        """Over weights, tokenizer and every setting that a vector depends on."""
        settings = self.config.model_dump(mode="json", exclude={"model", "threads"})
        return digest({"model": self._loaded().digest, **settings})

    @property
    def dimension(self) -> int:
        """Length of a vector; known after ``start``."""
        self._loaded()
        return self._dimension

    def embed_queries(self, texts: Sequence[str], context: RunContext) -> Floats:
        """Unit vectors of queries, shape ``(len(texts), dimension)``."""
        return self._embed(texts, self.config.query_prefix, context)

    def embed_passages(self, texts: Sequence[str], context: RunContext) -> Floats:
        """Unit vectors of passages, shape ``(len(texts), dimension)``."""
        return self._embed(texts, self.config.passage_prefix, context)

    def _embed(self, texts: Sequence[str], prefix: str, context: RunContext) -> Floats:
        encoder = self._loaded()
        if not texts:
            return np.zeros((0, self._dimension), dtype=np.float32)
        before: Any = encoder.encode(prefix) if prefix else None
        cut = [encoder.windows(text, before=before) for text in texts]
        flat = [window for windows in cut for window in windows]
        vectors = iter(encoder.each(flat, self._vector, context))
        encoder.book(flat, context)
        return np.stack([_mean([(next(vectors), one.own) for one in windows]) for windows in cut])

    def _vector(self, window: Window) -> Floats:
        """The unit vector of one window, shape ``(dimension,)``."""
        output = self._loaded().run(window)
        if output.ndim == 2:
            output = output[0] if self.config.pooling == "cls" else output.mean(axis=0)
        return _unit(output)

    def _loaded(self) -> OnnxEncoder:
        if self._encoder is None:
            raise ModelError(f"{self.name} is not loaded: call start() first")
        return self._encoder


def _mean(weighted: Sequence[tuple[Floats, int]]) -> Floats:
    if len(weighted) == 1:
        return weighted[0][0]
    vectors = np.stack([vector for vector, _ in weighted])
    weights = np.asarray([tokens for _, tokens in weighted], dtype=np.float32)
    return _unit(weights @ vectors)


def _unit(vector: Floats) -> Floats:
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length == 0.0:
        raise ModelError("the model gave a vector without a direction: its files may be damaged")
    unit: Floats = (vector / length).astype(np.float32)
    return unit
