"""A store in this process's memory: for tests, and for corpora that need no disk.

Generations are values that share what did not change. An update looks at whole tenants where
``SqliteStore`` looks at what was touched, so each of the two shows whether the other is right.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from assay.corpora.document import Document
from assay.corpora.indexes.index import Rows
from assay.corpora.storage.memory_snapshot import Generation, Held, MemorySnapshot, Place
from assay.corpora.storage.merging import Member, merge_keys, settle
from assay.corpora.storage.merkle import (
    BUCKETS,
    bucket_of,
    empty_root,
    leaf_of,
    merkle_root,
    root_of,
)
from assay.corpora.storage.rules import (
    State,
    check_put,
    inherited,
    parted,
    put_twice,
    require_state,
    taken,
)
from assay.corpora.storage.store import Change, IndexPlace, Snapshot, Store, Update
from assay.pipeline.errors import CorpusError
from assay.pipeline.words import Passage, Scalar


class MemoryStore(Store):
    """Documents, passages and generations in plain dictionaries; safe between threads."""

    def __init__(self) -> None:
        self._newest = Generation(root=empty_root())
        self._writing = threading.Lock()

    def snapshot(self) -> Snapshot:
        """See ``Store.snapshot``."""
        return MemorySnapshot(self._newest)

    @contextmanager
    def updating(self) -> Iterator[MemoryUpdate]:
        """See ``Store.updating``."""
        if not self._writing.acquire(blocking=False):
            raise CorpusError(
                "another index run is writing to this store in memory; wait until it has ended and"
                " try again"
            )
        try:
            update = MemoryUpdate(self._newest, self._show)
            try:
                yield update
            finally:
                update.end()
        finally:
            self._writing.release()

    def _show(self, generation: Generation) -> None:
        self._newest = generation


class MemoryUpdate(Update):
    """See ``Update``.

    Args:
        before: the newest generation.
        show: makes the next one visible.
    """

    def __init__(self, before: Generation, show: Callable[[Generation], None]) -> None:
        self._before = before
        self._show = show
        self._now = {name: dict(held) for name, held in before.documents.items()}
        self._next_row = before.next_row
        self._next_number = before.next_number
        self._put: set[tuple[str, str]] = set()
        self._touched: set[str] = set()
        self._state: State = "open"

    def digests(self, tenant: str) -> Mapping[str, str]:
        """See ``Update.digests``."""
        require_state(self._state, "open", "merged")
        held = self._before.documents.get(tenant, {})
        return {name: one.digest for name, one in held.items()}

    def tenants(self) -> Sequence[str]:
        """See ``Update.tenants``."""
        return sorted(self._before.documents)

    def put(
        self,
        document: Document,
        digest: str,
        passages: Sequence[Passage],
        vocabulary: Mapping[str, int],
    ) -> None:
        """See ``Update.put``."""
        require_state(self._state, "open")
        check_put(document, digest, passages, vocabulary)
        tenant = document.scope.tenant
        if (tenant, document.id) in self._put:
            raise put_twice(document)
        held = self._now.setdefault(tenant, {})
        _refuse_taken_ids(document, len(passages), held)
        first = self._next_row
        labels = inherited(document)
        held[document.id] = Held(
            number=self._next_number,
            document=replace(document, metadata=dict(document.metadata)),
            digest=digest,
            passages=tuple(replace(one, metadata=labels) for one in passages),
            places=tuple(Place(row, row) for row in range(first, first + len(passages))),
            words=dict(vocabulary),
            leaf=leaf_of(document, digest, passages),
        )
        self._next_row += len(passages)
        self._next_number += 1
        self._put.add((tenant, document.id))
        self._touched.add(tenant)

    def remove(self, tenant: str, document_id: str) -> bool:
        """See ``Update.remove``."""
        require_state(self._state, "open")
        if self._now.get(tenant, {}).pop(document_id, None) is None:
            return False
        self._touched.add(tenant)
        return True

    def touched(self) -> Sequence[str]:
        """See ``Update.touched``."""
        return sorted(self._touched)

    def changes(self, tenant: str) -> Change:
        """See ``Update.changes``."""
        self._merge()
        before = _indexed(self._before.documents.get(tenant, {}))
        now = _indexed(self._now.get(tenant, {}))
        removed = np.array(sorted(before - now), dtype=np.int64)
        return Change(sorted(now - before), removed)

    def indexed(self, tenant: str) -> Rows:
        """See ``Update.indexed``."""
        self._merge()
        return np.array(sorted(_indexed(self._now.get(tenant, {}))), dtype=np.int64)

    def passages_in_all(self) -> int:
        """See ``Update.passages_in_all``."""
        return sum(len(one.passages) for held in self._now.values() for one in held.values())

    def passages(self, rows: Iterable[int]) -> Iterator[tuple[int, Passage]]:
        """See ``Update.passages``."""
        require_state(self._state, "open", "merged")
        known = {
            place.row: passage
            for held in self._now.values()
            for one in held.values()
            for place, passage in zip(one.places, one.passages, strict=True)
        }
        for row in rows:
            if int(row) not in known:
                raise CorpusError(f"this store has no row {row}")
            yield int(row), known[int(row)]

    def indexes(self, tenant: str) -> Mapping[str, IndexPlace]:
        """See ``Update.indexes``."""
        require_state(self._state, "open", "merged")
        return dict(self._before.indexes.get(tenant, {}))

    def commit(
        self,
        *,
        settings: Mapping[str, Scalar | None],
        indexes: Mapping[str, Mapping[str, IndexPlace]],
    ) -> int:
        """See ``Update.commit``."""
        self._merge()
        documents = {tenant: held for tenant, held in self._now.items() if held}
        number = self._before.number + 1
        self._show(
            Generation(
                root=_root(documents),
                number=number,
                settings=dict(settings),
                indexes={name: dict(one) for name, one in indexes.items() if name in documents},
                documents=documents,
                next_row=self._next_row,
                next_number=self._next_number,
            )
        )
        self._state = "committed"
        return number

    def end(self) -> None:
        """Refuse everything from now on; called by the store."""
        self._state = "ended"

    def _merge(self) -> None:
        if self._state == "merged":
            return
        require_state(self._state, "open")
        for tenant in sorted(self._touched):
            held = self._now[tenant]
            for _, members in sorted(_groups(held).items()):
                for _, after in settle(members, self._before.next_row, self._take_row):
                    one = held[after.document]
                    places = list(one.places)
                    places[after.position] = Place(after.row, after.indexed)
                    held[after.document] = replace(one, places=tuple(places))
        self._state = "merged"

    def _take_row(self) -> int:
        self._next_row += 1
        return self._next_row - 1


def _refuse_taken_ids(document: Document, cut: int, held: Mapping[str, Held]) -> None:
    """Only a document that is whole can be called as another one's passage is."""
    if document.whole:
        name, position = parted(document.id) or ("", 0)
        cut_up = held.get(name)
        if cut_up and not cut_up.document.whole and position < len(cut_up.places):
            raise taken(document, name, document.id)
        return
    for position in range(cut):
        other = held.get(f"{document.id}#{position}")
        if other and other.document.whole:
            raise taken(document, other.document.id, other.document.id)


def _groups(held: Mapping[str, Held]) -> dict[bytes, list[Member]]:
    """Equal passages of a tenant, by merge key."""
    groups: dict[bytes, list[Member]] = {}
    for name, one in held.items():
        keys = merge_keys(one.document, [passage.text for passage in one.passages])
        for position, (key, place) in enumerate(zip(keys, one.places, strict=False)):
            member = Member(len(one.document.text), name, position, *place, one.number)
            groups.setdefault(key, []).append(member)
    return groups


def _indexed(held: Mapping[str, Held]) -> set[int]:
    return {row for one in held.values() for row in one.indexed}


def _root(documents: Mapping[str, Mapping[str, Held]]) -> str:
    buckets: list[list[bytes]] = [[] for _ in range(BUCKETS)]
    for tenant, held in documents.items():
        for name, one in held.items():
            buckets[bucket_of(tenant, name)].append(one.leaf)
    return root_of([merkle_root(leaves) for leaves in buckets])
