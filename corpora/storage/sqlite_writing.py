"""What an update of a SQLite store notes of each tenant, and how it writes that down at the end."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.corpora.storage.merging import Member
from assay.corpora.storage.merkle import merkle_root, root_of
from assay.corpora.storage.sqlite_errors import checksum, damaged, sealed, unsealed
from assay.corpora.storage.store import IndexPlace
from assay.pipeline.words import Scalar


@dataclass(slots=True)
class TenantNotes:
    """What an update knows of a tenant.

    Args:
        name: of the tenant.
        number: the store's number for it.
        documents: how many it has now.
        passages: how many it has now, merged ones included.
        indexed: how many of them were indexed before.
        before: digests of documents that were there before and were removed since.
        put: ids of documents that were put.
        fresh: rows of documents that were put, by number.
        removed: rows that were indexed before and are not any more.
        again: new rows of passages that were merged before and are indexed now.
        merged: rows of passages that were put and are merged.
        words: by how much the count of each word changes.
        touched: whether anything was put or removed.
    """

    name: str
    number: int
    documents: int = 0
    passages: int = 0
    indexed: int = 0
    before: dict[str, str] = field(default_factory=dict)
    put: set[str] = field(default_factory=set)
    fresh: dict[int, range] = field(default_factory=dict)
    removed: list[int] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    merged: set[int] = field(default_factory=set)
    words: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    touched: bool = False

    def count(self, vocabulary: Mapping[str, int], sign: int) -> None:
        """Count a document's words in (1) or out (-1)."""
        words = self.words
        for word, times in vocabulary.items():
            words[word] += sign * times

    def note(self, before: Member, after: Member, first_new: int) -> None:
        """Note a passage that merging changed.

        Args:
            before: as it was.
            after: as it is now.
            first_new: the first row that the update gave out.
        """
        if before.row >= first_new:
            if not after.is_indexed:
                self.merged.add(after.row)
        elif before.is_indexed and not after.is_indexed:
            self.removed.append(before.row)
        elif after.is_indexed and not before.is_indexed:
            self.again.append(after.row)

    def added(self) -> list[int]:
        """Rows that are indexed now and were not before, in rising order."""
        fresh = (row for rows in self.fresh.values() for row in rows if row not in self.merged)
        return sorted([*fresh, *self.again])


@dataclass(slots=True)
class Head:
    """The store's one line: the generation, and what its numbers go on from.

    Args:
        generation: its number.
        next_row: the next row to give out.
        next_number: the next number of a document.
        root: Merkle root in hex.
        buckets: the root of each bucket.
    """

    generation: int
    next_row: int
    next_number: int
    root: str
    buckets: list[bytes]


def read_head(db: sqlite3.Connection, folder: Path) -> Head:
    """The head as it is.

    Raises:
        CorpusError: if it is not as it was written.
    """
    line = db.execute(
        "SELECT generation, next_row, next_number, root, settings, checksum, buckets FROM store"
    ).fetchone()
    if line is None or checksum(*line[:5]) != line[5]:
        raise damaged(folder, "its head is not as it was written")
    generation, next_row, next_number, root, _, _, packed = line
    content = unsealed(packed, folder, "the Merkle buckets")
    buckets = [content[place : place + 32] for place in range(0, len(content), 32)]
    return Head(generation, next_row, next_number, root, buckets)


def write_head(
    db: sqlite3.Connection,
    head: Head,
    changed_buckets: Iterable[int],
    settings: Mapping[str, Scalar | None],
) -> None:
    """Write the head of the next generation into ``head`` and the file.

    Args:
        db: in the update's transaction, documents and all.
        head: with its numbers as they are now; generation, root and buckets of the last one.
        changed_buckets: those that documents came into or went from.
        settings: what the corpus was made with.
    """
    query = "SELECT leaf FROM documents WHERE bucket = ?"
    for number in sorted(changed_buckets):
        leaves = [line[0] for line in db.execute(query, (number,))]
        head.buckets[number] = merkle_root(leaves)
    head.root = root_of(head.buckets)
    head.generation += 1
    told = json.dumps(dict(settings), ensure_ascii=False)
    line = (head.generation, head.next_row, head.next_number, head.root, told)
    db.execute(
        "UPDATE store SET generation = ?, next_row = ?, next_number = ?, root = ?, settings = ?,"
        " checksum = ?, buckets = ?",
        (*line, checksum(*line), sealed(b"".join(head.buckets))),
    )


def write_tenants(db: sqlite3.Connection, tenants: Iterable[TenantNotes]) -> None:
    """Write counts and words of tenants that were touched; one without documents is forgotten."""
    for one in tenants:
        if not one.touched:
            continue
        changed = sorted((word, change) for word, change in one.words.items() if change)
        db.executemany(
            "INSERT INTO vocabulary VALUES (?, ?, ?)"
            " ON CONFLICT (tenant, word) DO UPDATE SET count = count + excluded.count",
            [(one.number, word, change) for word, change in changed],
        )
        db.executemany(
            "DELETE FROM vocabulary WHERE tenant = ? AND word = ? AND count = 0",
            [(one.number, word) for word, change in changed if change < 0],
        )
        indexed = one.indexed + len(one.added()) - len(one.removed)
        db.execute(
            "UPDATE tenants SET documents = ?, passages = ?, indexed = ? WHERE number = ?",
            (one.documents, one.passages, indexed, one.number),
        )
    db.execute("DELETE FROM tenants WHERE documents = 0")


def write_indexes(
    db: sqlite3.Connection,
    numbers: Mapping[str, int],
    indexes: Mapping[str, Mapping[str, IndexPlace]],
) -> None:
    """Write where indexes lie, in the place of all that was there.

    Args:
        db: in the update's transaction.
        numbers: of the tenants that have documents, by name; others have no indexes.
        indexes: by tenant and kind.
    """
    lines: Sequence[tuple[Any, ...]] = [
        (numbers[tenant], kind, one.folder, one.settings, one.fingerprint)
        for tenant, kinds in indexes.items()
        if tenant in numbers
        for kind, one in kinds.items()
    ]
    db.execute("DELETE FROM indexes")
    db.executemany("INSERT INTO indexes VALUES (?, ?, ?, ?, ?)", lines)
