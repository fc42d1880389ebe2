"""Language models of the library transformers, run in this process on torch."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator

from assay.models import flops
from assay.models.files.store import checked_name
from assay.models.language_model import Ability
from assay.models.local_model import LocalLanguageModel, Session
from assay.models.prompt import Prompt
from assay.models.threads import thread_count
from assay.models.torch_models import torch_device
from assay.models.transformers_engine.decoder import Decoder
from assay.models.transformers_engine.gguf_header import gguf_header
from assay.models.transformers_engine.loading import (
    find_weights,
    load,
    reads_then_writes,
    shape_of,
    versions,
)
from assay.models.transformers_engine.seq2seq import EncoderDecoder
from assay.models.transformers_engine.vocabulary import TransformersVocabulary
from assay.models.vocabulary import Reading
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError

_WRITES = frozenset(
    (
        Ability.GENERATE,
        Ability.GRAMMAR,
        Ability.JSON_SCHEMA,
        Ability.NEXT_TOKEN_LOGPROBS,
        Ability.SEQUENCE_LOGPROB,
    )
)


class TransformersConfig(Config):
    """Settings of ``models.transformers@1``."""

    model: str = Field(
        "qwen2.5-coder-0.5b-instruct-q4_k_m",
        description="key of the catalogue, a .gguf file, or a folder that save_pretrained wrote",
    )
    context_tokens: int = Field(
        4096, ge=256, le=131_072, description="most tokens of prompt and answer together"
    )
    temperature: float = Field(
        0.0, ge=0.0, le=2.0, description="0 always takes the likeliest token"
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="numbers to compute in; auto: bfloat16 on a card, and on a processor with"
        " instructions for it where the weights are bfloat16 or a GGUF file, else float32",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where it runs")
    threads: int = Field(
        0,
        ge=0,
        le=256,
        description="processor threads of torch, in the whole process; 0 leaves them as they are",
    )
    batch_tokens: int = Field(
        0,
        ge=0,
        le=1_048_576,
        description="most tokens in a padded batch; 0: one prompt at a time on the processor,"
        " what memory allows on a card",
    )

    @field_validator("model")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        return checked_name(value, info.context)


@register("models.transformers@1")
class TransformersModel(LocalLanguageModel):
    """Decoder-only models, and encoder-decoder models of the T5 family, on processor or card.

    The prompt is text and nothing else: a control token's name inside it is read as letters.
    Keys and values of the prompt read last, and of beginnings pinned with ``prefix``, are kept
    for prompts that begin alike. On the processor a result depends on its own prompt alone,
    to the last bit, whatever was asked before and whatever stands in the same call. With
    ``batch_tokens``, and on a card, prompts are padded and computed together, which moves
    log-probabilities in the last digits of the number form (float32: below 1e-4).

    Only safetensors and GGUF files are read, from this machine; no code of a model runs. A GGUF
    file is unpacked to the number form that is computed in, so that it takes more memory than
    with ``models.llama_cpp@1``, and loading takes longer. An encoder-decoder model reads the
    prompt with its encoder and gives neither attention nor hidden states; its operations are
    estimated as a decoder's. One computation at a time; other threads wait.
    """

    Config = TransformersConfig

    def __init__(self, config: TransformersConfig) -> None:
        super().__init__(config)
        self._engine: Decoder | EncoderDecoder | None = None
        self._tokens: TransformersVocabulary | None = None
        self._sizes = flops.TransformerShape(1, 1, 1)
        self._digest = ""
        self._device = "cpu"

    # -- life ---------------------------------------------------------------

    def start(self) -> None:
        """Load the model.

        Raises:
            ModelError: if a library, a file or the device is missing, or it cannot be loaded.
            UsageError: if the model was not trained for ``context_tokens``.
        """
        self._device = torch_device(self.config.device, self.name)
        if self.config.threads:
            import torch

            torch.set_num_threads(thread_count(self.config.threads))
        weights = find_weights(self.config.model, self.name)
        model, tokenizer = load(weights, self.config.dtype, self._device, self.name)
        settings = model.config.get_text_config()
        trained = getattr(settings, "max_position_embeddings", None)
        if trained is not None and self.config.context_tokens > trained:
            raise UsageError(
                f"{self.name}: context_tokens is {self.config.context_tokens}, but the model was"
                f" trained for {trained}"
            )
        header = None if weights.gguf is None else gguf_header(weights.folder / weights.gguf)
        self._tokens = TransformersVocabulary(tokenizer, model, header, self.name)
        self._sizes = shape_of(model)
        self._digest = digest(
            {
                "weights": weights.sha256,
                "dtype": str(model.dtype),
                "context_tokens": self.config.context_tokens,
                "temperature": self.config.temperature,
                "batch_tokens": self.config.batch_tokens,
                **versions(),
            }
        )
        size = self.config.batch_tokens
        if self._writes_after_reading:
            self._engine = EncoderDecoder(model, end=self._tokens.end, batch_tokens=size)
        else:
            self._engine = Decoder(model, batch_tokens=size, name=self.name)

    def close(self) -> None:
        """Free the model's memory, after the call at hand."""
        with self._lock:
            if self._engine is None:
                return
            self._engine.close()
            self._engine = self._tokens = self._forms = None
            gc.collect()
            if self._device == "cuda":
                import torch

                torch.cuda.empty_cache()

    def fingerprint(self) -> str:
        """Over the weights, the libraries and every setting that an answer depends on.

        The device is none of them.
        """
        self._loaded()
        return self._digest

    # -- use ----------------------------------------------------------------

    @property
    def abilities(self) -> frozenset[Ability]:
        """Everything for a decoder; an encoder-decoder shows nothing of its inside."""
        return _WRITES if self._writes_after_reading else frozenset(Ability)

    def keep(self, prompt: Prompt) -> None:
        """Keep what is computed of this prompt, from its next reading until ``release``."""
        reading = self._read(prompt, 0)
        with self._lock:
            self._loaded().keep(reading)

    def release(self, prompt: Prompt) -> None:
        """Let go of what ``keep`` kept."""
        if self._engine is not None:
            reading = self._read(prompt, 0)
            with self._lock:
                self._loaded().release(reading)

    @property
    def _writes_after_reading(self) -> bool:
        return reads_then_writes(self.config.model)

    def _vocabulary(self) -> TransformersVocabulary:
        self._loaded()
        assert self._tokens is not None
        return self._tokens

    def _shape(self) -> flops.TransformerShape:
        return self._sizes

    def _open(self, reading: Reading, context: RunContext) -> Session:
        return self._loaded().open(reading, context)

    def _next(
        self, prompts: Sequence[Reading], wanted: Sequence[int], contexts: Sequence[RunContext]
    ) -> tuple[NDArray[np.float64], list[int]]:
        return self._loaded().next(prompts, wanted, contexts)

    def _follow(
        self, pairs: Sequence[tuple[Reading, list[int]]], contexts: Sequence[RunContext]
    ) -> tuple[list[float], list[int]]:
        return self._loaded().follow(pairs, contexts)

    def _attend(
        self, reading: Reading, rows: tuple[int, int], context: RunContext
    ) -> tuple[NDArray[np.float32], int]:
        return self._decoder(Ability.ATTENTION).attend(reading, rows, context)

    def _states(
        self, prompts: Sequence[Reading], layer: int, contexts: Sequence[RunContext]
    ) -> list[NDArray[np.float32]]:
        return self._decoder(Ability.HIDDEN_STATES).states(prompts, layer, contexts)

    def _loaded(self) -> Decoder | EncoderDecoder:
        if self._engine is None:
            raise ModelError(f"{self.name} is not loaded: call start() first")
        return self._engine

    def _decoder(self, ability: Ability) -> Decoder:
        engine = self._loaded()
        if not isinstance(engine, Decoder):
            raise self._unable(ability)
        return engine
