"""Merging inside an update of a SQLite store: only groups that were touched are looked at.

While documents are put and removed, two temporary tables note the merge keys of passages that came
(``fresh``) and went (``gone``). ``merge`` then files what came, settles every group that can have
changed, and writes that down.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from itertools import count, groupby
from pathlib import Path

from assay.corpora.indexes.index import Rows
from assay.corpora.storage.merging import Member, settle
from assay.corpora.storage.sqlite_errors import damaged
from assay.corpora.storage.sqlite_rows import pack, unpack

TEMPORARY = (
    """CREATE TEMP TABLE fresh (
        row INTEGER PRIMARY KEY, key BLOB, document INTEGER, position INTEGER)""",
    "CREATE TEMP TABLE gone (key BLOB)",
)

_ALL_ARE_FRESH = "SELECT NOT EXISTS (SELECT 1 FROM copies)"

_FILE = "INSERT INTO copies SELECT key, row, document, position FROM fresh ORDER BY key, row"

_REPEATED = """
    CREATE TEMP TABLE touched AS SELECT key FROM copies GROUP BY key HAVING count(*) > 1"""
"""Groups to settle where nothing was there before: passages alone in theirs stand as they are."""

# CROSS JOIN keeps the order of tables: what was touched looks into what there is.
_TOUCHED = """
    CREATE TEMP TABLE touched AS
    SELECT key FROM (SELECT key FROM fresh UNION SELECT key FROM gone) AS now
    CROSS JOIN copies USING (key) GROUP BY key HAVING count(*) > 1 OR min(copies.row) < :first_new
"""

_MEMBERS = """
    SELECT copies.key, documents.size, documents.id, copies.position, copies.row,
        documents.number, documents.tenant
    FROM touched CROSS JOIN copies USING (key)
    CROSS JOIN documents ON documents.number = copies.document
    ORDER BY copies.key, copies.row"""


def note_fresh(
    db: sqlite3.Connection, number: int, rows: Iterable[int], keys: Iterable[bytes]
) -> None:
    """Note passages of a document that was put, by position; see ``merging.merge_keys``."""
    lines = [(*one, number, place) for place, one in enumerate(zip(rows, keys, strict=False))]
    db.executemany("INSERT INTO fresh VALUES (?, ?, ?, ?)", lines)


def note_gone(db: sqlite3.Connection, rows: Iterable[int], keys: Iterable[bytes]) -> None:
    """Take passages out of what is filed, and note that they went."""
    pairs = list(zip(rows, keys, strict=False))
    db.executemany("DELETE FROM fresh WHERE row = ?", [(row,) for row, _ in pairs])
    db.executemany("DELETE FROM copies WHERE row = ? AND key = ?", pairs)
    db.executemany("INSERT INTO gone VALUES (?)", [(key,) for _, key in pairs])


def merge(
    db: sqlite3.Connection, folder: Path, first_new: int, next_row: int
) -> tuple[list[tuple[int, Member, Member]], int]:
    """Settle every group that puts and removals touched, and write it down.

    Args:
        db: in the update's transaction.
        folder: for messages.
        first_new: the first row that the update gave out.
        next_row: the next one to give out.

    Returns:
        Each passage that changes, with its tenant's number, as it was and as it is now; and the
        next row to give out.
    """
    all_are_fresh = bool(db.execute(_ALL_ARE_FRESH).fetchone()[0])
    db.execute(_FILE)
    if all_are_fresh:
        db.execute(_REPEATED)
    else:
        db.execute(_TOUCHED, {"first_new": first_new})
    places = _Places(db, folder)
    numbers = count(next_row)
    taken = 0

    def take_row() -> int:
        nonlocal taken
        taken += 1
        return next(numbers)

    changed: list[tuple[int, Member, Member]] = []
    again: list[tuple[int, int, bytes]] = []
    lines = db.execute(_MEMBERS).fetchall()
    for key, group in groupby(lines, key=lambda line: line[0]):
        members: list[Member] = []
        tenant = 0
        for _, size, name, position, row, number, tenant in group:  # noqa: B007 - all have one
            indexed = places.indexed(number, position, row)
            members.append(Member(size, name, position, row, indexed, number))
        for before, after in settle(members, first_new, take_row):
            changed.append((tenant, before, after))
            if after.row != before.row:
                again.append((after.row, before.row, key))
    for _, _, after in changed:
        places.change(after)
    places.write()
    moves = [pair[:2] for pair in again]
    db.executemany("UPDATE passages SET row = ? WHERE row = ?", moves)
    db.executemany("UPDATE copies SET row = ? WHERE row = ? AND key = ?", again)
    return changed, next_row + taken


class _Places:
    """The places of documents, read once each and written once each."""

    def __init__(self, db: sqlite3.Connection, folder: Path) -> None:
        self._db = db
        self._folder = folder
        self._known: dict[int, Rows] = {}
        self._changed: set[int] = set()

    def of(self, number: int) -> Rows:
        """Of a document; see ``sqlite_rows.pack``."""
        if number not in self._known:
            query = "SELECT places FROM documents WHERE number = ?"
            packed = self._db.execute(query, (number,)).fetchone()[0]
            self._known[number] = unpack(packed, self._folder)
        return self._known[number]

    def indexed(self, number: int, position: int, row: int) -> int:
        """The row that stands for a passage.

        Raises:
            CorpusError: if the passage is not where it was filed.
        """
        places = self.of(number)
        if position >= len(places) or places[position, 0] != row:
            raise damaged(self._folder, f"passage {row} is not filed as it was written")
        return int(places[position, 1])

    def change(self, member: Member) -> None:
        """Note where a passage is now."""
        self.of(member.number)[member.position] = member.row, member.indexed
        self._changed.add(member.number)

    def write(self) -> None:
        """Write what was changed."""
        lines = [(pack(self._known[number]), number) for number in sorted(self._changed)]
        self._db.executemany("UPDATE documents SET places = ? WHERE number = ?", lines)
