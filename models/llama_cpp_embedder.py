"""Sentence embeddings by a model in GGUF form, run in this process by llama.cpp."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from assay.models import flops
from assay.models.files.store import Located, checked_name, default_store
from assay.models.local_embedder import LocalEmbedder, LocalEmbedderConfig
from assay.models.protocols import Floats
from assay.models.text_windows import Window, blocks, readable, room_beside, spaced
from assay.models.threads import thread_count
from assay.pipeline.canonical import digest
from assay.pipeline.component import register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError


class LlamaCppEmbedderConfig(LocalEmbedderConfig):
    """Settings of ``models.llama_cpp_embedder@1``."""

    model: str = Field(
        min_length=1,
        description="a .gguf file, or a key of the catalogue",
        examples=["embedder.gguf"],
    )
    max_tokens: int = Field(
        512, ge=16, le=32_768, description="longest window in tokens, special tokens included"
    )
    pooling: Literal["model", "mean", "cls", "last"] = Field(
        "model",
        description="how tokens become one vector; model: as the file says, and the mean where it"
        " says nothing, as for language models",
    )
    threads: int = Field(
        0, ge=0, le=256, description="processor threads; 0 for every available core"
    )

    @field_validator("model")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        return checked_name(value, info.context, weights=".gguf")


@dataclass(slots=True)
class _Loaded:
    """A model and what was read of it.

    Args:
        library: the module llama_cpp.
        model: its high-level object, which owns the memory.
        batch: room for one window.
        before: special tokens that begin a window.
        after: special tokens that end it.
        spaces: whether a word's space is part of its first token.
        pooling: number of the pooling in use.
    """

    library: Any
    model: Any
    batch: Any
    before: list[int]
    after: list[int]
    spaces: bool
    pooling: int
    shape: flops.TransformerShape
    causal: bool
    digest: str


@register("models.llama_cpp_embedder@1")
class LlamaCppEmbedder(LocalEmbedder[_Loaded]):
    """Vectors from an encoder or a language model in a GGUF file.

    A text over ``max_tokens`` is cut into windows of about equal length; its vector is the mean
    of the windows' vectors, weighted by their tokens. One window is computed at a time, so a
    text's vector never depends on what else was asked, to the last bit. One call at a time;
    other threads wait. Cost: one call a window, one round.
    """

    Config = LlamaCppEmbedderConfig

    def __init__(self, config: LlamaCppEmbedderConfig) -> None:
        super().__init__(config)
        self._lock = threading.Lock()

    def start(self) -> None:
        """Load the model.

        Raises:
            ModelError: if llama-cpp-python or the file is missing, or it cannot be loaded.
            UsageError: if the model reads less than ``max_tokens``, or is a reranker.
        """
        try:
            import llama_cpp
        except ImportError as error:
            raise ModelError(
                f"{self.name} needs llama-cpp-python, which is compiled on installation and so"
                " needs a C++ compiler and cmake: `pip install 'assay[llama]'`. Without them use"
                " models.onnx_embedder"
            ) from error
        found = default_store().locate(self.config.model)
        path = str(found.file(".gguf"))
        wanted = {
            "model": llama_cpp.LLAMA_POOLING_TYPE_UNSPECIFIED,
            "mean": llama_cpp.LLAMA_POOLING_TYPE_MEAN,
            "cls": llama_cpp.LLAMA_POOLING_TYPE_CLS,
            "last": llama_cpp.LLAMA_POOLING_TYPE_LAST,
        }[self.config.pooling]
        model = self._open(llama_cpp, path, wanted)
        if model.pooling_type() == llama_cpp.LLAMA_POOLING_TYPE_NONE:
            model.close()
            model = self._open(llama_cpp, path, llama_cpp.LLAMA_POOLING_TYPE_MEAN)
        with _closing_on_failure(model):
            self._engine = self._described(llama_cpp, model, found)
        self._settle(found.entry)

    def _open(self, library: Any, path: str, pooling: int) -> Any:
        threads = thread_count(self.config.threads)
        try:
            return library.Llama(
                model_path=path,
                embedding=True,
                pooling_type=pooling,
                n_ctx=self.config.max_tokens,
                n_batch=self.config.max_tokens,
                n_ubatch=self.config.max_tokens,
                n_threads=threads,
                n_threads_batch=threads,
                verbose=False,
            )
        except (ValueError, RuntimeError, OSError) as error:
            raise ModelError(
                f"{self.name}: {path} cannot be loaded ({error}): check that it is a whole GGUF"
                " file and that memory suffices"
            ) from error

    def _described(self, library: Any, model: Any, found: Located) -> _Loaded:
        """The model with everything that embedding needs to know of it."""
        trained = int(library.llama_model_n_ctx_train(model.model))
        if self.config.max_tokens > trained:
            raise UsageError(
                f"{self.name}: max_tokens is {self.config.max_tokens}, but the model reads"
                f" {trained}"
            )
        if model.pooling_type() == library.LLAMA_POOLING_TYPE_RANK:
            raise UsageError(
                f"{self.name}: {found.path} is a reranker, which gives scores and no vectors: give"
                " an embedding model"
            )
        said = model.metadata
        family = said.get("general.architecture", "")
        causal = said.get(f"{family}.attention.causal", "true") == "true"
        try:
            heads = int(said[f"{family}.attention.head_count"])
            shape = flops.TransformerShape(
                layers=int(said[f"{family}.block_count"]),
                hidden=int(said[f"{family}.embedding_length"]),
                feed_forward=int(said[f"{family}.feed_forward_length"]),
                heads_per_key=heads / int(said.get(f"{family}.attention.head_count_kv", heads)),
                gated=causal,
            )
        except (KeyError, ValueError) as error:
            raise ModelError(
                f"{self.name}: {found.path} does not say its sizes ({error}): convert it again"
                " with a current llama.cpp"
            ) from error
        bare = model.tokenize(b"a", add_bos=False, special=False)
        framed = model.tokenize(b"a", add_bos=True, special=False)
        start = next(
            place
            for place in range(len(framed) - len(bare) + 1)
            if framed[place : place + len(bare)] == bare
        )
        vocabulary = library.llama_model_get_vocab(model.model)
        return _Loaded(
            library=library,
            model=model,
            batch=library.llama_batch_init(self.config.max_tokens, 0, 1),
            before=framed[:start],
            after=framed[start + len(bare) :],
            spaces=library.llama_vocab_type(vocabulary) == library.LLAMA_VOCAB_TYPE_BPE,
            pooling=int(model.pooling_type()),
            shape=found.entry.shape if found.entry is not None else shape,
            causal=causal,
            digest=found.sha256(found.file(".gguf")),
        )

    def close(self) -> None:
        """Free the model's memory, after the call at hand."""
        with self._lock:
            engine, self._engine = self._engine, None
            if engine is not None:
                engine.library.llama_batch_free(engine.batch)
                engine.model.close()

    def fingerprint(self) -> str:
        """Over the weights and every setting that a vector depends on."""
        engine = self._loaded()
        return digest(
            {
                "model": engine.digest,
                "max_tokens": self.config.max_tokens,
                "pooling": engine.pooling,
                "query_prefix": self._query_prefix,
                "passage_prefix": self._passage_prefix,
                "normalise": self.config.normalise,
            }
        )

    def _cut(self, text: str, prefix: str, context: RunContext | None) -> list[Window]:
        engine = self._loaded()
        lead: list[int] = []
        if prefix:
            bare, spaced_text = spaced(prefix, text)
            text = spaced_text if engine.spaces else text
            lead = self._tokens(bare)
        taken = len(engine.before) + len(lead) + len(engine.after)
        room = room_beside(taken, self.config.max_tokens)
        found: list[Window] = []
        for block in blocks(readable(text), context):
            tokens = self._tokens(block)
            count = max(1, -(-len(tokens) // room))
            size = max(1, -(-len(tokens) // count))
            for start in range(0, max(1, len(tokens)), size):
                own = tokens[start : start + size]
                ids = [*engine.before, *lead, *own, *engine.after]
                found.append(Window(ids, (), len(own)))
        kept = [one for one in found if one.own] or found[:1]
        if not kept[0].ids:  # nothing, and a model without special tokens: a space stands for it
            return [Window(self._tokens(" "), (), 0)]
        return kept

    def _tokens(self, text: str) -> list[int]:
        """Tokens of a text as plain text: the names of special tokens are words."""
        if not text:
            return []
        with self._lock:
            encoded = readable(text).encode()
            tokens: list[int] = self._loaded().model.tokenize(encoded, add_bos=False, special=False)
        return tokens

    def _run(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Floats]:
        made = []
        for window, context in zip(windows, contexts, strict=True):
            context.check()
            with self._lock:
                made.append(self._vector(window))
        return made

    def _vector(self, window: Window) -> Floats:
        """The vector of one window, by itself in the model's memory."""
        engine = self._loaded()
        library, batch, context = engine.library, engine.batch, engine.model.ctx
        batch.n_tokens = len(window.ids)
        for place, token in enumerate(window.ids):
            batch.token[place] = token
            batch.pos[place] = place
            batch.n_seq_id[place] = 1
            batch.seq_id[place][0] = 0
            batch.logits[place] = True
        memory = library.llama_get_memory(context)
        if memory is not None:  # encoders have none
            library.llama_memory_clear(memory, True)
        status = library.llama_decode(context, batch)
        vector = library.llama_get_embeddings_seq(context, 0)
        if status != 0 or not vector:
            raise ModelError(
                f"{self.name}: llama.cpp could not embed {len(window.ids)} tokens (status"
                f" {status}): check that the file is an embedding model and that memory suffices"
            )
        size = library.llama_model_n_embd(engine.model.model)
        return np.ctypeslib.as_array(vector, shape=(size,)).astype(np.float32)

    def _flops(self, tokens: int) -> float:
        engine = self._loaded()
        if engine.causal:
            return flops.decoder(engine.shape, tokens, 0)
        return flops.encoder(engine.shape, tokens)


@contextmanager
def _closing_on_failure(model: Any) -> Iterator[None]:
    """Free a model that turned out not to be usable."""
    try:
        yield
    except (ModelError, UsageError):
        model.close()
        raise
