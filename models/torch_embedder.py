"""Sentence embeddings by a sentence-transformers model on torch."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from assay.models import flops
from assay.models.files.store import checked_name, default_store
from assay.models.local_embedder import LocalEmbedder, LocalEmbedderConfig
from assay.models.plain_tokenizer import plain_tokenizer
from assay.models.pooling import unit
from assay.models.protocols import Floats
from assay.models.text_windows import Window, readable, spaced, token_offsets, token_windows
from assay.models.torch_models import (
    batching,
    check_length,
    filled,
    folder_digest,
    forwarded,
    model_folder,
    shape_of,
    torch_device,
)
from assay.pipeline.canonical import digest
from assay.pipeline.component import register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError

_PROBE = "Birds can fly over the sea and back again."


class TorchEmbedderConfig(LocalEmbedderConfig):
    """Settings of ``models.torch_embedder@1``."""

    model: str = Field(
        "all-minilm-l6-v2",
        description="catalogue key, or folder of a sentence-transformers model",
    )
    max_tokens: int | None = Field(
        None,
        ge=16,
        le=32_768,
        description="longest window in tokens, special ones included; left out, what the model was"
        " trained for",
    )
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        "float32",
        description="precision of weights and activations; bfloat16 is about twice as fast on"
        " processors with AMX or AVX512-BF16 and on cards",
    )
    batch_tokens: int = Field(
        0,
        ge=0,
        le=1 << 22,
        description="most tokens of a batch, padding included; 0: the engine decides, and float32"
        " on the processor takes each text alone, so that vectors never depend on neighbours",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where it runs")

    @field_validator("model")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        return checked_name(value, info.context, weights=".safetensors")


@dataclass(slots=True)
class _Loaded:
    """A model and what was read of it.

    Args:
        modules: transformer, pooling and what follows, without normalisation.
        tokenizer: of the library tokenizers, by itself.
        given: inputs that the model takes beside ids and mask.
        padding: id that fills a batch up.
        pool: threads for texts taken alone; None where batches are made.
        batch_tokens: most tokens of a batch, 0 for texts taken alone.
    """

    modules: list[Any]
    tokenizer: Any
    given: frozenset[str]
    padding: int
    shape: flops.TransformerShape
    digest: str
    max_tokens: int
    device: str
    pool: ThreadPoolExecutor | None
    batch_tokens: int


@register("models.torch_embedder@1")
class TorchEmbedder(LocalEmbedder[_Loaded]):
    """Vectors from a sentence-transformers folder, pooled as its files say.

    A text over ``max_tokens`` is cut into windows of about equal length; its vector is the mean
    of the windows' vectors, weighted by their tokens. On the processor in float32 a text's vector
    does not depend on what else was asked; in a batch float32 agrees to about 1e-6, bfloat16
    to about 1e-3 a number. Cost: one call a window, one round.
    """

    Config = TorchEmbedderConfig

    def start(self) -> None:
        """Load the model.

        Raises:
            ModelError: if a library, a file or the device is missing, or the model prepares its
                texts in a way of its own.
            UsageError: if ``max_tokens`` is more than the model reads.
        """
        device = torch_device(self.config.device, self.name)
        found = default_store().locate(self.config.model)
        folder = model_folder(str(found.path), self.name)
        model = self._read(folder, device)
        backbone = model[0].auto_model
        shape = shape_of(backbone.config)
        pool, budget = batching(
            self.config.batch_tokens, dtype=self.config.dtype, device=device, shape=shape
        )
        tokenizer = model.tokenizer
        padding = tokenizer.pad_token_id
        self._engine = _Loaded(
            modules=[one for one in model if type(one).__name__ != "Normalize"],
            tokenizer=plain_tokenizer(tokenizer, self.name),
            given=frozenset(tokenizer.model_input_names),
            padding=0 if padding is None else int(padding),
            shape=shape,
            digest=folder_digest(folder),
            max_tokens=int(model.max_seq_length),
            device=device,
            pool=pool,
            batch_tokens=budget,
        )
        prompts = model.prompts
        self._settle(
            found.entry,
            query=prompts.get("query") or "",
            passage=prompts.get("passage") or prompts.get("document") or "",
        )
        self._compare(model)

    def _read(self, folder: Path, device: str) -> Any:
        """The model as sentence-transformers loads it, its longest window settled."""
        import torch
        from sentence_transformers import SentenceTransformer

        dtype = getattr(torch, self.config.dtype)
        try:
            model: Any = SentenceTransformer(
                str(folder),
                device=device,
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True, "dtype": dtype},
            )
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(
                f"{self.name}: {folder} cannot be loaded ({str(error).splitlines()[0]}): give the"
                " folder of a sentence-transformers model"
            ) from error
        if type(model[0]).__name__ != "Transformer":
            raise ModelError(
                f"{self.name}: {folder} begins with a {type(model[0]).__name__}, expected a"
                " Transformer: wrap the model as a resource of your own"
            )
        longest = self.config.max_tokens or model.max_seq_length
        if longest is None:
            longest = model[0].auto_model.config.max_position_embeddings
        check_length(longest, model[0].auto_model, model.tokenizer, self.name)
        model.max_seq_length = longest
        model.default_prompt_name = None
        return model.to(dtype).eval()

    def _compare(self, model: Any) -> None:
        """Refuse a model whose own library reads a text differently than is done here."""
        window = self._cut(_PROBE, "", None)
        mine = self._run(window, [RunContext()] * len(window))
        own = model.encode([_PROBE], convert_to_numpy=True, show_progress_bar=False)
        if len(window) == 1 and float(unit(mine[0]) @ unit(own[0].astype(np.float32))) < 0.99:
            self.close()
            raise ModelError(
                f"{self.name}: {self.config.model} prepares its texts in a way of its own, which"
                " is not known here: wrap it as a resource of your own"
            )

    def close(self) -> None:
        """Release the model and the card's memory."""
        engine, self._engine = self._engine, None
        if engine is None:
            return
        if engine.pool is not None:
            engine.pool.shutdown(wait=True, cancel_futures=True)
        engine.modules.clear()
        if engine.device == "cuda":
            import torch

            torch.cuda.empty_cache()

    def fingerprint(self) -> str:
        """Over the model's files and every setting that a vector depends on."""
        engine = self._loaded()
        return digest(
            {
                "model": engine.digest,
                "max_tokens": engine.max_tokens,
                "dtype": self.config.dtype,
                "query_prefix": self._query_prefix,
                "passage_prefix": self._passage_prefix,
                "normalise": self.config.normalise,
            }
        )

    def token_offsets(self, text: str) -> Sequence[tuple[int, int]]:
        """See ``Embedder.token_offsets``."""
        return token_offsets(self._loaded().tokenizer, text)

    def _cut(self, text: str, prefix: str, context: RunContext | None) -> list[Window]:
        engine = self._loaded()
        before: Any = None
        if prefix:
            lead, text = spaced(prefix, text)
            before = engine.tokenizer.encode(readable(lead), add_special_tokens=False)
        return token_windows(
            engine.tokenizer, text, engine.max_tokens, before=before, context=context
        )

    def _run(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Floats]:
        engine = self._loaded()
        return forwarded(
            windows,
            contexts,
            pool=engine.pool,
            batch_tokens=engine.batch_tokens,
            forward=self._forward,
        )

    def _forward(self, windows: Sequence[Window]) -> list[Floats]:
        """Pooled vectors of a batch, each of shape ``(dimension,)``."""
        import torch

        engine = self._loaded()
        with torch.inference_mode():
            features: Any = filled(
                windows, padding=engine.padding, given=engine.given, device=engine.device
            )
            for module in engine.modules:
                features = module(features)
            made: Floats = features["sentence_embedding"].float().cpu().numpy()
        return list(made)

    def _flops(self, tokens: int) -> float:
        return flops.encoder(self._loaded().shape, tokens)
