"""What embedders, sparse encoders and cross-encoders do, as the types that stages ask for.

A stage names one of these as the annotation of a constructor parameter; the
build refuses a resource of another type. Language models are in ``language_model``.

Texts of many queries may fill one batch: each has its own context, which is
asked whether the request goes on and pays for its own share.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assay.pipeline.component import Resource
from assay.pipeline.context import RunContext
from assay.pipeline.words import ScoreKind

Floats = NDArray[np.float32]


class Embedder(Resource):
    """Texts to vectors; queries and passages may take different prefixes.

    A text over the model's length is windowed and averaged, never cut silently; how many
    texts were is counted in the run record as ``texts_windowed``. A text's vector depends
    on that text alone, up to the tolerance that the engine states.
    """

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Length of a vector; known after ``start``."""

    @property
    def similarity(self) -> Literal["cosine", "dot"]:
        """How two vectors are compared: ``cosine`` promises that all have length 1."""
        return "cosine"

    @abstractmethod
    def embed_queries(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """Vectors of queries, shape ``(len(texts), dimension)``.

        Args:
            texts: the queries, as they were asked.
            contexts: one for each text, as it comes; the same one may come often.
        """

    @abstractmethod
    def embed_passages(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """Vectors of passages, shape ``(len(texts), dimension)``; see ``embed_queries``."""

    def token_offsets(self, text: str) -> Sequence[tuple[int, int]] | None:
        """Where the model's tokens stand in a text, special ones left out; known after ``start``.

        For those who cut texts to what the model reads. Two tokens may share a character.

        Args:
            text: any text.

        Returns:
            Start and end of each token, in order; None, for every text, where the model's
            tokenizer is not at hand.
        """
        return None


class CrossEncoder(Resource):
    """A relevance score for a (query, passage) pair.

    A passage over the model's length is windowed and its best window counts; how many
    were is counted in the run record as ``passages_windowed``.
    """

    @property
    def kind(self) -> ScoreKind:
        """What its scores are: a ``logit``, or another kind that thresholds must be made for."""
        return ScoreKind.LOGIT

    @abstractmethod
    def score(self, pairs: Sequence[tuple[str, str]], contexts: Sequence[RunContext]) -> Floats:
        """Scores, shape ``(len(pairs),)``, larger is more relevant.

        Cost: one call a window, all in one round.

        Args:
            pairs: (query, passage) each.
            contexts: one for each pair, as it comes; the same one may come often.
        """


class SparseEncoder(Resource):
    """Texts to weights by term, learned so that the sum of products tells relevance.

    Weights are finite and above 0; what is 0 is left out. A text over the model's length is
    windowed and each term keeps its largest weight, never cut silently; how many texts were is
    counted in the run record as ``texts_windowed``.
    """

    @abstractmethod
    def encode_queries(
        self, texts: Sequence[str], contexts: Sequence[RunContext]
    ) -> list[Mapping[str, float]]:
        """Weights of queries by term, one mapping for each text.

        Args:
            texts: the queries, as they were asked.
            contexts: one for each text, as it comes; the same one may come often.
        """

    @abstractmethod
    def encode_passages(
        self, texts: Sequence[str], contexts: Sequence[RunContext]
    ) -> list[Mapping[str, float]]:
        """Weights of passages by term, one mapping for each text; see ``encode_queries``."""
