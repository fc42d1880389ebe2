"""A langchain-core embeddings object in the place of an embedder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.models.account import book, check, requests_of
from assay.models.langchain_settings import class_of, described, estimated_tokens, require
from assay.models.pooling import unit
from assay.models.protocols import Embedder, Floats
from assay.models.text_windows import readable
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.errors import AssayError, ModelError

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

NAME = "given.langchain_embeddings@1"


class LangchainEmbeddingsConfig(Config):
    """What a ``LangchainEmbeddings`` was made with; the constructor fills it in."""

    model: str = Field(description="class of the embeddings object")
    settings: str = Field(description="sha256 over the object's class and settings")
    identity: str = Field(description="what the settings do not tell of the model")


class LangchainEmbeddings(Embedder):
    """``embed_query`` for queries, ``embed_documents`` for passages, vectors made unit.

    It is given by the program: ``use: given`` in the file and
    ``build(..., resources={name: LangchainEmbeddings(embeddings)})``. What happens to
    a text over the model's length is up to the embeddings object; it cannot be seen
    from here. Cost: one call a text; tokens are estimated (UTF-8 bytes by three), and
    the run record holds the note ``tokens_estimated``; FLOPs unknown.

    Args:
        embeddings: the embeddings object.
        identity: whatever vectors depend on and the settings do not tell, for
            instance a revision; part of the fingerprint.

    Raises:
        UsageError: if ``embeddings`` is none.
    """

    Config = LangchainEmbeddingsConfig

    def __init__(self, embeddings: Embeddings, *, identity: str = "") -> None:
        require(
            embeddings,
            "embeddings",
            "Embeddings",
            hint="pass an object of a subclass of langchain_core.embeddings.Embeddings",
        )
        super().__init__(
            LangchainEmbeddingsConfig(
                model=class_of(embeddings),
                settings=digest(described(embeddings)),
                identity=identity,
            )
        )
        # On the object, not the class: the registry lists classes that have a name.
        self.name = NAME  # type: ignore[misc]
        self._embeddings = embeddings
        self._dimension: int | None = None

    def start(self) -> None:
        """Embed one text to learn the dimension.

        Raises:
            ModelError: if the embeddings object fails or gives no vector.
        """
        vectors = self._raw(lambda: [self._embeddings.embed_query("dimension")])
        if vectors.ndim != 2 or vectors.shape[1] == 0:
            raise ModelError(
                f"{self.config.model} gave a vector of shape {vectors.shape[1:]} for a text;"
                " expected a list of numbers: check its settings"
            )
        self._dimension = int(vectors.shape[1])

    def fingerprint(self) -> str:
        """Over the object's class and settings as they were when it was wrapped.

        Weights behind a name and code of the object's library are not in it; say what
        you know of them in ``identity``.
        """
        return digest({"name": self.name, **self.config.model_dump(mode="json")})

    @property
    def dimension(self) -> int:
        """Length of a vector; known after ``start``."""
        if self._dimension is None:
            raise ModelError(f"{self.name} is not started: call start() first")
        return self._dimension

    def embed_queries(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """Unit vectors of queries, shape ``(len(texts), dimension)``."""

        def each() -> list[list[float]]:
            made = []
            for text, context in zip(texts, contexts, strict=True):
                context.check()
                made.append(self._embeddings.embed_query(readable(text)))
            return made

        return self._embed(texts, contexts, each)

    def embed_passages(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """Unit vectors of passages, shape ``(len(texts), dimension)``."""
        return self._embed(
            texts,
            contexts,
            lambda: self._embeddings.embed_documents([readable(one) for one in texts]),
        )

    def _embed(
        self,
        texts: Sequence[str],
        contexts: Sequence[RunContext],
        embed: Callable[[], list[list[float]]],
    ) -> Floats:
        check(contexts)
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        vectors = self._raw(embed)
        expected = (len(texts), self.dimension)
        if vectors.shape != expected:
            raise ModelError(
                f"{self.config.model} gave vectors of shape {vectors.shape}, expected {expected}:"
                " the object must give one vector of one length for each text"
            )
        made = np.empty(expected, dtype=np.float32)
        for row, vector in enumerate(vectors):
            try:
                made[row] = unit(vector)
            except ModelError as error:
                raise ModelError(
                    f"{self.config.model} gave a vector that has no direction (zero or not finite)"
                    f" for text {row + 1} of {len(texts)}: look whether that text is empty"
                ) from error
        book(contexts, [estimated_tokens(one) for one in texts], [0.0] * len(texts))
        for context in requests_of(contexts):
            context.note(tokens_estimated=True)
        return made

    def _raw(self, embed: Callable[[], list[list[float]]]) -> NDArray[np.float64]:
        """Vectors as they come, in double precision."""
        try:
            return np.asarray(embed(), dtype=np.float64)
        except AssayError:
            raise
        # Embeddings objects raise classes of their own libraries, with no common root.
        except Exception as error:
            raise ModelError(
                f"{self.config.model} failed: {type(error).__name__}: {error}: check that it"
                " embeds a text outside of the pipeline, then ask again"
            ) from error
