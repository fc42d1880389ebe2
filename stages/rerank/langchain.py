"""Rerank by a langchain-core document compressor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from assay.models.langchain_settings import class_of, described, estimated_tokens, require
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, Node
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import DataError, UsageError, WorldError
from assay.pipeline.words import Hit, Query, Ranking, ScoreKind
from assay.stages.rerank.foreign import Row, rearranged
from assay.stages.windows.passage_text import read
from assay.stages.windows.window import Sizes

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.documents.compressor import BaseDocumentCompressor

NAME = "given.langchain_compressor@1"
PLACE = "assay_place"
"""Metadata key by which a document that comes back is known again."""


class LangchainRerankConfig(Config):
    """What a ``LangchainRerank`` was made with; the constructor fills it in."""

    depth: int = Field(
        50, ge=1, le=1000, description="passages that are shown; those behind them follow"
    )
    score: str | None = Field(description="metadata key of the new score; None takes the order")
    score_kind: ScoreKind | None = Field(description="what that score means")
    labels: bool = Field(description="whether a passage's labels go with it")
    compressor: str = Field(description="class of the compressor")
    settings: str = Field(description="sha256 over the compressor's class and settings")
    identity: str = Field(description="what the settings do not tell, such as a model's version")


class LangchainRerank(Node):
    """What a document compressor makes of the best ``depth`` passages, as a permutation.

    It is given by the program: ``use: given`` in the file and
    ``build(..., nodes={name: LangchainRerank(compressor)})``.

    A passage becomes a document: its title, a line end and its text, and, if ``labels``, its flat
    metadata. A compressor may leave documents out, which is selection: here they follow as they
    came, and are counted as ``rows_missing``. Documents that come back are known by the metadata
    key ``assay_place``; where a compressor changed a document's text (it cut sentences out), the
    passage keeps its own, and ``texts_changed`` counts them. A document without the key is a new
    one and is counted as ``rows_unknown``.

    What the compressor does with what it is shown (which server it asks, what it keeps) cannot be
    seen from here: it gets all that the asker may read, and nothing of scope or tenant.

    Cost: model calls inside are not seen; one call a ranking is booked, with tokens estimated of
    what is shown.

    Args:
        compressor: the compressor.
        depth: passages that are shown.
        score: metadata key under which it leaves a passage's score, larger is better, such as
            ``relevance_score``; None takes the order only.
        score_kind: its kind; needed with ``score``, and only there.
        labels: whether a passage's labels go with it.
        identity: whatever the order depends on and the settings do not tell; part of the
            pipeline's fingerprint.

    Raises:
        UsageError: if ``compressor`` is none, or ``score`` and ``score_kind`` do not come together.
    """

    Config = LangchainRerankConfig

    def __init__(
        self,
        compressor: BaseDocumentCompressor,
        *,
        depth: int = 50,
        score: str | None = None,
        score_kind: ScoreKind | None = None,
        labels: bool = False,
        identity: str = "",
    ) -> None:
        require(
            compressor,
            "documents.compressor",
            "BaseDocumentCompressor",
            hint="for a retriever use LangchainRetriever of assay.stages.retrieve.langchain",
        )
        if (score is None) != (score_kind is None):
            raise UsageError(
                "LangchainRerank needs 'score' and 'score_kind' together: the metadata key of a"
                " document's score, and what its value means"
            )
        super().__init__(
            LangchainRerankConfig(
                depth=depth,
                score=score,
                score_kind=score_kind,
                labels=labels,
                compressor=class_of(compressor),
                settings=digest(described(compressor)),
                identity=identity,
            )
        )
        # On the object, not the class: the registry lists classes that have a name.
        self.name = NAME  # type: ignore[misc]
        self.gives = (score_kind.value if score_kind else "order",)  # type: ignore[misc]
        self._compressor = compressor

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Ranking:
        """Rerank.

        Raises:
            DataError: if a score cannot be read.
            WorldError: if the compressor fails, whatever it raises.
        """
        context.check()
        hits = ranking.hits[: self.config.depth]
        rows = self._rows(query, hits, context) if hits else []
        return rearranged(
            ranking,
            rows,
            shown=len(hits),
            kind=self.config.score_kind or ScoreKind.ORDER,
            source=self.name,
            context=context,
        )

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """One call; what happens inside is not seen."""
        shown = min(n, self.config.depth)
        calls = min(1, shown)
        return Cost(
            calls=calls, rounds=calls, tokens_in=calls * sizes.query + shown * sizes.passage
        )

    def _rows(self, query: Query, hits: Sequence[Hit], context: RunContext) -> list[Row]:
        from langchain_core.documents import Document

        texts = [read(hit.passage) for hit in hits]
        documents = [
            Document(page_content=text, metadata=self._labels(hit) | {PLACE: place})
            for place, (text, hit) in enumerate(zip(texts, hits, strict=True))
        ]
        tokens = estimated_tokens(query.text) + sum(estimated_tokens(text) for text in texts)
        context.note(tokens_estimated=True)
        context.spend(calls=1, rounds=1, tokens_in=tokens)
        rows: list[Row] = []
        for document in self._compressed(documents, query.text):
            place = document.metadata.get(PLACE)
            if isinstance(place, bool) or not isinstance(place, int):
                place = -1
            if 0 <= place < len(texts) and document.page_content != texts[place]:
                context.count(texts_changed=1)
            rows.append((place, self._score(document)))
        return rows

    def _labels(self, hit: Hit) -> dict[str, Any]:
        labels: Mapping[str, Any] = hit.passage.metadata if self.config.labels else {}
        return dict(labels)

    def _compressed(self, documents: list[Document], query: str) -> Sequence[Document]:
        try:
            return self._compressor.compress_documents(documents, query)
        # Compressors raise classes of their own libraries, with no common root.
        except Exception as error:
            raise WorldError(
                f"{self.config.compressor} failed: {type(error).__name__}: {error}: check that it"
                " answers outside of the pipeline, then ask again"
            ) from error

    def _score(self, document: Document) -> float | None:
        if self.config.score is None:
            return None
        value = document.metadata.get(self.config.score)
        try:
            return float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{self.config.compressor}: metadata '{self.config.score}' must be a number of kind"
                f" {self.config.score_kind}, found {value!r}"
            ) from error
