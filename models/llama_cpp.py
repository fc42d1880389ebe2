"""Language models in GGUF form, run in this process by llama.cpp."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator

from assay.models import flops
from assay.models.protocols import Generation, LanguageModel
from assay.models.store import Located, checked_name, default_store
from assay.models.threads import thread_count
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError

CHUNK = 128
"""Prompt tokens evaluated at once, always from a multiple of this position."""


class LlamaCppConfig(Config):
    """Settings of ``models.llama_cpp@1``."""

    model: str = Field(
        "qwen2.5-coder-0.5b-instruct-q4_k_m",
        description="key of the catalogue, or a .gguf file",
    )
    context_tokens: int = Field(
        4096, ge=256, le=131_072, description="most tokens of prompt and answer together"
    )
    temperature: float = Field(
        0.0, ge=0.0, le=2.0, description="0 always takes the likeliest token"
    )
    threads: int = Field(
        0, ge=0, le=256, description="processor threads; 0 for every available core"
    )

    @field_validator("model")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        return checked_name(value, info.context)


@register("models.llama_cpp@1")
class LlamaCpp(LanguageModel):
    """Plain completion by llama.cpp on the processor.

    The prompt is text and nothing else: a control token's name inside it is read as
    letters. Keys and values of a prompt's first tokens are kept for the next prompt
    that starts alike. How many tokens are evaluated at once changes their results
    in the last bits (quantised kernels differ by batch; logits moved by up to 0.67
    in a measurement), so prompts are evaluated in chunks that start at multiples of
    128 and only whole chunks are reused: an answer never depends on what was asked
    before. One call at a time; other threads wait. Cost: one call, one round;
    ``tokens_in`` counts the whole prompt, FLOPs only what was evaluated.
    """

    Config = LlamaCppConfig

    def __init__(self, config: LlamaCppConfig) -> None:
        super().__init__(config)
        self._lock = threading.Lock()
        self._engine: Any = None
        self._library: Any = None
        self._vocabulary: Any = None
        self._weights_digest = ""
        self._shape = flops.TransformerShape(1, 1, 1)
        self._kept: list[int] = []

    # -- life ---------------------------------------------------------------

    def start(self) -> None:
        """Load the model.

        Raises:
            ModelError: if llama-cpp-python or the file is missing, or it cannot be loaded.
            UsageError: if the model was not trained for ``context_tokens``.
        """
        try:
            import llama_cpp
        except ImportError as error:
            raise ModelError(
                f"{self.name} needs llama-cpp-python, which is compiled on installation and so"
                " needs a C++ compiler and cmake: `pip install 'assay[llama]'`. Without them use"
                " generate.extractive, which needs no language model"
            ) from error
        found = default_store().locate(self.config.model)
        path = found.file(".gguf")
        threads = thread_count(self.config.threads)
        try:
            self._engine = llama_cpp.Llama(
                model_path=str(path),
                n_ctx=self.config.context_tokens,
                n_batch=CHUNK,
                n_ubatch=CHUNK,
                n_threads=threads,
                n_threads_batch=threads,
                verbose=False,
            )
        except (ValueError, RuntimeError, OSError) as error:
            raise ModelError(
                f"{self.name}: {path} cannot be loaded ({error}): check that it is a whole GGUF"
                " file and that memory suffices"
            ) from error
        self._library = llama_cpp
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._engine.model)
        self._weights_digest = found.sha256(path)
        self._shape = self._described(found)
        self._kept = []
        trained = int(llama_cpp.llama_model_n_ctx_train(self._engine.model))
        if self.config.context_tokens > trained:
            self.close()
            raise UsageError(
                f"{self.name}: context_tokens is {self.config.context_tokens}, but the model was"
                f" trained for {trained}"
            )

    def close(self) -> None:
        """Free the model's memory, after the call at hand."""
        with self._lock:
            if self._engine is not None:
                self._engine.close()
                self._engine = None
                self._kept = []

    def fingerprint(self) -> str:
        """Over the weights and every setting that an answer depends on."""
        self._loaded()
        return digest(
            {
                "weights": self._weights_digest,
                "context_tokens": self.config.context_tokens,
                "temperature": self.config.temperature,
                "chunk": CHUNK,
            }
        )

    # -- use ----------------------------------------------------------------

    @property
    def context_length(self) -> int:
        """Most tokens that prompt and answer may have together."""
        return int(self.config.context_tokens)

    def count_tokens(self, text: str) -> int:
        """Number of tokens of a plain text."""
        return len(self._tokens(text, begin=False))

    def generate(
        self,
        prompt: str,
        context: RunContext,
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
    ) -> Generation:
        """Continue a prompt until a stop string, the model's end token or ``max_tokens``.

        Raises:
            UsageError: if prompt and answer do not fit, with both numbers.
            DeadlineExceeded: if the request ends meanwhile.
        """
        with self._lock:
            tokens = self._tokens(prompt, begin=True)
            if not tokens:
                raise UsageError(f"{self.name}: the prompt is empty; give it text to continue")
            if len(tokens) + max_tokens > self.config.context_tokens:
                raise UsageError(
                    f"the prompt has {len(tokens)} tokens and the answer may have {max_tokens},"
                    f" but {self.name} reads {self.config.context_tokens} together: raise its"
                    " context_tokens or give it fewer passages"
                )
            cached = self._read(tokens, context)
            text, logprobs = self._write(tokens, context, max_tokens, stop)
        context.spend(
            calls=1,
            rounds=1,
            tokens_in=len(tokens),
            tokens_out=len(logprobs),
            flops=flops.decoder(self._shape, len(tokens), len(logprobs), cached=cached),
        )
        mean = sum(logprobs) / len(logprobs) if text and logprobs else None
        return Generation(text, len(tokens), len(logprobs), mean)

    def _read(self, tokens: list[int], context: RunContext) -> int:
        """Evaluate a prompt; returns how many of its first tokens were still known."""
        engine = self._loaded()
        common = 0
        for old, new in zip(self._kept, tokens, strict=False):
            if old != new:
                break
            common += 1
        # The last chunk is always evaluated: its logits are needed.
        begin = min(common, len(tokens) - 1) // CHUNK * CHUNK
        engine.n_tokens = begin
        for position in range(begin, len(tokens), CHUNK):
            self._kept = tokens[:position]
            context.check()
            engine.eval(tokens[position : position + CHUNK])
        # Only whole chunks of prompt may be reused: generated tokens were evaluated singly.
        self._kept = tokens[: len(tokens) // CHUNK * CHUNK]
        return begin

    def _write(
        self, tokens: list[int], context: RunContext, max_tokens: int, stop: Sequence[str]
    ) -> tuple[str, list[float]]:
        """Generate after ``_read``; the text, and each generated token's log-probability."""
        engine = self._loaded()
        seed = int.from_bytes(hashlib.sha256(np.asarray(tokens).tobytes()).digest()[:8], "big")
        random = np.random.default_rng([context.seed, seed])
        written = b""
        logprobs: list[float] = []
        while len(logprobs) < max_tokens:
            context.check()
            scores = self._log_softmax()
            token = self._choose(scores, random)
            logprobs.append(float(scores[token]))
            if self._library.llama_vocab_is_eog(self._vocabulary, token):
                break
            written += engine.detokenize([token], prev_tokens=[tokens[-1]])
            text = written.decode("utf-8", errors="ignore")
            ends = [place for one in stop if one and (place := text.find(one)) >= 0]
            if ends:
                return text[: min(ends)], logprobs
            if len(logprobs) < max_tokens:
                engine.eval([token])
        return written.decode("utf-8", errors="ignore"), logprobs

    def _log_softmax(self) -> NDArray[np.float32]:
        """Log-probabilities of the next token, shape ``(vocabulary,)``."""
        engine = self._loaded()
        pointer = self._library.llama_get_logits_ith(engine.ctx, -1)
        logits: NDArray[np.float32] = np.ctypeslib.as_array(pointer, shape=(engine.n_vocab(),))
        shifted = logits - logits.max()
        result: NDArray[np.float32] = shifted - np.log(np.exp(shifted).sum(dtype=np.float64))
        return result.astype(np.float32, copy=False)

    def _choose(self, scores: NDArray[np.float32], random: np.random.Generator) -> int:
        """The likeliest token, or one drawn at the configured temperature."""
        if self.config.temperature == 0.0:
            return int(scores.argmax())
        heated = scores.astype(np.float64) / self.config.temperature
        weights = np.exp(heated - heated.max())
        return int(random.choice(len(weights), p=weights / weights.sum()))

    def _tokens(self, text: str, *, begin: bool) -> list[int]:
        encoded = text.encode("utf-8", errors="replace")
        tokens: list[int] = self._loaded().tokenize(encoded, add_bos=begin, special=False)
        return tokens

    def _described(self, found: Located) -> flops.TransformerShape:
        """Sizes by the catalogue, or by the metadata that every GGUF file carries."""
        if found.entry is not None:
            return found.entry.shape
        said = self._engine.metadata
        family = said.get("general.architecture", "")
        try:
            heads = int(said[f"{family}.attention.head_count"])
            return flops.TransformerShape(
                layers=int(said[f"{family}.block_count"]),
                hidden=int(said[f"{family}.embedding_length"]),
                feed_forward=int(said[f"{family}.feed_forward_length"]),
                heads_per_key=heads / int(said.get(f"{family}.attention.head_count_kv", heads)),
                gated=True,
                vocabulary=int(self._engine.n_vocab()),
            )
        except (KeyError, ValueError) as error:
            self._engine.close()
            self._engine = None
            raise ModelError(
                f"{self.name}: {found.path} does not say its sizes ({error}): convert it again"
                " with a current llama.cpp"
            ) from error

    def _loaded(self) -> Any:
        if self._engine is None:
            raise ModelError(f"{self.name} is not loaded: call start() first")
        return self._engine
