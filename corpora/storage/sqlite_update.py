"""An update of a SQLite store: one transaction, from the first put to the commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np

from assay.corpora.document import Document
from assay.corpora.indexes.index import Rows
from assay.corpora.storage.merging import merge_keys
from assay.corpora.storage.merkle import bucket_of, leaf_of
from assay.corpora.storage.rules import (
    State,
    check_put,
    parted,
    put_twice,
    require_state,
    storable,
    taken,
)
from assay.corpora.storage.sqlite_errors import checksum, damaged, no_row, told
from assay.corpora.storage.sqlite_merging import TEMPORARY, merge, note_fresh, note_gone
from assay.corpora.storage.sqlite_rows import (
    ASKED_AT_ONCE,
    FACTS,
    Reader,
    facts_line,
    facts_of,
    pack,
    pack_blocks,
    pack_words,
    passage_line,
    tenant_lines,
    unpack,
    unpack_all,
    unpack_words,
)
from assay.corpora.storage.sqlite_writing import (
    TenantNotes,
    read_head,
    write_head,
    write_indexes,
    write_tenants,
)
from assay.corpora.storage.store import Change, IndexPlace, Update
from assay.pipeline.errors import CorpusError
from assay.pipeline.words import Passage, Scalar


class SqliteUpdate(Update):
    """See ``Update``. It ends with ``commit``, or when the store closes its connection.

    Args:
        connection: in a transaction that holds the write lock; the tables are there.
        folder: of the store.
    """

    def __init__(self, connection: sqlite3.Connection, folder: Path) -> None:
        self._db = connection
        self._folder = folder
        self._head = read_head(connection, folder)
        self._first_row = self._head.next_row
        self._first_number = self._head.next_number
        for statement in TEMPORARY:
            connection.execute(statement)
        known = tenant_lines(connection, folder)
        self._tenants = {line.name: TenantNotes(*line) for line in known}
        self._names = {one.number: one.name for one in self._tenants.values()}
        self._before = list(self._tenants)
        self._reader = Reader(connection, folder, self._names)
        self._changed_buckets: set[int] = set()
        self._state: State = "open"

    def digests(self, tenant: str) -> Mapping[str, str]:
        """See ``Update.digests``."""
        known = self._tenants.get(tenant)
        if known is None:
            return {}
        query = "SELECT id, digest FROM documents WHERE tenant = ? AND number < ?"
        with self._working("open", "merged"):
            found = dict(self._db.execute(query, (known.number, self._first_number)).fetchall())
        return found | known.before

    def tenants(self) -> Sequence[str]:
        """See ``Update.tenants``."""
        return list(self._before)

    def put(
        self,
        document: Document,
        digest: str,
        passages: Sequence[Passage],
        vocabulary: Mapping[str, int],
    ) -> None:
        """See ``Update.put``."""
        check_put(document, digest, passages, vocabulary)
        known = self._tenants.get(document.scope.tenant)
        if known is not None and document.id in known.put:
            raise put_twice(document)
        with self._working("open"):
            tenant = known or self._new_tenant(document.scope.tenant)
            self._refuse_taken_ids(tenant, document, len(passages))
        with self._working("open"):
            self._drop(tenant, document.id)
            self._insert(tenant, document, digest, passages, vocabulary)

    def remove(self, tenant: str, document_id: str) -> bool:
        """See ``Update.remove``."""
        known = self._tenants.get(tenant)
        with self._working("open"):
            return known is not None and storable(document_id) and self._drop(known, document_id)

    def touched(self) -> Sequence[str]:
        """See ``Update.touched``."""
        return sorted(name for name, one in self._tenants.items() if one.touched)

    def changes(self, tenant: str) -> Change:
        """See ``Update.changes``. Looks only at groups that puts and removals touched."""
        self._merge()
        known = self._tenants.get(tenant)
        removed = np.array(sorted(known.removed) if known else [], dtype=np.int64)
        return Change(known.added() if known else [], removed)

    def indexed(self, tenant: str) -> Rows:
        """See ``Update.indexed``."""
        self._merge()
        known = self._tenants.get(tenant)
        query = "SELECT places FROM documents WHERE tenant = ?"
        with self._working("merged"):
            lines = self._db.execute(query, (known.number if known else 0,)).fetchall()
        places, _ = unpack_all((line[0] for line in lines), self._folder)
        rows: Rows = np.sort(places[places[:, 0] == places[:, 1], 0])
        return rows

    def passages_in_all(self) -> int:
        """See ``Update.passages_in_all``."""
        return sum(one.passages for one in self._tenants.values())

    def passages(self, rows: Iterable[int]) -> Iterator[tuple[int, Passage]]:
        """See ``Update.passages``. Cost: one SELECT for some hundred rows."""
        asked = (int(row) for row in rows)
        while some := list(islice(asked, ASKED_AT_ONCE)):
            with self._working("open", "merged"):
                found = self._reader.passages([row for row in some if 0 < row < 2**63])
            for row in some:
                if row not in found:
                    raise no_row(self._folder, row, self._head.generation)
                yield row, found[row]

    def indexes(self, tenant: str) -> Mapping[str, IndexPlace]:
        """See ``Update.indexes``."""
        known = self._tenants.get(tenant)
        query = "SELECT kind, folder, settings, fingerprint FROM indexes WHERE tenant = ?"
        with self._working("open", "merged"):
            lines = self._db.execute(query, (known.number if known else 0,)).fetchall()
        return {line[0]: IndexPlace(*line[1:]) for line in lines}

    def commit(
        self,
        *,
        settings: Mapping[str, Scalar | None],
        indexes: Mapping[str, Mapping[str, IndexPlace]],
    ) -> int:
        """See ``Update.commit``. The write lock ends here."""
        self._merge()
        with self._working("merged"):
            self._state = "failed"  # until all of it is on the disk
            write_tenants(self._db, self._tenants.values())
            has_documents = {
                one.name: one.number for one in self._tenants.values() if one.documents
            }
            write_indexes(self._db, has_documents, indexes)
            write_head(self._db, self._head, self._changed_buckets, settings)
            self._db.execute("COMMIT")
            self._state = "committed"
        return self._head.generation

    def end(self) -> None:
        """Refuse everything from now on; called by the store."""
        self._state = "ended"

    @contextmanager
    def _working(self, *states: State) -> Iterator[None]:
        """Refuse what is out of order; after an error of the disk nothing is taken any more."""
        require_state(self._state, *states)
        try:
            with told(self._folder):
                yield
        except CorpusError:
            self._state = "failed"
            raise

    def _new_tenant(self, name: str) -> TenantNotes:
        query = "INSERT INTO tenants VALUES (NULL, ?, 0, 0, 0)"
        number = self._db.execute(query, (name,)).lastrowid or 0
        self._names[number] = name
        return self._tenants.setdefault(name, TenantNotes(name, number))

    def _refuse_taken_ids(self, tenant: TenantNotes, document: Document, cut: int) -> None:
        """Only a document that is whole can be called as another one's passage is."""
        part = parted(document.id)
        if not document.whole:
            query = "SELECT id FROM documents WHERE tenant = ? AND id >= ? AND id < ? AND whole = 1"
            # Ids that go on with # and a digit; the sign after 9 is the colon.
            ends = (f"{document.id}#0", f"{document.id}#:")
            for (other,) in self._db.execute(query, (tenant.number, *ends)).fetchall():
                found = parted(other)
                if found is not None and found[0] == document.id and found[1] < cut:
                    raise taken(document, other, other)
        elif part is not None:
            query = "SELECT places FROM documents WHERE tenant = ? AND id = ? AND whole = 0"
            line = self._db.execute(query, (tenant.number, part[0])).fetchone()
            if line is not None and part[1] < len(unpack(line[0], self._folder)):
                raise taken(document, part[0], document.id)

    def _insert(
        self,
        tenant: TenantNotes,
        document: Document,
        digest: str,
        passages: Sequence[Passage],
        vocabulary: Mapping[str, int],
    ) -> None:
        db, number = self._db, self._head.next_number
        rows = range(self._head.next_row, self._head.next_row + len(passages))
        bucket = bucket_of(tenant.name, document.id)
        own = np.arange(rows.start, rows.stop, dtype=np.int64)
        facts = facts_line(number, tenant.number, document, digest)
        leaf = leaf_of(document, digest, passages)
        line = (*facts, bucket, leaf, pack(np.stack([own, own], axis=1)))
        db.execute(f"INSERT INTO documents VALUES ({','.join('?' * len(line))})", line)
        source = (number, checksum(document.text), document.text, pack_words(vocabulary))
        blocks = pack_blocks(document.blocks)
        db.execute("INSERT INTO sources VALUES (?, ?, ?, ?, ?)", (*source, blocks))
        lines = [passage_line(row, number, one) for row, one in zip(rows, passages, strict=True)]
        db.executemany("INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?)", lines)
        note_fresh(db, number, rows, merge_keys(document, [one.text for one in passages]))
        self._head.next_number += 1
        self._head.next_row = rows.stop
        self._changed_buckets.add(bucket)
        tenant.put.add(document.id)
        tenant.fresh[number] = rows
        tenant.documents += 1
        tenant.passages += len(rows)
        tenant.count(vocabulary, 1)
        tenant.touched = True

    def _drop(self, tenant: TenantNotes, document_id: str) -> bool:
        """Take out the document of this id; False where there is none."""
        db = self._db
        query = f"SELECT {FACTS}, bucket, places FROM documents WHERE tenant = ? AND id = ?"
        line = db.execute(query, (tenant.number, document_id)).fetchone()
        if line is None:
            return False
        facts = facts_of(line, self._names, self._folder)
        places = unpack(line[-1], self._folder).tolist()
        rows = [row for row, _ in places]
        found = self._reader.passages(rows)
        words = db.execute("SELECT words FROM sources WHERE document = ?", (facts.number,))
        packed = words.fetchone()
        if packed is None or len(found) != len(rows):
            raise damaged(self._folder, f"parts of document {facts.number} are missing")
        note_gone(db, rows, merge_keys(facts.document, [found[row].text for row in rows]))
        db.executemany("DELETE FROM passages WHERE row = ?", [(row,) for row in rows])
        db.execute("DELETE FROM sources WHERE document = ?", (facts.number,))
        db.execute("DELETE FROM documents WHERE number = ?", (facts.number,))
        self._changed_buckets.add(line[-2])
        tenant.documents -= 1
        tenant.passages -= len(rows)
        tenant.count(unpack_words(packed[0], self._folder), -1)
        tenant.touched = True
        if tenant.fresh.pop(facts.number, None) is None:
            tenant.removed += [row for row, indexed in places if row == indexed]
            tenant.before[document_id] = facts.digest
        return True

    def _merge(self) -> None:
        if self._state == "merged":
            return
        with self._working("open"):
            changed, self._head.next_row = merge(
                self._db, self._folder, self._first_row, self._head.next_row
            )
        for tenant, before, after in changed:
            self._tenants[self._names[tenant]].note(before, after, self._first_row)
        self._state = "merged"
