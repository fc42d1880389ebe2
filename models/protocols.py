"""What a model can do, as the types that stages ask for.

A stage names one of these as the annotation of a constructor parameter; the
build refuses a resource of another type.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.pipeline.component import Resource
from assay.pipeline.context import RunContext

Floats = NDArray[np.float32]


class Embedder(Resource):
    """Texts to unit vectors; queries and passages may take different prefixes."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Length of a vector."""

    @abstractmethod
    def embed_queries(self, texts: Sequence[str], context: RunContext) -> Floats:
        """Unit vectors of queries, shape ``(len(texts), dimension)``."""

    @abstractmethod
    def embed_passages(self, texts: Sequence[str], context: RunContext) -> Floats:
        """Unit vectors of passages, shape ``(len(texts), dimension)``.

        A text over the model's length is windowed and averaged, never cut silently.
        """


class CrossEncoder(Resource):
    """A relevance logit for a (query, passage) pair."""

    @abstractmethod
    def score(self, pairs: Sequence[tuple[str, str]], context: RunContext) -> Floats:
        """Raw logits, shape ``(len(pairs),)``, larger is more relevant.

        A passage over the model's length is windowed; its best window counts.
        Cost: one call a window.
        """


@dataclass(frozen=True, slots=True)
class Generation:
    """What a language model wrote.

    Args:
        text: the text without the prompt and without the stop string.
        tokens_in: tokens of the prompt.
        tokens_out: tokens generated.
        mean_logprob: mean natural log-probability of the generated tokens, at
            most 0; None where the engine does not tell or nothing was written.
    """

    text: str
    tokens_in: int
    tokens_out: int
    mean_logprob: float | None


class LanguageModel(Resource):
    """Text in, text out, greedily unless a temperature is configured."""

    @property
    @abstractmethod
    def context_length(self) -> int:
        """Most tokens that prompt and answer may have together."""

    @abstractmethod
    def count_tokens(self, text: str) -> int:
        """Number of tokens of a plain text."""

    @abstractmethod
    def generate(
        self,
        prompt: str,
        context: RunContext,
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
    ) -> Generation:
        """Continue a prompt.

        Passage text inside the prompt reaches the model as plain text: control
        tokens in it are never interpreted.

        Raises:
            UsageError: if the prompt does not fit, with both numbers.
        """
