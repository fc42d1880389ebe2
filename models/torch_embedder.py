"""Sentence embeddings by a sentence-transformers model on torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from assay.models import flops
from assay.models.protocols import Embedder, Floats
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
from assay.pipeline.errors import ModelError, UsageError


class TorchEmbedderConfig(Config):
    """Settings of ``models.torch_embedder@1``."""

    model: str = Field(min_length=1, description="folder of a sentence-transformers model")
    max_tokens: int = Field(
        512, ge=16, le=32_768, description="longest window in tokens, special ones included"
    )
    query_prefix: str = Field("", description="put before each query, as trained")
    passage_prefix: str = Field("", description="put before each window of a passage, as trained")
    batch_size: int = Field(
        1,
        ge=1,
        le=4096,
        description="texts at once; 1 makes vectors independent of neighbours",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where it runs")


@register("models.torch_embedder@1")
class TorchEmbedder(Embedder):
    """Unit vectors from a sentence-transformers folder, pooled as its files say.

    A text over ``max_tokens`` is cut into windows of about equal length; its vector
    is the mean of the windows' unit vectors, weighted by their tokens, brought back
    to length 1. Cost: one call a window, one round.
    """

    Config = TorchEmbedderConfig

    def __init__(self, config: TorchEmbedderConfig) -> None:
        super().__init__(config)
        self._model: Any = None
        self._digest = ""

    def start(self) -> None:
        """Load the model.

        Raises:
            ModelError: if a library, a file or the device is missing.
        """
        device = torch_device(self.config.device, self.name)
        folder = model_folder(self.config.model, self.name)
        from sentence_transformers import SentenceTransformer

        try:
            model = SentenceTransformer(
                str(folder),
                device=device,
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(
                f"{self.name}: {folder} cannot be loaded ({str(error).splitlines()[0]}): give the"
                " folder of a sentence-transformers model"
            ) from error
        check_length(self.config.max_tokens, model[0].auto_model, model.tokenizer, self.name)
        model.max_seq_length = self.config.max_tokens
        self._model = model
        self._digest = folder_digest(folder)

    def close(self) -> None:
        """Release the model."""
        self._model = None

    def fingerprint(self) -> str:
        """Over the model's files and every setting that a vector depends on."""
        self._loaded()
        settings = self.config.model_dump(mode="json", exclude={"model", "device"})
        return digest({"model": self._digest, **settings})

    @property
    def dimension(self) -> int:
        """Length of a vector; known after ``start``."""
        return int(self._loaded().get_embedding_dimension())

    def embed_queries(self, texts: Sequence[str], context: RunContext) -> Floats:
        """Unit vectors of queries, shape ``(len(texts), dimension)``."""
        return self._embed(texts, self.config.query_prefix, context)

    def embed_passages(self, texts: Sequence[str], context: RunContext) -> Floats:
        """Unit vectors of passages, shape ``(len(texts), dimension)``."""
        return self._embed(texts, self.config.passage_prefix, context)

    def _embed(self, texts: Sequence[str], prefix: str, context: RunContext) -> Floats:
        model = self._loaded()
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        tokenizer = model.tokenizer
        before = len(token_offsets(tokenizer, prefix)) + tokenizer.num_special_tokens_to_add()
        room = self.config.max_tokens - before
        if room < 1:
            raise UsageError(
                f"a prefix of {before} tokens leaves no room for a text in a window of"
                f" {self.config.max_tokens} tokens: shorten it"
            )
        cut = [text_windows(tokenizer, text, room) for text in texts]
        flat = [window for windows in cut for window in windows]
        vectors: list[Floats] = []
        for some in slices(flat, self.config.batch_size, context):
            vectors += list(
                model.encode(
                    [prefix + one.text for one in some],
                    batch_size=self.config.batch_size,
                    normalize_embeddings=True,
                    convert_to_numpy=True,
                    show_progress_bar=False,
                ).astype(np.float32)
            )
        shape = shape_of(model[0].auto_model.config)
        context.spend(
            calls=len(flat),
            rounds=1,
            tokens_in=sum(before + one.tokens for one in flat),
            flops=sum(flops.encoder(shape, before + one.tokens) for one in flat),
        )
        rest = iter(vectors)
        return np.stack(
            [_mean(np.stack([next(rest) for _ in row]), [one.tokens for one in row]) for row in cut]
        )

    def _loaded(self) -> Any:
        if self._model is None:
            raise ModelError(f"{self.name} is not loaded: call start() first")
        return self._model


def _mean(vectors: Floats, weights: Sequence[int]) -> Floats:
    """The weighted mean of unit vectors, brought back to length 1."""
    mean = np.asarray(weights, dtype=np.float32) @ vectors if len(vectors) > 1 else vectors[0]
    length = float(np.linalg.norm(mean))
    if not np.isfinite(length) or length == 0.0:
        raise ModelError("the model gave a vector without a direction: its files may be damaged")
    unit: Floats = (mean / length).astype(np.float32)
    return unit
