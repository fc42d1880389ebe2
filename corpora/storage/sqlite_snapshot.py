"""One generation of a SQLite store, open for reading."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpora.document import Document
from assay.corpora.indexes.index import Rows
from assay.corpora.storage.rules import parted, require_readable, storable
from assay.corpora.storage.sqlite_errors import checksum, damaged, no_row, told
from assay.corpora.storage.sqlite_opening import open_to_read, state_of
from assay.corpora.storage.sqlite_rows import (
    ASKED_AT_ONCE,
    FACTS,
    Facts,
    Reader,
    facts_of,
    tenant_lines,
    unpack,
    unpack_all,
    unpack_blocks,
)
from assay.corpora.storage.store import DocumentFacts, IndexPlace, Snapshot, Table
from assay.pipeline.errors import CorpusError
from assay.pipeline.words import Passage, Scalar, Scope

_OWN_LABELS = {
    "document": "id",
    "title": "title",
    "date": "date",
    "source": "source",
    "tier": "tier",
}
"""Labels that every document has (``store.labels_of``), with their columns."""

_HEAD = "SELECT generation, next_row, next_number, root, settings, checksum FROM store"


class SqliteSnapshot(Snapshot):
    """A connection whose read transaction stays open until ``close``; threads take turns.

    Args:
        folder: of the store.

    Raises:
        CorpusError: if there is no store, or it is damaged or of another format.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._closed = False
        with told(folder):
            reading = open_to_read(folder)
            self._db, self._frozen = reading.connection, reading.frozen
            try:
                head = self._db.execute(_HEAD).fetchone()
                if head is None or checksum(*head[:5]) != head[5]:
                    raise damaged(folder, "its head is not as it was written")
                tenants = tenant_lines(self._db, folder)
            except BaseException:
                self._db.close()
                raise
        self._generation: int = head[0]
        self._root: str = head[3]
        self._settings: dict[str, Scalar | None] = json.loads(head[4])
        self._size = sum(one.indexed for one in tenants)
        self._tenants = {one.name: one.number for one in tenants}
        self._names = {number: name for name, number in self._tenants.items()}
        self._reader = Reader(self._db, folder, self._names)

    @property
    def generation(self) -> int:
        """See ``Snapshot.generation``."""
        return self._generation

    @property
    def settings(self) -> Mapping[str, Scalar | None]:
        """See ``Snapshot.settings``."""
        return dict(self._settings)

    @property
    def root(self) -> str:
        """See ``Snapshot.root``."""
        return self._root

    def tenants(self) -> Sequence[str]:
        """See ``Snapshot.tenants``."""
        return list(self._tenants)

    def size(self) -> int:
        """See ``Snapshot.size``."""
        return self._size

    def indexes(self, tenant: str) -> Mapping[str, IndexPlace]:
        """See ``Snapshot.indexes``."""
        query = "SELECT kind, folder, settings, fingerprint FROM indexes WHERE tenant = ?"
        return {line[0]: IndexPlace(*line[1:]) for line in self._of(tenant, query)}

    def passages(self, rows: Sequence[int], scope: Scope) -> list[Passage]:
        """See ``Snapshot.passages``. Cost: one SELECT for some hundred rows."""
        wanted = [int(row) for row in rows]
        asked = sorted({row for row in wanted if 0 < row < 2**63})
        with self._reading():
            found = self._reader.passages(asked)
        passages: list[Passage] = []
        for row in wanted:
            if row not in found:
                raise no_row(self._folder, row, self._generation)
            require_readable(found[row], scope)
            passages.append(found[row])
        return passages

    def find(self, tenant: str, ids: Sequence[str]) -> list[int | None]:
        """See ``Snapshot.find``."""
        named = {name for one in ids for name in (one, *(parted(one) or ())[:1])}
        asked = sorted(name for name in named if storable(str(name)))
        query = "SELECT id, whole, places FROM documents WHERE tenant = ? AND id"
        known: dict[tuple[str, bool], Rows] = {}
        for place in range(0, len(asked), ASKED_AT_ONCE):
            some = asked[place : place + ASKED_AT_ONCE]
            marks = ",".join("?" * len(some))
            for name, whole, places in self._of(tenant, f"{query} IN ({marks})", *some):
                known[name, bool(whole)] = unpack(places, self._folder)
        found: list[int | None] = []
        for one in ids:
            rows, position, part = known.get((one, True)), 0, parted(one)
            if rows is None and part is not None:
                rows, position = known.get((part[0], False)), part[1]
            is_there = rows is not None and position < len(rows)
            found.append(int(rows[position, 1]) if rows is not None and is_there else None)
        return found

    def near(self, tenant: str, document_id: str, first: int, last: int) -> list[int]:
        """See ``Snapshot.near``."""
        line = self._document(tenant, document_id, "places")
        if line is None:
            return []
        places = unpack(line[0], self._folder)
        inside = places[max(first, 0) : max(last + 1, 0), 1]
        return [int(row) for row in inside]

    def document(self, tenant: str, document_id: str) -> Document | None:
        """See ``Snapshot.document``."""
        line = self._document(tenant, document_id, FACTS)
        if line is None:
            return None
        facts = self._facts(line)
        query = "SELECT checksum, text, blocks FROM sources WHERE document = ?"
        texts = self._lines(query, facts.number)
        if not texts or checksum(texts[0][1]) != texts[0][0]:
            raise damaged(self._folder, f"the text of '{document_id}' is not as it was written")
        blocks = unpack_blocks(texts[0][2], self._folder)
        return replace(facts.document, text=texts[0][1], blocks=blocks)

    def documents(self, tenant: str) -> Iterator[DocumentFacts]:
        """See ``Snapshot.documents``. Reads on as they are taken."""
        query = (
            f"SELECT {FACTS}, places FROM documents WHERE tenant = ? AND id > ? ORDER BY id"
            f" LIMIT {ASKED_AT_ONCE}"
        )
        last = ""
        while lines := self._of(tenant, query, last):
            for line in lines:
                facts = self._facts(line)
                cut = len(unpack(line[14], self._folder))
                yield DocumentFacts(facts.number, facts.document, facts.size, cut)
            last = lines[-1][2]

    def roles(self, tenant: str) -> Mapping[tuple[str, ...], Rows]:
        """See ``Snapshot.roles``."""
        groups: dict[str, list[int]] = {}
        query = "SELECT roles, number FROM documents WHERE tenant = ?"
        for roles, number in self._of(tenant, query):
            groups.setdefault(roles, []).append(number)
        return {
            tuple(self._parsed(roles)): np.array(sorted(numbers), dtype=np.int64)
            for roles, numbers in groups.items()
        }

    def table(self, tenant: str) -> Table:
        """See ``Snapshot.table``. Cost: one pass over the tenant's documents, none over texts."""
        lines = self._of(tenant, "SELECT number, places FROM documents WHERE tenant = ?")
        places, counts = unpack_all((line[1] for line in lines), self._folder)
        numbers = np.repeat(np.array([line[0] for line in lines], dtype=np.int64), counts)
        order = np.argsort(places[:, 0], kind="stable")
        return Table(places[order, 0], numbers[order], places[order, 1])

    def column(self, tenant: str, field: str) -> Iterator[tuple[Scalar, Sequence[int]]]:
        """See ``Snapshot.column``. Values come in the order of their first documents."""
        if not storable(field):
            return
        own = _OWN_LABELS.get(field)
        query = f"SELECT number, metadata, {own or repr('')} FROM documents WHERE tenant = ?"
        if own is None:
            query += " AND instr(metadata, ?)"
            lines = self._of(tenant, query, json.dumps(field, ensure_ascii=False) + ":")
        else:
            lines = self._of(tenant, query)
        groups: dict[tuple[type, Scalar], list[int]] = {}
        for number, metadata, value in sorted(lines):
            labels = self._parsed(metadata)
            if field in labels or value != "":
                label = labels.get(field, value)
                groups.setdefault((type(label), label), []).append(number)
        for (_, label), numbers in groups.items():
            yield label, numbers

    def vocabulary(self, tenant: str) -> Mapping[str, int]:
        """See ``Snapshot.vocabulary``."""
        return dict(self._of(tenant, "SELECT word, count FROM vocabulary WHERE tenant = ?"))

    def close(self) -> None:
        """See ``Snapshot.close``; a second time is no error."""
        with self._lock:
            self._closed = True
            self._db.close()

    def _document(self, tenant: str, document_id: str, columns: str) -> tuple[Any, ...] | None:
        if not storable(document_id):
            return None
        query = f"SELECT {columns} FROM documents WHERE tenant = ? AND id = ?"
        lines = self._of(tenant, query, document_id)
        return lines[0] if lines else None

    def _of(self, tenant: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        number = self._tenants.get(tenant)
        return [] if number is None else self._lines(query, number, *values)

    def _lines(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._reading():
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock, told(self._folder):
            if self._closed:
                raise CorpusError(
                    f"generation {self._generation} of '{self._folder}' was closed: take a new"
                    " snapshot"
                )
            yield
            if self._frozen is not None and self._frozen != state_of(self._folder):
                raise CorpusError(
                    f"the corpus in '{self._folder}' was indexed again while it was open, by a run"
                    " that could not know of this reader, who may not write there: open it anew"
                )

    def _facts(self, line: Sequence[Any]) -> Facts:
        return facts_of(line, self._names, self._folder)

    def _parsed(self, text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, TypeError) as error:
            raise damaged(self._folder, f"labels cannot be read ({error})") from error
