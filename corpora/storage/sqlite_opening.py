"""How a store's SQLite file is opened, to write and to read.

The file is never to be opened by anything but SQLite while a process holds a store open: closing
any handle to it would give up that process's locks (a rule of POSIX). It must lie on a local disk:
the write-ahead log needs memory that all its users share.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assay.corpora.storage.sqlite_errors import missing, primary_code, told
from assay.corpora.storage.sqlite_schema import FILE, PAGE_BYTES, is_made, make
from assay.pipeline.errors import CorpusError

WRITER_CACHE_KIB = 128 * 1024
READER_CACHE_KIB = 16 * 1024


def connect(folder: Path, mode: Literal["rw", "rwc", "immutable"]) -> sqlite3.Connection:
    """Open the file; transactions are ours to begin and to end.

    Args:
        folder: of the store.
        mode: as in SQLite's URIs; ``rwc`` is a writer's and makes the file where it is missing.
    """
    uri = (folder / FILE).absolute().as_uri()
    how = "mode=ro&immutable=1" if mode == "immutable" else f"mode={mode}"
    # Another process may be closing or repairing the file just now, which takes a moment. A
    # writer waits hardly at all, for it is to hear of another writer at once.
    wait = 0.2 if mode == "rwc" else 20.0
    connection = sqlite3.connect(
        f"{uri}?{how}", uri=True, timeout=wait, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def open_to_write(folder: Path) -> sqlite3.Connection:
    """A connection in a transaction that holds the write lock; the tables are there.

    Raises:
        CorpusError: if another writer is at work, the disk refuses, or the file is not a store.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CorpusError(
            f"the corpus folder '{folder}' cannot be made: {error}; choose another one"
        ) from error
    with told(folder):
        connection = connect(folder, "rwc")
        try:
            is_made(connection, folder)  # before anything is changed: it may be another program's
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            connection.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB}")
            connection.execute("BEGIN IMMEDIATE")
            if not is_made(connection, folder):
                make(connection)
                connection.execute("COMMIT")
                connection.execute("BEGIN IMMEDIATE")
        except BaseException:
            connection.close()
            raise
    return connection


def take_in_the_log(connection: sqlite3.Connection) -> None:
    """Write the log's pages into the file, as far as readers of old generations allow."""
    try:
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError:
        # The commit is on the disk, in the log; who opens the store next takes it over.
        return


@dataclass(frozen=True, slots=True)
class Reading:
    """A connection in a read transaction.

    Args:
        connection: cannot write.
        frozen: inode, bytes and time of the last change, where the file is read as one that stays
            as it is; None where SQLite's locks keep writers and readers apart.
    """

    connection: sqlite3.Connection
    frozen: tuple[int, int, int] | None


def open_to_read(folder: Path) -> Reading:
    """Begin to read the newest generation.

    A folder that this process cannot write to (an image, a medium that is read only) has no room
    for SQLite's shared memory, nor for locks that writers would see. Who reads there is to look
    after each read whether the file is as it was: see ``state_of``.

    Raises:
        CorpusError: if there is no store, or a file that is none.
        sqlite3.Error: if it cannot be opened.
    """
    if not (folder / FILE).exists():
        raise missing(folder)
    try:
        return Reading(_reading(folder, "rw"), None)
    except sqlite3.OperationalError as error:
        refused = primary_code(error) in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
        if not (refused and _is_sealed_off(folder)):
            raise
    state = state_of(folder)
    return Reading(_reading(folder, "immutable"), state)


def state_of(folder: Path) -> tuple[int, int, int]:
    """What is another after the file was written to."""
    found = (folder / FILE).stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _reading(folder: Path, mode: Literal["rw", "immutable"]) -> sqlite3.Connection:
    connection = connect(folder, mode)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
        connection.execute("BEGIN")
        if not is_made(connection, folder):
            raise missing(folder)
    except BaseException:
        connection.close()
        raise
    return connection


def _is_sealed_off(folder: Path) -> bool:
    """Whether this process cannot write beside the file, and no log waits to be read."""
    log = folder / f"{FILE}-wal"
    return not os.access(folder, os.W_OK) and not (log.exists() and log.stat().st_size)
