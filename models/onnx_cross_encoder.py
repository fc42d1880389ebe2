"""Relevance of (query, passage) pairs by a cross-encoder in ONNX form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from assay.models.files.store import checked_name, default_store
from assay.models.local_cross_encoder import LocalCrossEncoder
from assay.models.onnx_encoder import OnnxEncoder, load
from assay.models.text_windows import Window
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
        return checked_name(value, info.context, weights=".onnx")


@register("models.onnx_cross_encoder@1")
class OnnxCrossEncoder(LocalCrossEncoder[OnnxEncoder]):
    """Raw relevance logits from an ONNX cross-encoder.

    Each pair goes through the model alone, so a logit never depends on what else
    was asked. A passage that does not fit beside its query is cut into windows of
    about equal length and its best window counts; the run record counts such passages
    as ``passages_windowed``. A query may fill at most half of ``max_tokens``; a longer
    one keeps its first tokens, and the run record says so. Cost: one call a window, one
    round.
    """

    Config = OnnxCrossEncoderConfig

    def start(self) -> None:
        """Load the model.

        Raises:
            ModelError: if a library or a file is missing or wrong, or the model
                gives more than one logit a pair.
        """
        found = default_store().locate(self.config.model)
        self._engine = load(
            found,
            max_tokens=self.config.max_tokens,
            threads=self.config.threads,
            device=self.config.device,
            name=self.name,
        )
        try:
            self._logit(self._cut("", self._encode(""), None)[0])
        except ModelError:
            self.close()
            raise

    def close(self) -> None:
        """Release the model."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def fingerprint(self) -> str:
        """Over weights, tokenizer and every setting that a logit depends on."""
        settings = self.config.model_dump(mode="json", exclude={"model", "threads"})
        return digest({"model": self._loaded().digest, **settings})

    def _encode(self, text: str) -> Any:
        return self._loaded().encode(text)

    def _cut(self, passage: str, query: Any, context: RunContext | None) -> list[Window]:
        return self._loaded().windows(passage, before=query, pair=True, context=context)

    def _run(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[float]:
        return self._loaded().each(windows, self._logit, contexts)

    def _flops(self, tokens: int) -> float:
        return self._loaded().operations(tokens)

    def _logit(self, window: Window) -> float:
        output = self._loaded().run(window).reshape(-1)
        if output.shape != (1,) or not np.isfinite(output[0]):
            raise ModelError(
                f"{self.name}: {self.config.model} gave {output.shape[0]} numbers for a pair,"
                " expected one finite logit: it is no cross-encoder with a single output"
            )
        return float(output[0])
