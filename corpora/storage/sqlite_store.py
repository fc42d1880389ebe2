"""A store in one SQLite file, for one machine and a few million passages.

``<folder>/store.sqlite`` is in write-ahead mode (sqlite.org/wal.html): a snapshot is a read
transaction that stays open, an update is one write transaction, and both go on side by side. The
write lock is SQLite's own, which the system frees when its process dies; what was not committed is
then not there. A commit is on the disk (``synchronous = FULL``) when it returns.

Cost of an update besides the texts that it writes: the documents that are put or removed, groups
of equal passages that these touch, the Merkle buckets that they lie in, and the words whose counts
change; nothing of it grows with what the store holds but the depth of its B-trees.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assay.corpora.storage.sqlite_errors import told
from assay.corpora.storage.sqlite_opening import open_to_write, take_in_the_log
from assay.corpora.storage.sqlite_schema import FILE
from assay.corpora.storage.sqlite_snapshot import SqliteSnapshot
from assay.corpora.storage.sqlite_update import SqliteUpdate
from assay.corpora.storage.store import Snapshot, Store


class SqliteStore(Store):
    """Documents, passages and generations in one SQLite file; safe between threads and processes.

    Args:
        folder: of the file; on a local disk. Made by the first update.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def exists(self) -> bool:
        """Whether there is a file; it may be damaged, and a first update may not have ended."""
        return (self._folder / FILE).exists()

    def snapshot(self) -> Snapshot:
        """See ``Store.snapshot``. Cost: a few reads, however much the store holds."""
        return SqliteSnapshot(self._folder)

    @contextmanager
    def updating(self) -> Iterator[SqliteUpdate]:
        """See ``Store.updating``."""
        connection = open_to_write(self._folder)
        try:
            with told(self._folder):
                update = SqliteUpdate(connection, self._folder)
            try:
                yield update
            finally:
                update.end()
            if not connection.in_transaction:
                take_in_the_log(connection)
        finally:
            # Rolls back what was not committed.
            connection.close()
