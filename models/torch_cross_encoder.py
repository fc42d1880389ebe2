"""Relevance of (query, passage) pairs by a cross-encoder on torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from assay.models import flops
from assay.models.protocols import CrossEncoder, Floats
from assay.models.text_windows import text_windows, token_count
from assay.models.torch_models import folder_digest, model_folder, shape_of, torch_device
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError


class TorchCrossEncoderConfig(Config):
    """Settings of ``models.torch_cross_encoder@1``."""

    model: str = Field(min_length=1, description="folder that save_pretrained wrote")
    max_tokens: int = Field(
        512, ge=16, le=32_768, description="longest pair in tokens, query and special ones included"
    )
    batch_size: int = Field(
        1, ge=1, le=4096, description="pairs at once; 1 makes a logit independent of its neighbours"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where it runs")


@register("models.torch_cross_encoder@1")
class TorchCrossEncoder(CrossEncoder):
    """Raw relevance logits from a sequence classifier with one output.

    A passage that does not fit beside its query is cut into windows of about equal
    length and its best window counts. A query may fill at most half of
    ``max_tokens``; a longer one keeps its first part, and the run record says so.
    Cost: one call a window, one round.
    """

    Config = TorchCrossEncoderConfig

    def __init__(self, config: TorchCrossEncoderConfig) -> None:
        super().__init__(config)
        self._model: Any = None
        self._digest = ""

    def start(self) -> None:
        """Load the model.

        Raises:
            ModelError: if a library, a file or the device is missing, or the model gives
                more than one logit a pair.
        """
        device = torch_device(self.config.device, self.name)
        folder = model_folder(self.config.model, self.name)
        from sentence_transformers import CrossEncoder as Loaded

        try:
            model = Loaded(
                str(folder),
                device=device,
                max_length=self.config.max_tokens,
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(
                f"{self.name}: {folder} cannot be loaded ({str(error).splitlines()[0]}): give a"
                " sequence classifier with its tokenizer"
            ) from error
        if model.config.num_labels != 1:
            raise ModelError(
                f"{self.name}: {folder} gives {model.config.num_labels} numbers for a pair,"
                " expected one: it is no cross-encoder with a single output"
            )
        self._model = model
        self._digest = folder_digest(folder)

    def close(self) -> None:
        """Release the model."""
        self._model = None

    def fingerprint(self) -> str:
        """Over the model's files and every setting that a logit depends on."""
        self._loaded()
        settings = self.config.model_dump(mode="json", exclude={"model", "device"})
        return digest({"model": self._digest, **settings})

    def score(self, pairs: Sequence[tuple[str, str]], context: RunContext) -> Floats:
        """Raw logits, shape ``(len(pairs),)``, larger is more relevant."""
        model = self._loaded()
        if not pairs:
            return np.zeros(0, dtype=np.float32)
        context.check()
        cut = [self._windows(query, passage, context) for query, passage in pairs]
        flat = [window for windows in cut for window in windows]
        import torch

        logits = model.predict(
            flat,
            batch_size=self.config.batch_size,
            activation_fn=torch.nn.Identity(),
            show_progress_bar=False,
        )
        if not np.isfinite(logits).all():
            raise ModelError(f"{self.name}: {self.config.model} gave a logit that is not finite")
        self._book(flat, context)
        rest = iter(float(logit) for logit in logits)
        best = [max(next(rest) for _ in windows) for windows in cut]
        return np.asarray(best, dtype=np.float32)

    def _windows(self, query: str, passage: str, context: RunContext) -> list[tuple[str, str]]:
        tokenizer = self._loaded().tokenizer
        longest = self.config.max_tokens // 2
        length = token_count(tokenizer, query)
        if length > longest:
            context.note(query_tokens=length, query_tokens_read=longest)
            ends = tokenizer(
                query, add_special_tokens=False, return_offsets_mapping=True, verbose=False
            )["offset_mapping"]
            query = query[: ends[longest - 1][1]]
            length = longest
        room = self.config.max_tokens - length - tokenizer.num_special_tokens_to_add(pair=True)
        return [(query, piece) for piece in text_windows(tokenizer, passage, room)]

    def _book(self, windows: Sequence[tuple[str, str]], context: RunContext) -> None:
        model = self._loaded()
        special = model.tokenizer.num_special_tokens_to_add(pair=True)
        lengths = [
            sum(token_count(model.tokenizer, text) for text in window) + special
            for window in windows
        ]
        shape = shape_of(model.config)
        context.spend(
            calls=len(lengths),
            rounds=1,
            tokens_in=sum(lengths),
            flops=sum(flops.encoder(shape, length) for length in lengths),
        )

    def _loaded(self) -> Any:
        if self._model is None:
            raise ModelError(f"{self.name} is not loaded: call start() first")
        return self._model
