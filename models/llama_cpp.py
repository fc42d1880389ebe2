"""Language models in GGUF form, run in this process by llama.cpp."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator

from assay.models import flops
from assay.models.files.store import Located, checked_name, default_store
from assay.models.language_model import Ability
from assay.models.llama_cpp_engine.memory import Memory
from assay.models.llama_cpp_engine.vocabulary import LlamaCppVocabulary
from assay.models.local_model import LocalLanguageModel, Logprobs, Session
from assay.models.prompt import Prompt
from assay.models.threads import thread_count
from assay.models.vocabulary import RUN, Reading, read
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError


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
    gpu_layers: int = Field(
        0, ge=-1, le=1000, description="blocks that a card computes; -1 for all, 0 for none"
    )

    @field_validator("model")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        return checked_name(value, info.context)


@register("models.llama_cpp@1")
class LlamaCpp(LocalLanguageModel):
    """GGUF models by llama.cpp, on the processor or, where it was built so, on a card.

    Prompts are computed in runs that depend on the prompt alone, since quantised kernels give
    other last bits for other run lengths (logits moved by up to 0.67 in a measurement); whole
    runs of the prompt before, and of a kept prefix, are taken over. So an answer never depends
    on what was asked before or beside it. Hidden states are those behind the last block and its
    normalisation (``layer=-1``). One computation at a time; other threads wait.
    """

    Config = LlamaCppConfig

    def __init__(self, config: LlamaCppConfig) -> None:
        super().__init__(config)
        self._engine: Any = None
        self._tokens: LlamaCppVocabulary | None = None
        self._memory: Memory | None = None
        self._weights_digest = ""
        self._sizes = flops.TransformerShape(1, 1, 1)

    # -- life ---------------------------------------------------------------

    @property
    def abilities(self) -> frozenset[Ability]:
        """Everything but attention."""
        return frozenset(Ability) - {Ability.ATTENTION}

    def start(self) -> None:
        """Load the model.

        Raises:
            ModelError: if llama-cpp-python, the card or the file is missing, or it cannot be
                loaded.
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
        if self.config.gpu_layers and not llama_cpp.llama_supports_gpu_offload():
            raise ModelError(
                f"{self.name}: this build of llama.cpp has no code for a card: install"
                " llama-cpp-python with CMAKE_ARGS='-DGGML_CUDA=on', or write 'gpu_layers: 0'"
            )
        found = default_store().locate(self.config.model)
        path = found.file(".gguf")
        threads = thread_count(self.config.threads)
        try:
            engine = llama_cpp.Llama(
                model_path=str(path),
                n_ctx=self.config.context_tokens,
                n_batch=RUN,
                n_ubatch=RUN,
                n_threads=threads,
                n_threads_batch=threads,
                n_gpu_layers=self.config.gpu_layers,
                verbose=False,
            )
        except (ValueError, RuntimeError, OSError) as error:
            raise ModelError(
                f"{self.name}: {path} cannot be loaded ({error}): check that it is a whole GGUF"
                " file and that memory suffices"
            ) from error
        trained = int(llama_cpp.llama_model_n_ctx_train(engine.model))
        if self.config.context_tokens > trained:
            engine.close()
            raise UsageError(
                f"{self.name}: context_tokens is {self.config.context_tokens}, but the model was"
                f" trained for {trained}"
            )
        self._sizes = self._described(found, engine)
        self._weights_digest = found.sha256(path)
        self._engine = engine
        self._tokens = LlamaCppVocabulary(engine, llama_cpp)
        self._memory = Memory(
            llama_cpp,
            engine.ctx,
            vocabulary=self._tokens.size,
            hidden=int(llama_cpp.llama_model_n_embd(engine.model)),
        )

    def close(self) -> None:
        """Free the model's memory, after the computation at hand."""
        with self._lock:
            if self._engine is not None:
                self._loaded().close()
                self._engine.close()
                self._engine = self._tokens = self._memory = self._forms = None

    def fingerprint(self) -> str:
        """Over the weights and every setting that an answer depends on."""
        self._loaded()
        return digest(
            {
                "weights": self._weights_digest,
                "context_tokens": self.config.context_tokens,
                "temperature": self.config.temperature,
                "run": RUN,
            }
        )

    # -- use ----------------------------------------------------------------

    def keep(self, prompt: Prompt) -> None:
        """Keep what is computed of this prompt, in memory, until ``release``."""
        with self._lock:
            self._loaded().pin(read(prompt, self._vocabulary()))

    def release(self, prompt: Prompt) -> None:
        """Let go of what ``keep`` kept."""
        with self._lock:
            if self._memory is not None:
                self._memory.unpin(read(prompt, self._vocabulary()))

    def _vocabulary(self) -> LlamaCppVocabulary:
        self._loaded()
        assert self._tokens is not None
        return self._tokens

    def _shape(self) -> flops.TransformerShape:
        return self._sizes

    def _open(self, reading: Reading, context: RunContext) -> Session:
        return LlamaCppSession(self._loaded(), reading, context)

    def _next(
        self, prompts: Sequence[Reading], wanted: Sequence[int], contexts: Sequence[RunContext]
    ) -> tuple[NDArray[np.float64], list[int]]:
        memory = self._loaded()
        found = np.zeros((len(prompts), len(wanted)))
        cached = [0] * len(prompts)
        for place in sorted(range(len(prompts)), key=lambda one: prompts[one].tokens):
            cached[place] = memory.read(prompts[place], contexts[place])
            found[place] = memory.after[list(wanted)]
        return found, cached

    def _follow(
        self, pairs: Sequence[tuple[Reading, list[int]]], contexts: Sequence[RunContext]
    ) -> tuple[list[float], list[int]]:
        memory = self._loaded()
        found = [0.0] * len(pairs)
        cached = [0] * len(pairs)
        for place in sorted(range(len(pairs)), key=lambda one: pairs[one][0].tokens):
            reading, follows = pairs[place]
            contexts[place].check()
            cached[place] = memory.read(reading, contexts[place])
            found[place] = memory.follow(follows)
        return found, cached

    def _states(
        self, prompts: Sequence[Reading], layer: int, contexts: Sequence[RunContext]
    ) -> list[NDArray[np.float32]]:
        if layer != -1:
            raise UsageError(
                f"{self.name} gives the hidden states behind the last block (layer=-1), found"
                f" layer={layer}: models.transformers gives those of every block"
            )
        memory = self._loaded()
        return [
            memory.states(reading, context)
            for reading, context in zip(prompts, contexts, strict=True)
        ]

    def _described(self, found: Located, engine: Any) -> flops.TransformerShape:
        """Sizes by the catalogue, or by the metadata that every GGUF file carries."""
        if found.entry is not None:
            return found.entry.shape
        said = engine.metadata
        family = said.get("general.architecture", "")
        try:
            heads = int(said[f"{family}.attention.head_count"])
            return flops.TransformerShape(
                layers=int(said[f"{family}.block_count"]),
                hidden=int(said[f"{family}.embedding_length"]),
                feed_forward=int(said[f"{family}.feed_forward_length"]),
                heads_per_key=heads / int(said.get(f"{family}.attention.head_count_kv", heads)),
                gated=True,
                vocabulary=int(engine.n_vocab()),
            )
        except (KeyError, ValueError) as error:
            engine.close()
            raise ModelError(
                f"{self.name}: {found.path} does not say its sizes ({error}): convert it again"
                " with a current llama.cpp"
            ) from error

    def _loaded(self) -> Memory:
        if self._memory is None:
            raise ModelError(f"{self.name} is not loaded: call start() first")
        return self._memory


class LlamaCppSession:
    """A text that is being written.

    Where others computed in between, prompt and written tokens are computed again, in the same
    runs as before.
    """

    def __init__(self, memory: Memory, reading: Reading, context: RunContext) -> None:
        self._memory = memory
        self._reading = reading
        self._context = context
        self._written: list[int] = []
        self.cached = memory.read(reading, context)
        self._scores = memory.after
        memory.owner = self

    def logprobs(self) -> Logprobs:
        """Natural log-probabilities of the next token."""
        return self._scores

    def push(self, token: int) -> None:
        """Go on with a token."""
        if self._memory.owner is not self:
            self._memory.read(self._reading, self._context)
            for written in self._written:
                self._memory.step(written)
            self._memory.owner = self
        self._written.append(token)
        self._scores = self._memory.step(token)

    def close(self) -> None:
        """Nothing is held beyond the model's own memory."""
