"""Relevance of (query, passage) pairs by a sequence classifier on torch."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from assay.models import flops
from assay.models.files.store import checked_name, default_store
from assay.models.local_cross_encoder import LocalCrossEncoder
from assay.models.plain_tokenizer import plain_tokenizer
from assay.models.text_windows import Window, readable, token_windows
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
from assay.pipeline.component import Config, register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import AssayError, ModelError

_PROBE = ("How far do birds fly?", "Birds can fly over the sea and back again.")


class TorchCrossEncoderConfig(Config):
    """Settings of ``models.torch_cross_encoder@1``."""

    model: str = Field(
        min_length=1,
        description="catalogue key, or folder that save_pretrained wrote",
        examples=["models/reranker"],
    )
    max_tokens: int = Field(
        512, ge=16, le=32_768, description="longest pair in tokens, query and special ones included"
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
        " on the processor takes each pair alone, so that logits never depend on neighbours",
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
        model: the classifier; None once released.
        tokenizer: of the library tokenizers, by itself.
        given: inputs that the model takes.
        padding: id that fills a batch up; None where there is none and pairs go alone.
        pool: threads for pairs taken alone; None where batches are made.
        batch_tokens: most tokens of a batch, 0 for pairs taken alone.
    """

    model: Any
    tokenizer: Any
    given: frozenset[str]
    padding: int | None
    shape: flops.TransformerShape
    digest: str
    device: str
    pool: ThreadPoolExecutor | None
    batch_tokens: int


@register("models.torch_cross_encoder@1")
class TorchCrossEncoder(LocalCrossEncoder[_Loaded]):
    """Raw relevance logits from a sequence classifier with one output.

    A passage that does not fit beside its query is cut into windows of about equal length and
    its best window counts; the run record counts such passages as ``passages_windowed``. A query
    may fill at most half of ``max_tokens``; a longer one keeps its first tokens, and the run
    record says so. On the processor in float32 a pair's logit does not depend on what else was
    asked; in a batch float32 agrees to about 1e-6, half precision to about 1e-2. Cost: one call
    a window, one round.
    """

    Config = TorchCrossEncoderConfig

    def start(self) -> None:
        """Load the model.

        Raises:
            ModelError: if a library, a file or the device is missing, or the model is no
                classifier with one output, or it prepares its pairs in a way of its own.
            UsageError: if ``max_tokens`` is more than the model reads.
        """
        device = torch_device(self.config.device, self.name)
        found = default_store().locate(self.config.model)
        folder = model_folder(str(found.path), self.name)
        model, tokenizer = self._load(folder)
        check_length(self.config.max_tokens, model, tokenizer, self.name)
        plain = plain_tokenizer(tokenizer, self.name)
        shape = shape_of(model.config)
        padding = tokenizer.pad_token_id
        if padding is not None and model.config.pad_token_id is None:
            model.config.pad_token_id = padding  # a classifier finds the last token by it
        pool, budget = batching(
            self.config.batch_tokens, dtype=self.config.dtype, device=device, shape=shape
        )
        self._engine = _Loaded(
            model=model.to(device),
            tokenizer=plain,
            given=frozenset(tokenizer.model_input_names),
            padding=padding,
            shape=shape,
            digest=folder_digest(folder),
            device=device,
            pool=pool,
            batch_tokens=budget if padding is not None else 0,
        )
        try:
            self._compare(tokenizer)
        except AssayError:
            self.close()
            raise

    def _load(self, folder: Path) -> tuple[Any, Any]:
        """Classifier and tokenizer as transformers loads them."""
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        try:
            model, report = AutoModelForSequenceClassification.from_pretrained(
                folder,
                trust_remote_code=False,
                local_files_only=True,
                use_safetensors=True,
                dtype=getattr(torch, self.config.dtype),
                output_loading_info=True,
            )
            tokenizer = AutoTokenizer.from_pretrained(
                folder, trust_remote_code=False, local_files_only=True
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
        if report["missing_keys"]:
            raise ModelError(
                f"{self.name}: {folder} has no weights for {sorted(report['missing_keys'])[0]}:"
                " they would be random numbers; give a model that was trained as a cross-encoder"
            )
        return model.eval(), tokenizer

    def _compare(self, tokenizer: Any) -> None:
        """Refuse a model whose own library reads a pair differently than is done here."""
        query, passage = _PROBE
        window = self._cut(passage, self._encode(query), None)
        if len(window) == 1 and list(window[0].ids) != list(tokenizer(query, passage)["input_ids"]):
            raise ModelError(
                f"{self.name}: {self.config.model} prepares its pairs in a way of its own, which"
                " is not known here: wrap it as a resource of your own"
            )

    def close(self) -> None:
        """Release the model and the card's memory."""
        engine, self._engine = self._engine, None
        if engine is None:
            return
        if engine.pool is not None:
            engine.pool.shutdown(wait=True, cancel_futures=True)
        engine.model = None
        if engine.device == "cuda":
            import torch

            torch.cuda.empty_cache()

    def fingerprint(self) -> str:
        """Over the model's files and every setting that a logit depends on."""
        engine = self._loaded()
        return digest(
            {
                "model": engine.digest,
                "max_tokens": self.config.max_tokens,
                "dtype": self.config.dtype,
            }
        )

    def _encode(self, text: str) -> Any:
        return self._loaded().tokenizer.encode(readable(text), add_special_tokens=False)

    def _cut(self, passage: str, query: Any, context: RunContext | None) -> list[Window]:
        return token_windows(
            self._loaded().tokenizer,
            passage,
            self.config.max_tokens,
            before=query,
            pair=True,
            context=context,
        )

    def _flops(self, tokens: int) -> float:
        return flops.encoder(self._loaded().shape, tokens)

    def _run(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[float]:
        engine = self._loaded()
        return forwarded(
            windows,
            contexts,
            pool=engine.pool,
            batch_tokens=engine.batch_tokens,
            forward=self._forward,
        )

    def _forward(self, windows: Sequence[Window]) -> list[float]:
        """Logits of a batch."""
        import torch

        engine = self._loaded()
        tensors = filled(
            windows, padding=engine.padding or 0, given=engine.given, device=engine.device
        )
        with torch.inference_mode():
            logits = engine.model(**tensors).logits.float().cpu().numpy().reshape(-1)
        return [float(one) for one in logits]
