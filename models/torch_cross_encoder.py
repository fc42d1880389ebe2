"""Relevance of (query, passage) pairs by a cross-encoder on torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from assay.models import flops
from assay.models.protocols import CrossEncoder, Floats
from assay.models.text_windows import text_windows, token_offsets
from assay.models.torch_models import (
    check_length,
    folder_digest,
    model_folder,
    shape_of,
    slices,
    torch_device,
)
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


@dataclass(frozen=True, slots=True)
class PairWindow:
    """A query with a part of a passage, and its tokens, special ones included."""

    query: str
    passage: str
    tokens: int


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
        check_length(self.config.max_tokens, model, model.tokenizer, self.name)
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
        import torch

        cut = self._windows(pairs, context)
        flat = [window for windows in cut for window in windows]
        logits: list[float] = []
        for some in slices(flat, self.config.batch_size, context):
            found = model.predict(
                [(one.query, one.passage) for one in some],
                batch_size=self.config.batch_size,
                activation_fn=torch.nn.Identity(),
                show_progress_bar=False,
            )
            logits += [float(logit) for logit in found]
        if not np.isfinite(logits).all():
            raise ModelError(f"{self.name}: {self.config.model} gave a logit that is not finite")
        shape = shape_of(model.config)
        context.spend(
            calls=len(flat),
            rounds=1,
            tokens_in=sum(one.tokens for one in flat),
            flops=sum(flops.encoder(shape, one.tokens) for one in flat),
        )
        rest = iter(logits)
        best = [max(next(rest) for _ in windows) for windows in cut]
        return np.asarray(best, dtype=np.float32)

    def _windows(
        self, pairs: Sequence[tuple[str, str]], context: RunContext
    ) -> list[list[PairWindow]]:
        """Each pair's windows; a query is measured once, however many passages it has."""
        tokenizer = self._loaded().tokenizer
        special = tokenizer.num_special_tokens_to_add(pair=True)
        queries = {query: self._query(query, context) for query in {one for one, _ in pairs}}
        cut = []
        for query, passage in pairs:
            read, taken = queries[query]
            room = self.config.max_tokens - taken - special
            cut.append(
                [
                    PairWindow(read, one.text, taken + special + one.tokens)
                    for one in text_windows(tokenizer, passage, room)
                ]
            )
        return cut

    def _query(self, query: str, context: RunContext) -> tuple[str, int]:
        """What is read of a query, and its tokens."""
        offsets = token_offsets(self._loaded().tokenizer, query)
        longest = self.config.max_tokens // 2
        if len(offsets) <= longest:
            return query, len(offsets)
        context.note(query_tokens=len(offsets), query_tokens_read=longest)
        return query[: offsets[longest - 1][1]], longest

    def _loaded(self) -> Any:
        if self._model is None:
            raise ModelError(f"{self.name} is not loaded: call start() first")
        return self._model
