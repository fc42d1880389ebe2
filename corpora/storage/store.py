"""What a store of passages does: documents in, whole generations out.

A store holds documents with their raw text, the passages that were cut from them, who may read
them, and which index folders belong to them. It changes in *updates*; each makes a new
*generation*, which becomes visible at once and whole. A *snapshot* is one generation, open for
reading: what later updates do does not touch it.

Passages are called by *rows*, numbers given out in rising order, each once and for good (a
document that is put again gets new ones). Passages of one tenant that say the same to the same
readers on the same date are merged: one of them, the *indexed* one, stands for all (``merging``).
Only indexed rows go into indexes.

Ids of documents are unique within a tenant. A passage's id is ``<document id>#<position>``, or the
document's own where the document is ``whole``; it is unique within a tenant, too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from assay.corpora.document import Document
from assay.corpora.indexes.index import Rows
from assay.pipeline.words import Passage, Scalar, Scope


@dataclass(frozen=True, slots=True)
class IndexPlace:
    """Where an index lies and what it was made with.

    Args:
        folder: its name below the corpus's folder of indexes.
        settings: digest of the index's settings and of what its items were made with.
        fingerprint: of the opened index; part of the corpus's.
    """

    folder: str
    settings: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Change:
    """What an update changes for the indexes of one tenant.

    Args:
        added: newly indexed rows, in rising order; all above every row of ``removed``'s time
            unless a passage that was merged stands alone again: it gets a new row.
        removed: rows that are not indexed any more, in rising order.
    """

    added: Sequence[int]
    removed: Rows


@dataclass(frozen=True, slots=True)
class Table:
    """All passages of a tenant as columns, one entry a passage, in rising order of rows.

    Args:
        rows: the passage's own row.
        documents: the number of its document (see ``Snapshot.column``).
        indexed: the row that stands for it; its own where it is indexed.
    """

    rows: Rows
    documents: Rows
    indexed: Rows


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What is known of a document besides its text.

    Args:
        number: the store's number for it.
        document: with an empty text.
        size: characters of its text.
        passages: how many it was cut into, merged ones included.
    """

    number: int
    document: Document
    size: int
    passages: int


class Update(ABC):
    """An update under way, held by one writer; nobody sees it before ``commit``.

    Puts and removals come first, then ``changes`` for each of ``touched``, then ``commit``.
    """

    @abstractmethod
    def digests(self, tenant: str) -> Mapping[str, str]:
        """Document id to digest, of all that the tenant had before this update."""

    @abstractmethod
    def tenants(self) -> Sequence[str]:
        """Tenants that had documents before this update, in order of name."""

    @abstractmethod
    def put(
        self,
        document: Document,
        digest: str,
        passages: Sequence[Passage],
        vocabulary: Mapping[str, int],
    ) -> None:
        """Add a document, or put it in the place of the one with its tenant and id.

        Args:
            document: with its raw text.
            digest: of all that its passages depend on; ``digests`` gives it back.
            passages: in order of position, from 0 without a gap; not empty.
            vocabulary: plain words of its passages with their counts; see ``Snapshot.vocabulary``.

        Raises:
            DataError: if the document was put twice in this update, or one of its passages has
                the id of another document's passage.
        """

    @abstractmethod
    def remove(self, tenant: str, document_id: str) -> bool:
        """Take a document out; False where there is none."""

    @abstractmethod
    def touched(self) -> Sequence[str]:
        """Tenants of documents that were put or removed, in order of name."""

    @abstractmethod
    def changes(self, tenant: str) -> Change:
        """What the tenant's indexes must learn; duplicates are merged here."""

    @abstractmethod
    def indexed(self, tenant: str) -> Rows:
        """All rows that are indexed after this update, in rising order."""

    @abstractmethod
    def passages_in_all(self) -> int:
        """Passages of all tenants after this update, merged ones included."""

    @abstractmethod
    def passages(self, rows: Iterable[int]) -> Iterator[tuple[int, Passage]]:
        """Rows with their passages, in the order asked; reads on as they are taken."""

    @abstractmethod
    def indexes(self, tenant: str) -> Mapping[str, IndexPlace]:
        """By kind, as they were before this update."""

    @abstractmethod
    def commit(
        self,
        *,
        settings: Mapping[str, Scalar | None],
        indexes: Mapping[str, Mapping[str, IndexPlace]],
    ) -> int:
        """Make all of it visible at once.

        Args:
            settings: what the corpus was made with.
            indexes: by tenant and kind, for every tenant that has documents now.

        Returns:
            The number of the new generation.
        """


class Snapshot(ABC):
    """One generation, open for reading, safe between threads; later updates do not touch it."""

    @property
    @abstractmethod
    def generation(self) -> int:
        """Its number, from 1; 0 for a store that nothing was ever committed to."""

    @property
    @abstractmethod
    def settings(self) -> Mapping[str, Scalar | None]:
        """What it was committed with."""

    @property
    @abstractmethod
    def root(self) -> str:
        """Merkle root in hex over all documents and their passages, of all tenants; equal for
        equal content however it came about. Kept up to date by updates, not computed here."""

    @abstractmethod
    def tenants(self) -> Sequence[str]:
        """Tenants that have documents, in order of name."""

    @abstractmethod
    def size(self) -> int:
        """Indexed passages of all tenants."""

    @abstractmethod
    def indexes(self, tenant: str) -> Mapping[str, IndexPlace]:
        """By kind; empty for an unknown tenant."""

    @abstractmethod
    def passages(self, rows: Sequence[int], scope: Scope) -> list[Passage]:
        """Passages by row, in the order asked.

        Raises:
            ScopeError: if one of them may not be read by ``scope``.
            CorpusError: if there is no such row.
        """

    @abstractmethod
    def find(self, tenant: str, ids: Sequence[str]) -> list[int | None]:
        """For each passage id the row that stands for it; None where there is none."""

    @abstractmethod
    def near(self, tenant: str, document_id: str, first: int, last: int) -> list[int]:
        """Rows that stand for the passages of a document at these positions, in order, both ends
        included; positions that are not there are left out."""

    @abstractmethod
    def document(self, tenant: str, document_id: str) -> Document | None:
        """A document with its raw text, and those of its blocks whose place is told by a key of
        ``block.WITHIN``."""

    @abstractmethod
    def documents(self, tenant: str) -> Iterator[DocumentFacts]:
        """The tenant's documents by id, without their texts."""

    @abstractmethod
    def roles(self, tenant: str) -> Mapping[tuple[str, ...], Rows]:
        """Roles that documents ask for, with the numbers of those documents in rising order."""

    @abstractmethod
    def table(self, tenant: str) -> Table:
        """All passages of a tenant as columns."""

    @abstractmethod
    def column(self, tenant: str, field: str) -> Iterator[tuple[Scalar, Sequence[int]]]:
        """A label's values, each with the numbers of the documents that carry it, in order.

        ``True`` and ``1`` are two values. See ``labels_of`` for the labels that every document has.
        """

    @abstractmethod
    def vocabulary(self, tenant: str) -> Mapping[str, int]:
        """Every plain word of the tenant's passages, merged ones included, with its count."""

    @abstractmethod
    def close(self) -> None:
        """Give the generation back."""


class Store(ABC):
    """Documents, passages and generations; one writer at a time, many readers."""

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """The newest generation, for reading.

        Raises:
            CorpusError: if the store is missing or damaged.
        """

    @abstractmethod
    def updating(self) -> AbstractContextManager[Update]:
        """An update; without a ``commit`` inside, and after an error, nothing has changed.

        Raises:
            CorpusError: if another writer is at work, or the disk refuses.
        """


def labels_of(document: Document) -> dict[str, Scalar]:
    """What filters see of a document: its metadata, and where these do not say otherwise
    ``document`` (its id), ``title``, ``date`` (in ISO form), ``source`` and ``tier``; an empty one
    is missing."""
    own: dict[str, Scalar] = {
        "document": document.id,
        "title": document.title,
        "date": document.date.isoformat() if document.date else "",
        "source": document.source,
        "tier": document.tier,
    }
    return {key: value for key, value in own.items() if value != ""} | dict(document.metadata)
