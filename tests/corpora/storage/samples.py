"""What tests of the SQLite store put into it."""

from __future__ import annotations

from pathlib import Path

from assay.corpora.storage.sqlite_store import SqliteStore
from tests.conformance.store_subject import Entry, commit, entry


def some(count: int, start: int = 0) -> list[Entry]:
    """Documents of three passages, one of which all of them share."""
    return [
        entry(f"d{number:05d}", f"Text {number}. " * 20, "Shared.", f"More of {number}. " * 20)
        for number in range(start, start + count)
    ]


def made(folder: Path, entries: list[Entry]) -> SqliteStore:
    """A store that holds them."""
    store = SqliteStore(folder)
    commit(store, entries)
    return store
