"""The cache's SQLite file: its layout, its connections, and its errors in words.

WAL mode lets readers go on while one process writes, and keeps the file whole
through a crash; only the last writes may be lost with the power. A connection
belongs to one thread of one process.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assay.pipeline.errors import UsageError, WorldError

SUFFIX = ".sqlite"
WAIT_SECONDS = 20.0
_MAGIC = b"SQLite format 3\0"
_APPLICATION = 0x61737361  # 'assa'
_APPLICATION_AT = slice(68, 72)  # in the header of every SQLite file
_FORMAT = 1
_RETRY_SECONDS = 0.02
_WAL_BYTES = 16 << 20

_LAYOUT = (
    """CREATE TABLE entries (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, component TEXT NOT NULL,
        size INTEGER NOT NULL, used INTEGER NOT NULL, seal BLOB NOT NULL, parts TEXT NOT NULL)""",
    "CREATE INDEX entries_by_use ON entries (used)",
    # Apart, so that noting a use does not rewrite the value.
    "CREATE TABLE contents (id INTEGER PRIMARY KEY, value BLOB NOT NULL)",
    """CREATE TABLE components (
        component TEXT PRIMARY KEY, entries INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0, hits INTEGER NOT NULL DEFAULT 0,
        misses INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID""",
    """CREATE TRIGGER entered AFTER INSERT ON entries BEGIN
        INSERT INTO components (component, entries, bytes) VALUES (NEW.component, 1, NEW.size)
        ON CONFLICT (component) DO UPDATE SET entries = entries + 1, bytes = bytes + NEW.size;
    END""",
    """CREATE TRIGGER removed AFTER DELETE ON entries BEGIN
        DELETE FROM contents WHERE id = OLD.id;
        UPDATE components SET entries = entries - 1, bytes = bytes - OLD.size
        WHERE component = OLD.component;
    END""",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_FORMAT}",
)


class CacheDamaged(WorldError):
    """The cache's file cannot be read as a cache; ``assay cache clear`` mends it."""


class CacheBusy(WorldError):
    """Another process holds the file for too long; worth another try."""


_inherited: list[sqlite3.Connection] = []
"""Connections of a parent process: closing them here would disturb it."""


class _Handle:
    """A connection and the process that it belongs to."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.process = os.getpid()

    def __del__(self) -> None:
        if self.process == os.getpid():
            self.connection.close()
        else:
            _inherited.append(self.connection)


class CacheFile:
    """One SQLite file, opened when it is first used.

    Args:
        path: the file; made where missing, readable by its owner alone.
        wait: seconds that a transaction waits for those of other processes.
    """

    def __init__(self, path: Path, *, wait: float = WAIT_SECONDS) -> None:
        self.path = path
        self._wait = wait
        self._local = threading.local()
        self._handles: weakref.WeakSet[_Handle] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection; each statement sees one state of the file.

        Raises:
            CacheDamaged: if the file is not a whole cache.
            WorldError: if it cannot be opened or read.
        """
        try:
            yield self._connection()
        except sqlite3.Error as error:
            raise self._in_words(error) from error

    @contextmanager
    def writing(self, *, wait: bool = True) -> Iterator[sqlite3.Connection]:
        """A write transaction: everything in it happens, or nothing.

        Args:
            wait: False to give up at once if another process is writing.

        Raises:
            CacheBusy: if another process kept writing for too long.
            CacheDamaged, WorldError: as for ``reading``.
        """
        with self.reading() as database:
            try:
                database.execute(f"PRAGMA busy_timeout = {int(self._wait * 1000) if wait else 0}")
                database.execute("BEGIN IMMEDIATE")
                yield database
                database.execute("COMMIT")
            finally:
                if database.in_transaction:
                    database.execute("ROLLBACK")

    def damaged(self, reason: str) -> CacheDamaged:
        """The error for a file that is not whole."""
        return CacheDamaged(
            f"the cache '{self.path}' is damaged ({reason}): stop what uses it and run"
            f" 'assay cache clear --path {self.path}'; nothing but computing time is lost"
        )

    def remove(self) -> None:
        """Delete a file that cannot be opened, if it looks like a cache.

        Raises:
            WorldError: if it looks like anything else, or cannot be deleted.
        """
        self._drop_connections()
        try:
            with self.path.open("rb") as file:
                header = file.read(100)
            owner = header[_APPLICATION_AT]
            sqlite = header[:16] == _MAGIC[: len(header)]
            foreign = sqlite and len(owner) == 4 and int.from_bytes(owner, "big") != _APPLICATION
            if foreign or (not sqlite and self.path.suffix != SUFFIX):
                raise WorldError(
                    f"'{self.path}' does not look like a cache of assay: check --path and"
                    " ASSAY_CACHE, or delete it by hand"
                )
            for ending in ("-wal", "-shm", ""):
                Path(f"{self.path}{ending}").unlink(missing_ok=True)
        except OSError as error:
            raise WorldError(
                f"the cache '{self.path}' cannot be deleted ({error.strerror}): delete it by hand"
            ) from error

    def close(self) -> None:
        """Close the connections of all threads; none may be in use."""
        self._closed = True
        self._drop_connections()

    def _drop_connections(self) -> None:
        with self._lock:
            handles, self._handles = list(self._handles), weakref.WeakSet()
            self._local = threading.local()
        for handle in handles:
            if handle.process == os.getpid():
                handle.connection.close()

    def _connection(self) -> sqlite3.Connection:
        if self._closed:
            raise UsageError(f"the cache '{self.path}' was closed: make a new Cache")
        handle: _Handle | None = getattr(self._local, "handle", None)
        if handle is None or handle.process != os.getpid():
            handle = _Handle(self._open())
            self._local.handle = handle
            with self._lock:
                self._handles.add(handle)
        return handle.connection

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Only where it is missing: closing a second handle on an open SQLite
            # file would give up this process's locks on it.
            if not self.path.exists():
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise WorldError(
                f"the cache '{self.path}' cannot be made ({error.strerror}): check the folder,"
                " or name another file with ASSAY_CACHE"
            ) from error
        database = sqlite3.connect(
            self.path, timeout=self._wait, isolation_level=None, check_same_thread=False
        )
        ready = False
        try:
            self._prepare(database)
            ready = True
        finally:
            if not ready:
                database.close()
        return database

    def _prepare(self, database: sqlite3.Connection) -> None:
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        limit = time.monotonic() + self._wait
        while not self._is_laid_out(database):
            # SQLite does not wait by itself while two processes switch to WAL at once.
            try:
                database.execute("PRAGMA auto_vacuum = INCREMENTAL")
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("BEGIN IMMEDIATE")
                if not self._is_laid_out(database):
                    for statement in _LAYOUT:
                        database.execute(statement)
                database.execute("COMMIT")
            except sqlite3.OperationalError as error:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                if _code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or (
                    time.monotonic() > limit
                ):
                    raise
                time.sleep(_RETRY_SECONDS)

    def _is_laid_out(self, database: sqlite3.Connection) -> bool:
        alone = not database.in_transaction
        if alone:
            database.execute("BEGIN")  # one view: another process may lay the file out meanwhile
        try:
            application = database.execute("PRAGMA application_id").fetchall()[0][0]
            version = database.execute("PRAGMA user_version").fetchall()[0][0]
            tables = database.execute("SELECT count(*) FROM sqlite_master").fetchall()[0][0]
        finally:
            if alone and database.in_transaction:
                database.execute("ROLLBACK")
        if (application, version) == (_APPLICATION, _FORMAT):
            return True
        if application == _APPLICATION:
            raise self.damaged(f"its format is {version}, expected {_FORMAT}")
        if application or tables:
            raise WorldError(
                f"'{self.path}' is another program's database: check --path and ASSAY_CACHE"
            )
        return False

    def _in_words(self, error: sqlite3.Error) -> WorldError:
        match _code(error):
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return CacheBusy(
                    f"the cache '{self.path}' is held by another process ({error}): try again,"
                    " or give each process its own file with ASSAY_CACHE"
                )
            case sqlite3.SQLITE_FULL:
                return WorldError(
                    f"no room for the cache '{self.path}': make room on the disk, or empty it"
                    " with 'assay cache clear'"
                )
            case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
                return WorldError(
                    f"the cache '{self.path}' cannot be opened for writing ({error}): check its"
                    " permissions, or name another file with ASSAY_CACHE"
                )
            case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_NOMEM | sqlite3.SQLITE_INTERRUPT:
                return WorldError(
                    f"the cache '{self.path}' cannot be read or written ({error}): check the"
                    " disk and try again"
                )
            case _:
                return self.damaged(str(error))


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 1 where the error came from elsewhere."""
    return int(getattr(error, "sqlite_errorcode", 1)) & 0xFF
