"""Relevance of (query, passage) pairs by a cross-encoder in ONNX form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from assay.models.onnx_encoder import OnnxEncoder, Window, load
from assay.models.protocols import CrossEncoder, Floats
from assay.models.store import checked_name, default_store
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError


class OnnxCrossEncoderConfig(Config):
    """Settings of ``models.onnx_cross_encoder@1``."""

    model: str = Field(
        "ms-marco-minilm-l12-v2-int8",
        description="catalogue key, or a folder with model.onnx, tokenizer.json, config.json",
    )
    max_tokens: int = Field(
        512,
        ge=16,
        le=32_768,
        description="longest pair in tokens, query and special tokens included",
    )
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="cuda needs an NVIDIA card and the extra gpu"
    )
    threads: int = Field(
        0, ge=0, le=256, description="pairs scored at the same time; 0 for every available core"
    )

    @field_validator("model")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        return checked_name(value, info.context)


@register("models.onnx_cross_encoder@1")
class OnnxCrossEncoder(CrossEncoder):
    """Raw relevance logits from an ONNX cross-encoder.

    Each pair goes through the model alone, so a logit never depends on what else
    was asked. A passage that does not fit beside its query is cut into windows of
    about equal length and its best window counts. A query may fill at most half of
    ``max_tokens``; a longer one keeps its first tokens, and the run record says so.
    Cost: one call a window, one round.
    """

    Config = OnnxCrossEncoderConfig

    def __init__(self, config: OnnxCrossEncoderConfig) -> None:
        super().__init__(config)
        self._encoder: OnnxEncoder | None = None

    def start(self) -> None:
        """Load the model.

        Raises:
            ModelError: if a library or a file is missing or wrong, or the model
                gives more than one logit a pair.
        """
        found = default_store().locate(self.config.model)
        self._encoder = load(
            found,
            max_tokens=self.config.max_tokens,
            threads=self.config.threads,
            device=self.config.device,
            name=self.name,
        )
        self._logit(self._windows("", "")[0])

    def close(self) -> None:
        """Release the model."""
        if self._encoder is not None:
            self._encoder.close()
            self._encoder = None

    def fingerprint(self) -> str:
        """Over weights, tokenizer and every setting that a logit depends on."""
        settings = self.config.model_dump(mode="json", exclude={"model", "threads"})
        return digest({"model": self._loaded().digest, **settings})

    def score(self, pairs: Sequence[tuple[str, str]], context: RunContext) -> Floats:
        """Raw logits, shape ``(len(pairs),)``, larger is more relevant."""
        encoder = self._loaded()
        if not pairs:
            return np.zeros(0, dtype=np.float32)
        cut = [self._windows(query, passage, context) for query, passage in pairs]
        flat = [window for windows in cut for window in windows]
        logits = iter(encoder.each(flat, self._logit, context))
        encoder.book(flat, context)
        best = [max(next(logits) for _ in windows) for windows in cut]
        return np.asarray(best, dtype=np.float32)

    def _windows(self, query: str, passage: str, context: RunContext | None = None) -> list[Window]:
        encoder = self._loaded()
        before = encoder.encode(query)
        longest = self.config.max_tokens // 2
        if len(before.ids) > longest:
            if context is not None:
                context.note(query_tokens=len(before.ids), query_tokens_read=longest)
            before.truncate(longest)
        return encoder.windows(passage, before=before, pair=True)

    def _logit(self, window: Window) -> float:
        output = self._loaded().run(window).reshape(-1)
        if output.shape != (1,) or not np.isfinite(output[0]):
            raise ModelError(
                f"{self.name}: {self.config.model} gave {output.shape[0]} numbers for a pair,"
                " expected one finite logit: it is no cross-encoder with a single output"
            )
        return float(output[0])

    def _loaded(self) -> OnnxEncoder:
        if self._encoder is None:
            raise ModelError(f"{self.name} is not loaded: call start() first")
        return self._encoder
