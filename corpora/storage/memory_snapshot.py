"""One generation of a store in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from assay.corpora.document import Document
from assay.corpora.indexes.index import Rows
from assay.corpora.storage.rules import parted, require_readable
from assay.corpora.storage.store import DocumentFacts, IndexPlace, Snapshot, Table, labels_of
from assay.pipeline.errors import CorpusError
from assay.pipeline.words import Passage, Scalar, Scope


class Place(NamedTuple):
    """A passage's own row and the row that stands for it."""

    row: int
    indexed: int


@dataclass(frozen=True, slots=True)
class Held:
    """A document as it is kept.

    Args:
        number: the store's number for it.
        document: with its text.
        digest: as it was put with.
        passages: by position, with the metadata that they inherit.
        places: of the passages.
        words: of the passages, with their counts.
        leaf: in the Merkle tree.
    """

    number: int
    document: Document
    digest: str
    passages: tuple[Passage, ...]
    places: tuple[Place, ...]
    words: Mapping[str, int]
    leaf: bytes

    @property
    def indexed(self) -> list[int]:
        """Rows of passages that stand for themselves."""
        return [place.row for place in self.places if place.row == place.indexed]


@dataclass(frozen=True, slots=True)
class Generation:
    """All that a store holds at one time.

    Args:
        root: Merkle root in hex.
        number: from 1; 0 where nothing was committed.
        settings: what it was committed with.
        indexes: by tenant and kind.
        documents: by tenant and id, tenants with documents only.
        next_row: the next row to give out.
        next_number: the next number of a document.
    """

    root: str
    number: int = 0
    settings: Mapping[str, Scalar | None] = field(default_factory=dict)
    indexes: Mapping[str, Mapping[str, IndexPlace]] = field(default_factory=dict)
    documents: Mapping[str, Mapping[str, Held]] = field(default_factory=dict)
    next_row: int = 1
    next_number: int = 1


class MemorySnapshot(Snapshot):
    """A generation; it never changes, so threads need not wait for one another.

    Args:
        newest: the generation.
    """

    def __init__(self, newest: Generation) -> None:
        self._held = newest
        self._closed = False

    @property
    def generation(self) -> int:
        """See ``Snapshot.generation``."""
        return self._held.number

    @property
    def settings(self) -> Mapping[str, Scalar | None]:
        """See ``Snapshot.settings``."""
        return dict(self._held.settings)

    @property
    def root(self) -> str:
        """See ``Snapshot.root``."""
        return self._held.root

    def tenants(self) -> Sequence[str]:
        """See ``Snapshot.tenants``."""
        return sorted(self._held.documents)

    def size(self) -> int:
        """See ``Snapshot.size``."""
        return sum(len(one.indexed) for name in self._held.documents for one in self._of(name))

    def indexes(self, tenant: str) -> Mapping[str, IndexPlace]:
        """See ``Snapshot.indexes``."""
        return dict(self._held.indexes.get(tenant, {}))

    def passages(self, rows: Sequence[int], scope: Scope) -> list[Passage]:
        """See ``Snapshot.passages``."""
        self._require_open()
        found: list[Passage] = []
        for row in rows:
            passage = self._rows.get(int(row))
            if passage is None:
                raise CorpusError(f"this store has no row {row} in generation {self.generation}")
            require_readable(passage, scope)
            found.append(passage)
        return found

    def find(self, tenant: str, ids: Sequence[str]) -> list[int | None]:
        """See ``Snapshot.find``."""
        self._require_open()
        held = self._held.documents.get(tenant, {})
        found: list[int | None] = []
        for name in ids:
            one, position, whole = held.get(name), 0, True
            part = parted(name)
            if part is not None and not (one and one.document.whole):
                one, position, whole = held.get(part[0]), part[1], False
            is_there = one and one.document.whole == whole and position < len(one.places)
            found.append(one.places[position].indexed if one and is_there else None)
        return found

    def near(self, tenant: str, document_id: str, first: int, last: int) -> list[int]:
        """See ``Snapshot.near``."""
        self._require_open()
        one = self._held.documents.get(tenant, {}).get(document_id)
        places = one.places[max(first, 0) : max(last + 1, 0)] if one is not None else ()
        return [place.indexed for place in places]

    def document(self, tenant: str, document_id: str) -> Document | None:
        """See ``Snapshot.document``."""
        self._require_open()
        one = self._held.documents.get(tenant, {}).get(document_id)
        return one.document if one is not None else None

    def documents(self, tenant: str) -> Iterator[DocumentFacts]:
        """See ``Snapshot.documents``."""
        for one in self._of(tenant):
            bare = replace(one.document, text="")
            yield DocumentFacts(one.number, bare, len(one.document.text), len(one.passages))

    def roles(self, tenant: str) -> Mapping[tuple[str, ...], Rows]:
        """See ``Snapshot.roles``."""
        groups: dict[tuple[str, ...], list[int]] = {}
        for one in self._of(tenant):
            groups.setdefault(one.document.scope.roles, []).append(one.number)
        return {roles: np.array(sorted(some), dtype=np.int64) for roles, some in groups.items()}

    def table(self, tenant: str) -> Table:
        """See ``Snapshot.table``."""
        lines = sorted(
            (place.row, one.number, place.indexed)
            for one in self._of(tenant)
            for place in one.places
        )
        columns = np.array(lines, dtype=np.int64).reshape(-1, 3)
        return Table(columns[:, 0].copy(), columns[:, 1].copy(), columns[:, 2].copy())

    def column(self, tenant: str, field: str) -> Iterator[tuple[Scalar, Sequence[int]]]:
        """See ``Snapshot.column``. Values come in the order of their first documents."""
        groups: dict[tuple[type, Scalar], list[int]] = {}
        for one in sorted(self._of(tenant), key=lambda one: one.number):
            labels = labels_of(one.document)
            if field in labels:
                groups.setdefault((type(labels[field]), labels[field]), []).append(one.number)
        for (_, label), numbers in groups.items():
            yield label, numbers

    def vocabulary(self, tenant: str) -> Mapping[str, int]:
        """See ``Snapshot.vocabulary``."""
        counts: Counter[str] = Counter()
        for one in self._of(tenant):
            counts.update(one.words)
        return dict(counts)

    def close(self) -> None:
        """See ``Snapshot.close``; a second time is no error."""
        self._closed = True

    @cached_property
    def _rows(self) -> Mapping[int, Passage]:
        return {
            place.row: passage
            for name in self._held.documents
            for one in self._of(name)
            for place, passage in zip(one.places, one.passages, strict=True)
        }

    def _of(self, tenant: str) -> list[Held]:
        self._require_open()
        held = self._held.documents.get(tenant, {})
        return [held[name] for name in sorted(held)]

    def _require_open(self) -> None:
        if self._closed:
            raise CorpusError(f"generation {self.generation} was closed: take a new snapshot")
