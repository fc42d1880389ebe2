"""Embedders behind any server that speaks OpenAI's API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.models import account
from assay.models.openai_api.client import ServerClient, ServerRequest
from assay.models.openai_api.config import NO_MATTER, ServerConfig
from assay.models.openai_api.events import UnreadableReply
from assay.models.openai_api.replies import checked
from assay.models.openai_api.tokens import TokenCounter
from assay.models.protocols import Embedder, Floats
from assay.models.vocabulary import clean
from assay.pipeline.canonical import digest
from assay.pipeline.component import register, relative_to
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError

SPECIAL_TOKENS = 2
"""What a model is taken to put around a text."""


class OpenAiEmbedderConfig(ServerConfig):
    """Settings of ``models.openai_embedder@1``."""

    query_prefix: str = Field("", description="put before each query, as trained")
    passage_prefix: str = Field("", description="put before each window of a passage, as trained")
    max_tokens: int = Field(
        512, ge=16, le=1_000_000, description="longest window in tokens, prefix included"
    )
    batch_size: int = Field(32, ge=1, le=4096, description="most windows in one request")
    dimension: int | None = Field(
        None, ge=1, le=65_536, description="length of a vector; null asks the server at the start"
    )


@dataclass(frozen=True, slots=True)
class _Window:
    """A part of a text as it is sent.

    Args:
        text: with its prefix.
        tokens: all of them, as counted or estimated here.
        own: tokens without the prefix; the weight in the mean.
        owner: number of the text that it belongs to.
    """

    text: str
    tokens: int
    own: int
    owner: int


@register("models.openai_embedder@1")
class OpenAiEmbedder(Embedder):
    """Unit vectors from ``/embeddings`` of vLLM, Ollama, llama.cpp's server or a hosted one.

    A text over ``max_tokens`` is cut into windows of about equal length; its vector is the mean
    of the windows' unit vectors, weighted by their tokens, brought back to length 1. Windows are
    sorted by length and sent in requests of ``batch_size``, ``concurrency`` at a time. Tokens are
    counted by ``tokenizer`` or estimated, then the run record says ``tokens_estimated``. Cost:
    one call a window, one round; FLOPs unknown.
    """

    Config = OpenAiEmbedderConfig

    def __init__(self, config: OpenAiEmbedderConfig) -> None:
        super().__init__(config)
        self._base = Path()
        self._client = ServerClient(config, self.name)
        self._counter: TokenCounter | None = None
        self._dimension: int | None = config.dimension

    # -- life ---------------------------------------------------------------

    def prepare(self, base: Path) -> Iterable[str]:
        """See where the tokenizer lies."""
        self._base = base
        if self.config.tokenizer is None:
            return ()
        path = relative_to(base, self.config.tokenizer)
        return () if path.is_file() else (f"'tokenizer': there is no file {path}",)

    def start(self) -> None:
        """Make the client ready; without ``dimension`` one text is embedded to learn it.

        Raises:
            ModelError: if a library or the tokenizer is missing, or the server fails.
        """
        path = self.config.tokenizer
        self._counter = TokenCounter(relative_to(self._base, path) if path else None, self.name)
        self._client.start()
        if self._dimension is None:
            try:
                (vector,) = self._asked([_Window("dimension", 1, 1, 0)], [RunContext()])
            except ModelError:
                self.close()
                raise
            self._dimension = len(vector)

    def close(self) -> None:
        """End requests that are under way and close the connections."""
        self._client.close()
        self._counter = None

    def fingerprint(self) -> str:
        """Over the settings that a vector depends on; what the server runs is not in it.

        Say what you know of the weights in ``identity``.
        """
        unseen = {*NO_MATTER, "batch_size", "dimension"}
        settings = self.config.model_dump(mode="json", exclude=unseen)
        return digest({"name": self.name, "counter": self._started().digest, **settings})

    # -- use ----------------------------------------------------------------

    @property
    def dimension(self) -> int:
        """Length of a vector; known after ``start``."""
        if self._dimension is None:
            raise ModelError(f"{self.name} is not started: call start() first")
        return self._dimension

    def embed_queries(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """Unit vectors of queries, shape ``(len(texts), dimension)``."""
        return self._embed(texts, self.config.query_prefix, contexts)

    def embed_passages(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """Unit vectors of passages, shape ``(len(texts), dimension)``."""
        return self._embed(texts, self.config.passage_prefix, contexts)

    def token_offsets(self, text: str) -> Sequence[tuple[int, int]] | None:
        """See ``Embedder.token_offsets``: by ``tokenizer``, None without one."""
        return self._started().offsets(text)

    def _embed(self, texts: Sequence[str], prefix: str, contexts: Sequence[RunContext]) -> Floats:
        counter = self._started()
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        before = counter.count(prefix) + SPECIAL_TOKENS
        room = self.config.max_tokens - before
        if room < 1:
            raise UsageError(
                f"{self.name}: the prefix {prefix[:40]!r} alone has {before} of max_tokens"
                f" {self.config.max_tokens}: shorten it"
            )
        cut = [counter.windows(clean(text), room) for text in texts]
        windows = [
            _Window(prefix + one.text, before + one.tokens, max(1, one.tokens), owner)
            for owner, own in enumerate(cut)
            for one in own
        ]
        order = sorted(range(len(windows)), key=lambda place: windows[place].tokens)
        found = self._asked([windows[place] for place in order], contexts)
        sums = np.zeros((len(texts), self.dimension))
        for place, vector in zip(order, found, strict=True):
            sums[windows[place].owner] += vector * windows[place].own
        self._account(windows, cut, contexts)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        if (lost := np.flatnonzero(lengths[:, 0] < 1e-9)).size:
            raise self._client.failure(
                f"the windows of text {int(lost[0]) + 1} of {len(texts)} cancel each other out:"
                " raise max_tokens if the model reads more"
            )
        unit: Floats = (sums / lengths).astype(np.float32)
        return unit

    def _account(
        self, windows: Sequence[_Window], cut: Sequence[list[Any]], contexts: Sequence[RunContext]
    ) -> None:
        for own, context in zip(cut, contexts, strict=True):
            context.count(texts_windowed=int(len(own) > 1))
            if self._started().estimates:
                context.note(tokens_estimated=True)
        payers = [contexts[one.owner] for one in windows]
        account.book(payers, [one.tokens for one in windows], [0.0] * len(windows))

    def _asked(
        self, windows: Sequence[_Window], contexts: Sequence[RunContext]
    ) -> list[NDArray[np.float64]]:
        """A unit vector for each window."""
        size = self.config.batch_size
        batches = [windows[place : place + size] for place in range(0, len(windows), size)]
        requests = [
            ServerRequest(
                "embeddings",
                {"input": [one.text for one in batch], "encoding_format": "float"},
                _reader(batch, self._dimension),
            )
            for batch in batches
        ]
        return [vector for found in self._client.ask(requests, contexts) for vector in found]

    def _started(self) -> TokenCounter:
        if self._counter is None:
            raise ModelError(f"{self.name} is not started: call start() first")
        return self._counter


def _reader(
    batch: Sequence[_Window], dimension: int | None
) -> Callable[[Any], list[NDArray[np.float64]]]:
    """Reads a unit vector for each window of a batch out of an answer."""

    def read(answer: Any) -> list[NDArray[np.float64]]:
        data = checked(answer).get("data")
        if not isinstance(data, list) or len(data) != len(batch):
            count = len(data) if isinstance(data, list) else "no"
            raise UnreadableReply(f"{count} vectors for {len(batch)} texts")
        places = [
            one.get("index", place) if isinstance(one, dict) else None
            for place, one in enumerate(data)
        ]
        if sorted(one for one in places if isinstance(one, int)) != list(range(len(batch))):
            raise UnreadableReply(f"vectors with the numbers {places[:10]} for {len(batch)} texts")
        by_place = dict(zip(places, data, strict=True))
        return [
            _unit(by_place[place].get("embedding"), one.owner, dimension)
            for place, one in enumerate(batch)
        ]

    return read


def _unit(told: Any, owner: int, dimension: int | None) -> NDArray[np.float64]:
    try:
        vector = np.asarray(told, dtype=np.float64)
    except (TypeError, ValueError):
        raise UnreadableReply(f"no list of numbers for text {owner + 1}") from None
    if vector.ndim != 1 or not vector.size or (dimension or vector.size) != vector.size:
        raise UnreadableReply(
            f"a vector of shape {vector.shape} for text {owner + 1}, expected"
            f" {(dimension,) if dimension else 'a list of numbers'}",
            "check dimension, and that the model gives one vector a text and not one a token",
        )
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length == 0.0:
        raise UnreadableReply(
            f"a vector without a direction (zero or not finite) for text {owner + 1}",
            "look whether that text is empty",
        )
    unit: NDArray[np.float64] = vector / length
    return unit
