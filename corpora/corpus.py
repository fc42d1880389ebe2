"""What a corpus can do, as the type that retrieval stages ask for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from assay.corpora.document import Document
from assay.pipeline.component import Resource
from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Passage, Query

Progress = Callable[[str, int, int], None]
"""Called with a stage's name, items done and items in all."""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What an index run did, by document id.

    Args:
        added: new documents.
        changed: documents whose text or labels changed.
        removed: documents that are in the index and not in the input any more.
        unchanged: how many documents needed no work.
        skipped: document id (or path) to the reason.
        passages: passages in the index now.
        duplicates: passages left out because the same text is in the index already.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int
    skipped: Mapping[str, str]
    passages: int
    duplicates: int = 0


class Corpus(Resource):
    """Passages that can be searched within a scope.

    Every read takes the scope of the query and applies it, with the query's
    filters, before the best k are taken.
    """

    @abstractmethod
    def index(
        self,
        documents: Iterable[Document],
        *,
        skipped: Mapping[str, str],
        progress: Progress,
    ) -> IndexReport:
        """Make the corpus hold exactly these documents; atomic and incremental.

        Args:
            documents: everything that the corpus shall hold afterwards.
            skipped: what the loader left out and why; passed on to the report.
            progress: told how far it is.
        """

    @abstractmethod
    def search_bm25(self, query: Query, k: int) -> Sequence[Hit]:
        """Best k by BM25, best first, scores of kind ``bm25`` above 0."""

    @abstractmethod
    def search_dense(self, query: Query, k: int, context: RunContext) -> Sequence[Hit]:
        """Best k by cosine of embeddings, best first."""

    @abstractmethod
    def neighbours(self, passage: Passage, query: Query, distance: int) -> Sequence[Passage]:
        """Passages of the same document at most ``distance`` places away, in order."""

    @abstractmethod
    def vocabulary(self) -> Mapping[str, int]:
        """Every indexed word form, lower case, with its number of occurrences."""
