"""Learned sparse weights by a masked language model on torch, in the form of SPLADE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from assay.models import flops
from assay.models.account import book, check
from assay.models.files.store import checked_name, default_store
from assay.models.plain_tokenizer import plain_tokenizer
from assay.models.protocols import Floats, SparseEncoder
from assay.models.text_windows import Window, token_windows
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

CARD_BATCH = 8192
"""Most tokens of a batch on a card: each has a number for every term of the vocabulary."""

_PROBE = "Birds can fly over the sea and back again."


class TorchSparseEncoderConfig(Config):
    """Settings of ``models.torch_sparse_encoder@1``."""

    model: str = Field(
        min_length=1,
        description="catalogue key, or folder of a masked language model trained for retrieval",
        examples=["models/splade"],
    )
    max_tokens: int = Field(
        256, ge=16, le=32_768, description="longest window in tokens, special ones included"
    )
    query_terms: int = Field(
        64, ge=1, le=1 << 20, description="most terms of a query; those with the largest weights"
    )
    passage_terms: int = Field(
        256, ge=1, le=1 << 20, description="most terms of a passage; those with the largest weights"
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
        " on the processor takes each text alone, so that weights never depend on neighbours",
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
        model: the masked language model; None once released.
        tokenizer: of the library tokenizers, by itself.
        given: inputs that the model takes.
        padding: id that fills a batch up.
        terms: the token of each output; None where it is special, or none at all.
        pool: threads for texts taken alone; None where batches are made.
        batch_tokens: most tokens of a batch, 0 for texts taken alone.
    """

    model: Any
    tokenizer: Any
    given: frozenset[str]
    padding: int
    terms: Sequence[str | None]
    shape: flops.TransformerShape
    digest: str
    device: str
    pool: ThreadPoolExecutor | None
    batch_tokens: int


@register("models.torch_sparse_encoder@1")
class TorchSparseEncoder(SparseEncoder):
    """Terms are the model's tokens; a weight is ln(1 + max(0, largest logit over the text)).

    That is Formal, Piwowarski & Clinchant (2021), "SPLADE", equation 1, with the maximum of
    Formal et al. (2021), "SPLADE v2", equation 6, in the place of the sum. Special tokens are no
    terms. A text over ``max_tokens`` is cut into windows of about equal length, and of each term
    the largest weight counts. On the processor in float32 a text's weights do not depend on what
    else was asked; in a batch float32 agrees to about 1e-5, half precision to about 1e-2. Cost:
    one call a window, one round.
    """

    Config = TorchSparseEncoderConfig

    def __init__(self, config: TorchSparseEncoderConfig) -> None:
        super().__init__(config)
        self._engine: _Loaded | None = None

    def start(self) -> None:
        """Load the model.

        Raises:
            ModelError: if a library, a file or the device is missing, or the model is no masked
                language model, or prepares its texts in a way of its own.
            UsageError: if ``max_tokens`` is more than the model reads.
        """
        device = torch_device(self.config.device, self.name)
        found = default_store().locate(self.config.model)
        folder = model_folder(str(found.path), self.name)
        model, tokenizer = self._load(folder)
        check_length(self.config.max_tokens, model, tokenizer, self.name)
        plain = plain_tokenizer(tokenizer, self.name)
        shape = shape_of(model.config)
        pool, budget = batching(
            self.config.batch_tokens, dtype=self.config.dtype, device=device, shape=shape
        )
        if device == "cuda" and not self.config.batch_tokens:
            budget = min(CARD_BATCH, budget)
        special = frozenset(tokenizer.all_special_ids)
        padding = tokenizer.pad_token_id
        self._engine = _Loaded(
            model=model.to(device),
            tokenizer=plain,
            given=frozenset(tokenizer.model_input_names),
            padding=0 if padding is None else int(padding),
            terms=[
                None if number in special else plain.id_to_token(number)
                for number in range(model.config.vocab_size)
            ],
            shape=shape,
            digest=folder_digest(folder),
            device=device,
            pool=pool,
            batch_tokens=budget,
        )
        try:
            self._compare(tokenizer)
        except AssayError:
            self.close()
            raise

    def _load(self, folder: Path) -> tuple[Any, Any]:
        """Model and tokenizer as transformers loads them."""
        import torch
        from transformers import AutoModelForMaskedLM, AutoTokenizer

        try:
            model, report = AutoModelForMaskedLM.from_pretrained(
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
                " masked language model with its tokenizer"
            ) from error
        if report["missing_keys"]:
            raise ModelError(
                f"{self.name}: {folder} has no weights for {sorted(report['missing_keys'])[0]}:"
                " they would be random numbers; give a model that was trained for sparse retrieval"
            )
        return model.eval(), tokenizer

    def _compare(self, tokenizer: Any) -> None:
        """Refuse a model whose own library reads a text differently than is done here."""
        window = self._cut(_PROBE, None)
        if len(window) == 1 and list(window[0].ids) != list(tokenizer(_PROBE)["input_ids"]):
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
        engine.model = None
        if engine.device == "cuda":
            import torch

            torch.cuda.empty_cache()

    def fingerprint(self) -> str:
        """Over the model's files and every setting that a weight depends on."""
        names = ("max_tokens", "query_terms", "passage_terms", "dtype")
        return digest(
            {
                "model": self._loaded().digest,
                **{name: getattr(self.config, name) for name in names},
            }
        )

    def encode_queries(
        self, texts: Sequence[str], contexts: Sequence[RunContext]
    ) -> list[Mapping[str, float]]:
        """Weights by token, at most ``query_terms``. Cost: a call a window."""
        return self._encode(texts, contexts, self.config.query_terms)

    def encode_passages(
        self, texts: Sequence[str], contexts: Sequence[RunContext]
    ) -> list[Mapping[str, float]]:
        """Weights by token, at most ``passage_terms``. Cost: a call a window."""
        return self._encode(texts, contexts, self.config.passage_terms)

    def _encode(
        self, texts: Sequence[str], contexts: Sequence[RunContext], most: int
    ) -> list[Mapping[str, float]]:
        engine = self._loaded()
        check(contexts)
        cut = [self._cut(text, context) for text, context in zip(texts, contexts, strict=True)]
        flat = [window for windows in cut for window in windows]
        owners = [
            context
            for windows, context in zip(cut, contexts, strict=True)
            for context in [context] * len(windows)
        ]
        found = iter(self._run(flat, owners))
        made: list[Mapping[str, float]] = []
        for windows, context in zip(cut, contexts, strict=True):
            context.count(texts_windowed=int(len(windows) > 1))
            weights = np.maximum.reduce([next(found) for _ in windows])
            made.append(_heaviest(weights, engine.terms, most))
        tokens = [len(window.ids) for window in flat]
        book(owners, tokens, [self._flops(one) for one in tokens])
        return made

    def _cut(self, text: str, context: RunContext | None) -> list[Window]:
        return token_windows(
            self._loaded().tokenizer, text, self.config.max_tokens, context=context
        )

    def _run(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Floats]:
        """Weights of all terms for each window, shape ``(vocabulary,)``."""
        engine = self._loaded()
        return forwarded(
            windows,
            contexts,
            pool=engine.pool,
            batch_tokens=engine.batch_tokens,
            forward=self._forward,
        )

    def _forward(self, windows: Sequence[Window]) -> list[Floats]:
        """Weights of a batch, each of shape ``(vocabulary,)``."""
        import torch

        engine = self._loaded()
        tensors = filled(windows, padding=engine.padding, given=engine.given, device=engine.device)
        with torch.inference_mode():
            logits = engine.model(**tensors).logits
            padded = tensors["attention_mask"][:, :, None] == 0
            # The logarithm rises, so that it may come after the maximum.
            largest = logits.masked_fill_(padded, 0.0).amax(dim=1).float()
            weights: Floats = torch.log1p(torch.relu(largest)).cpu().numpy()
        return list(weights)

    def _flops(self, tokens: int) -> float:
        """The encoder's operations, and those of its output layer."""
        shape, vocabulary = self._loaded().shape, len(self._loaded().terms)
        head = 2.0 * tokens * shape.hidden * (shape.hidden + vocabulary)
        return flops.encoder(shape, tokens) + head

    def _loaded(self) -> _Loaded:
        if self._engine is None:
            raise ModelError(f"{self.name} is not loaded: call start() first")
        return self._engine


def _heaviest(weights: Floats, terms: Sequence[str | None], most: int) -> Mapping[str, float]:
    """The largest weights by term, largest first; of equal ones the token with the lower number.

    Raises:
        ModelError: if one of them is not finite.
    """
    if not np.isfinite(weights).all():
        raise ModelError(
            "the model gave weights that are not finite: its files may be damaged, or its numbers"
            " too large for float16"
        )
    found: dict[str, float] = {}
    for number in np.argsort(-weights, kind="stable"):
        term = terms[number]
        if len(found) == most or weights[number] <= 0.0:
            break
        if term is not None:
            found[term] = float(weights[number])
    return found
