"""What a corpus can do, as the type that retrieval stages ask for.

A corpus is a store of passages with indexes over them. Every read takes a query, and applies its
scope, its filters and ``where`` inside the search, before the best k are taken. The store looks at
the scope of each passage that it hands out, and the executor at those of each node's output: one
that the asker may not read is an error.

All hits come best first; of equal scores the lower passage id comes first. A corpus that was
started answers from one generation until it is closed, whatever index runs do meanwhile.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from assay.corpora.document import Document
from assay.corpora.filters import Filter
from assay.corpora.storage.store import DocumentFacts
from assay.models.protocols import Floats
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
        notes: what was decided, a sentence each, such as the kind of a dense index.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int
    skipped: Mapping[str, str]
    passages: int
    duplicates: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TermStatistics:
    """How common terms are among a tenant's passages.

    Args:
        passages: how many there are.
        counts: term to the number of passages that have it; 0 for an unknown one.
    """

    passages: int
    counts: Mapping[str, int] = field(default_factory=dict)


class Corpus(Resource):
    """Passages that can be searched within a scope; safe between threads."""

    @property
    @abstractmethod
    def abilities(self) -> frozenset[str]:
        """How it can be searched: of ``bm25``, ``dense`` and ``sparse``."""

    @abstractmethod
    def index(
        self,
        documents: Iterable[Document],
        *,
        skipped: Mapping[str, str],
        progress: Progress,
        keep: bool = False,
    ) -> IndexReport:
        """Make the corpus hold exactly these documents; atomic and incremental.

        Documents of tenants of which none comes stay as they are.

        Args:
            documents: everything that their tenants shall hold afterwards; in any order.
            skipped: what the loader left out and why; passed on to the report.
            progress: told how far it is.
            keep: add and update only, remove nothing.
        """

    @abstractmethod
    def remove(
        self, tenant: str, document_ids: Iterable[str], *, progress: Progress
    ) -> IndexReport:
        """Take documents of a tenant out, and nothing else; unknown ids are ``skipped``."""

    @abstractmethod
    def search_bm25(
        self, query: Query, k: int, *, where: Filter | None = None, field: str = ""
    ) -> Sequence[Hit]:
        """Best k by BM25, scores of kind ``bm25`` above 0.

        Args:
            query: its text is analysed as the passages were.
            k: from 1.
            where: must hold besides the query's own filters.
            field: '' searches as the corpus is configured; ``body``, ``title`` or ``headings``
                that field alone, where the corpus keeps it.
        """

    @abstractmethod
    def search_dense(
        self,
        queries: Sequence[Query],
        k: int,
        contexts: Sequence[RunContext],
        *,
        where: Filter | None = None,
    ) -> list[Sequence[Hit]]:
        """Best k by cosine of embeddings for each query, which are embedded in one batch.

        Cost: one call of the embedder a query, paid by its context.
        """

    @abstractmethod
    def search_vector(
        self, vector: Floats, query: Query, k: int, *, where: Filter | None = None
    ) -> Sequence[Hit]:
        """Best k by cosine with a vector, shape ``(dimension,)``, of any length above 0."""

    @abstractmethod
    def search_sparse(
        self,
        queries: Sequence[Query],
        k: int,
        contexts: Sequence[RunContext],
        *,
        where: Filter | None = None,
    ) -> list[Sequence[Hit]]:
        """Best k by learned sparse weights (sum of products), kind ``sparse``, above 0."""

    @abstractmethod
    def embed(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """Vectors of texts as queries, shape ``(len(texts), dimension)``."""

    @abstractmethod
    def vectors(self, passages: Sequence[Passage], query: Query) -> Floats:
        """The vectors that passages were indexed with, shape ``(len(passages), dimension)``."""

    @abstractmethod
    def terms(self, text: str) -> list[str]:
        """A text's index terms, in order, with repetitions."""

    @abstractmethod
    def statistics(self, terms: Sequence[str], query: Query) -> TermStatistics:
        """How common terms are among the passages of the query's tenant."""

    @abstractmethod
    def get(self, ids: Sequence[str], query: Query) -> Sequence[Passage]:
        """Passages by id, in the order asked for.

        The id of a duplicate gives the passage that stands for it. Filters do not count.

        Raises:
            UsageError: for an id that is not in the corpus or not to be read.
        """

    @abstractmethod
    def neighbours(self, passage: Passage, query: Query, distance: int) -> Sequence[Passage]:
        """Passages of the same document at most ``distance`` places away, in order; not itself.

        Filters do not count.
        """

    @abstractmethod
    def documents(self, query: Query, *, where: Filter | None = None) -> Sequence[DocumentFacts]:
        """The documents that the query may see, by id, without their texts."""

    @abstractmethod
    def document(self, document_id: str, query: Query) -> Document:
        """A document with its raw text, which passages' offsets point into.

        Raises:
            UsageError: where there is none, or it is not to be read.
        """

    @abstractmethod
    def vocabulary(self, query: Query) -> Mapping[str, int]:
        """Every plain word of the tenant's passages, lower case, with its number of occurrences."""

    @abstractmethod
    def holds(self, ids: Iterable[str], tenant: str) -> frozenset[str]:
        """Which of these passage ids are there, duplicates included; for checking labelled sets."""
