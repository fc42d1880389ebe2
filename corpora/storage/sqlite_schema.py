"""The tables of a store's SQLite file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from assay.corpora.storage.merkle import BUCKETS, EMPTY, empty_root
from assay.corpora.storage.sqlite_errors import START_ANEW, checksum, damaged, sealed
from assay.pipeline.errors import CorpusError

FILE = "store.sqlite"

APPLICATION = 0x61737361
"""SQLite's application id of our files: ``assa``."""

FORMAT = 2
"""The version of the tables; of another one no store is read."""

PAGE_BYTES = 8192

TABLES = (
    # One line: the generation, and what its numbers go on from.
    """CREATE TABLE store (
        generation INTEGER NOT NULL, next_row INTEGER NOT NULL, next_number INTEGER NOT NULL,
        root TEXT NOT NULL, settings TEXT NOT NULL, checksum INTEGER NOT NULL,
        buckets BLOB NOT NULL)""",
    # Counts, so that nothing has to be counted on opening.
    """CREATE TABLE tenants (
        number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, documents INTEGER NOT NULL,
        passages INTEGER NOT NULL, indexed INTEGER NOT NULL)""",
    # ``places``: see ``sqlite_rows.pack``.
    """CREATE TABLE documents (
        number INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, id TEXT NOT NULL,
        whole INTEGER NOT NULL, size INTEGER NOT NULL, title TEXT NOT NULL, date TEXT NOT NULL,
        source TEXT NOT NULL, tier TEXT NOT NULL, markup TEXT NOT NULL, roles TEXT NOT NULL,
        metadata TEXT NOT NULL, digest TEXT NOT NULL, checksum INTEGER NOT NULL,
        bucket INTEGER NOT NULL, leaf BLOB NOT NULL, places BLOB NOT NULL)""",
    "CREATE UNIQUE INDEX documents_by_id ON documents (tenant, id)",
    "CREATE INDEX documents_by_bucket ON documents (bucket, leaf)",
    # What is long and seldom read stands apart; ``words`` is the document's vocabulary, packed, and
    # ``blocks`` those of its blocks that citations name.
    """CREATE TABLE sources (
        document INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, text TEXT NOT NULL,
        words BLOB NOT NULL, blocks BLOB NOT NULL)""",
    """CREATE TABLE passages (
        row INTEGER PRIMARY KEY, document INTEGER NOT NULL, position INTEGER NOT NULL,
        start INTEGER NOT NULL, stop INTEGER NOT NULL, checksum INTEGER NOT NULL,
        title TEXT NOT NULL, text TEXT NOT NULL)""",
    # Passages that may be merged, by ``merging.merge_keys``.
    """CREATE TABLE copies (
        key BLOB NOT NULL, row INTEGER NOT NULL, document INTEGER NOT NULL,
        position INTEGER NOT NULL, PRIMARY KEY (key, row)) WITHOUT ROWID""",
    """CREATE TABLE vocabulary (
        tenant INTEGER NOT NULL, word TEXT NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (tenant, word)) WITHOUT ROWID""",
    """CREATE TABLE indexes (
        tenant INTEGER NOT NULL, kind TEXT NOT NULL, folder TEXT NOT NULL,
        settings TEXT NOT NULL, fingerprint TEXT NOT NULL,
        PRIMARY KEY (tenant, kind)) WITHOUT ROWID""",
)


def is_made(connection: sqlite3.Connection, folder: Path) -> bool:
    """Whether the file has its tables; False for an empty one.

    Raises:
        CorpusError: if it is a file of another program or of another version.
    """
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if (application, version) == (APPLICATION, FORMAT):
        return True
    if application == APPLICATION:
        raise CorpusError(
            f"the corpus in '{folder}' is of format {version}, this version of assay reads"
            f" {FORMAT}: {START_ANEW.format(folder=folder)}"
        )
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise damaged(folder, f"{FILE} is a database of another program")
    return False


def make(connection: sqlite3.Connection) -> None:
    """Make the tables of a store that nothing was committed to; inside a transaction."""
    for statement in TABLES:
        connection.execute(statement)
    first = (0, 1, 1, empty_root(), "{}")
    connection.execute(
        "INSERT INTO store VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*first, checksum(*first), sealed(EMPTY * BUCKETS)),
    )
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
