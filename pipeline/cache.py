"""Node outputs that were paid for once, in one SQLite file, found by what went in.

A key (``cache_key`` of ``key_parts``) holds everything that the output depends
on, so an entry is never wrong, only unused: nothing needs to be invalidated.
The cache stores bytes; ``assay.pipeline.value_codec`` makes them. Abstentions
and errors are not kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from assay.pipeline.cache_file import CacheBusy, CacheDamaged, CacheFile
from assay.pipeline.cache_key import cache_key, key_parts
from assay.pipeline.errors import UsageError, WorldError
from assay.pipeline.files import cache_path
from assay.pipeline.value_codec import is_abstention

__all__ = [
    "Cache",
    "CacheBusy",
    "CacheDamaged",
    "CacheStats",
    "ComponentStats",
    "cache_key",
    "default_cache_path",
    "key_parts",
]

ENVIRONMENT = "ASSAY_CACHE"
FILE = "nodes.sqlite"
ROW_BYTES = 256
"""What an entry takes beside its value and parts: key, digest, index, page heads."""
_NOTED_USES = 256
_NOTED_SECONDS = 1.0
_CLEARED_AT_ONCE = 200


def default_cache_path(
    environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> Path:
    """The cache's file: ``ASSAY_CACHE``, else one in the platform's cache folder.

    Args:
        environment: variables to look at.
        platform: as ``sys.platform`` has it.
    """
    return cache_path(FILE, ENVIRONMENT, environment, platform)


@dataclass(frozen=True, slots=True)
class ComponentStats:
    """Figures of one component.

    Args:
        entries: outputs that are kept.
        bytes: their size with keys and parts.
        hits: outputs found, since the cache was last cleared.
        misses: outputs looked for in vain, since the cache was last cleared.
    """

    entries: int = 0
    bytes: int = 0
    hits: int = 0
    misses: int = 0


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Figures of a cache, by component; '' holds misses whose component was not named."""

    components: Mapping[str, ComponentStats] = field(default_factory=dict)

    @property
    def total(self) -> ComponentStats:
        """The sums over all components."""
        every = self.components.values()
        return ComponentStats(
            sum(one.entries for one in every),
            sum(one.bytes for one in every),
            sum(one.hits for one in every),
            sum(one.misses for one in every),
        )


@dataclass(slots=True)
class _Uses:
    """What was noted since the file was last written to."""

    hits: dict[str, int] = field(default_factory=dict)
    misses: dict[str, int] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    count: int = 0
    since: float = field(default_factory=time.monotonic)

    def add(self, other: _Uses) -> None:
        for mine, theirs in ((self.hits, other.hits), (self.misses, other.misses)):
            for component, number in theirs.items():
                mine[component] = mine.get(component, 0) + number
        for key, stamp in other.used.items():
            self.used[key] = max(stamp, self.used.get(key, 0))
        self.count += other.count
        self.since = min(self.since, other.since)

    def write(self, database: sqlite3.Connection) -> None:
        database.executemany(
            "INSERT INTO components (component, hits, misses) VALUES (?, ?, ?)"
            " ON CONFLICT (component) DO UPDATE SET hits = hits + excluded.hits,"
            " misses = misses + excluded.misses",
            [
                (name, self.hits.get(name, 0), self.misses.get(name, 0))
                for name in {**self.hits, **self.misses}
            ],
        )
        database.executemany(
            "UPDATE entries SET used = max(used, ?) WHERE key = ?",
            [(stamp, key) for key, stamp in self.used.items()],
        )


class Cache:
    """A bounded store of bytes by key, for many threads and processes at once.

    The file is opened at the first use. Reading waits for nobody. Hits, misses
    and times of use are noted in memory and written together: with the next
    ``put``, after a second, and by ``stats`` and ``close``. A process that is
    killed loses those of its last second, never an entry.

    Args:
        path: the file; made where missing. It must lie on a local disk.
        max_bytes: the most that values, keys and parts may take together. The
            least recently used entries leave first. The file itself is a little
            larger, and shrinks when it is cleared.
    """

    def __init__(self, path: Path, *, max_bytes: int = 1 << 30) -> None:
        if max_bytes < 1:
            raise UsageError(f"a cache of {max_bytes} bytes holds nothing: max_bytes starts at 1")
        self.path = path
        self.max_bytes = max_bytes
        self._file = CacheFile(path)
        self._lock = threading.Lock()
        self._uses = _Uses()
        self._stamp = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, key: str, *, component: str = "") -> bytes | None:
        """The value, None if it is not here.

        Args:
            key: from ``cache_key``.
            component: whose miss it is, for ``stats``; a hit is counted for the
                component that the value was put by.

        Raises:
            CacheDamaged: if the file or this entry is not whole.
            WorldError: if the file cannot be read.
        """
        with self._file.reading() as database:
            found = database.execute(
                "SELECT component, seal, value FROM entries JOIN contents USING (id) WHERE key = ?",
                (key,),
            ).fetchall()
        if not found:
            self._note(_Uses(misses={component: 1}, count=1))
            return None
        owner, seal, value = found[0]
        if seal != _seal(key, value):
            raise self._file.damaged(f"the entry {key[:12]} was altered")
        self._note(_Uses(hits={owner: 1}, used={key: self._now()}, count=1))
        return bytes(value)

    def put(self, key: str, value: bytes, *, component: str, parts: Mapping[str, str]) -> bool:
        """Keep a value; the first value of a key stays.

        Args:
            key: from ``cache_key``.
            value: from ``value_codec.encode``.
            component: registered name with version.
            parts: what went into the key, for ``explain``; digests are shortened.

        Returns:
            False if the value alone is larger than the cache.

        Raises:
            UsageError: if the value is an abstention: another run may well answer.
            CacheBusy: if another process kept writing for too long.
            WorldError: if the file cannot be written; nothing was kept then.
        """
        if is_abstention(value):
            raise UsageError(f"{component} abstained: abstentions are never cached")
        kept = json.dumps({name: _short(part) for name, part in parts.items()})
        size = len(value) + len(kept) + ROW_BYTES
        if size > self.max_bytes:
            return False
        with self._writing() as database:
            stamp = self._now()
            entered = database.execute(
                "INSERT INTO entries (key, component, size, used, seal, parts)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
                (key, component, size, stamp, _seal(key, value), kept),
            )
            if entered.rowcount == 1:
                database.execute(
                    "INSERT INTO contents (id, value) VALUES (?, ?)", (entered.lastrowid, value)
                )
                self._evict(database)
            else:
                _Uses(used={key: stamp}).write(database)
        return True

    def stats(self) -> CacheStats:
        """Entries, bytes, hits and misses per component, over all processes.

        Raises:
            WorldError: if the file cannot be used.
        """
        self._flush()
        with self._file.reading() as database:
            rows = database.execute(
                "SELECT component, entries, bytes, hits, misses FROM components ORDER BY component"
            ).fetchall()
        return CacheStats({name: ComponentStats(*figures) for name, *figures in rows})

    def explain(self, key: str) -> Mapping[str, str] | None:
        """What went into a key, by name; None if the key is not here.

        Raises:
            WorldError: if the file cannot be used.
        """
        with self._file.reading() as database:
            found = database.execute("SELECT parts FROM entries WHERE key = ?", (key,)).fetchall()
        if not found:
            return None
        parts: dict[str, str] = json.loads(found[0][0])
        return parts

    def clear(self, component: str | None = None) -> int:
        """Remove the entries and figures of a component, or all; mends a damaged file.

        Args:
            component: registered name; None for all, and then a file that cannot
                be read is deleted.

        Returns:
            how many entries were removed; 0 for a file that could not be read.

        Raises:
            CacheDamaged: if the file is damaged and one component was named.
            WorldError: if the file cannot be used, or is no cache.
        """
        try:
            return self._clear(component)
        except CacheDamaged:
            if component is not None:
                raise
        self._file.remove()
        with self._writing():
            return 0

    def close(self) -> None:
        """Write what was noted and close the file; no thread may be using the cache."""
        try:
            with self._lock:
                pending = self._uses.count
            if pending:
                self._flush()
        finally:
            self._file.close()

    def _clear(self, component: str | None) -> int:
        removed = 0
        where, values = ("", ()) if component is None else ("WHERE component = ?", (component,))
        while True:
            # Few at a time, so that other processes can write in between.
            with self._writing() as database:
                gone = database.execute(
                    f"DELETE FROM entries WHERE id IN (SELECT id FROM entries {where} LIMIT ?)",
                    (*values, _CLEARED_AT_ONCE),
                ).rowcount
                removed += gone
                if gone < _CLEARED_AT_ONCE:
                    database.execute(f"DELETE FROM components {where}", values)
            with self._file.reading() as database:
                # As a script: a plain execute takes one step, which frees one page.
                database.executescript("PRAGMA incremental_vacuum")
            if gone < _CLEARED_AT_ONCE:
                return removed

    def _evict(self, database: sqlite3.Connection) -> None:
        total: int = database.execute("SELECT sum(bytes) FROM components").fetchall()[0][0]
        over = total - self.max_bytes
        leaving: list[tuple[int]] = []
        oldest = database.execute("SELECT id, size FROM entries ORDER BY used, id")
        for identity, size in oldest if over > 0 else ():
            leaving.append((identity,))
            over -= size
            if over <= 0:
                break
        oldest.close()
        database.executemany("DELETE FROM entries WHERE id = ?", leaving)

    @contextmanager
    def _writing(self, *, wait: bool = True) -> Iterator[sqlite3.Connection]:
        """A write transaction that begins with what was noted; kept if it fails."""
        with self._lock:
            uses, self._uses = self._uses, _Uses()
        try:
            with self._file.writing(wait=wait) as database:
                uses.write(database)
                yield database
        except WorldError:
            self._remember(uses)
            raise

    def _note(self, uses: _Uses) -> None:
        self._remember(uses)
        with self._lock:
            due = (
                self._uses.count >= _NOTED_USES
                or time.monotonic() - self._uses.since > _NOTED_SECONDS
            )
        if due:
            try:
                self._flush(wait=False)
            except CacheBusy:
                return  # they stay noted; a reader does not wait for writers

    def _remember(self, uses: _Uses) -> None:
        with self._lock:
            if not self._uses.count:
                self._uses.since = uses.since
            self._uses.add(uses)

    def _flush(self, *, wait: bool = True) -> None:
        with self._writing(wait=wait):
            pass

    def _now(self) -> int:
        """Nanoseconds since 1970, each call later than the one before."""
        with self._lock:
            self._stamp = max(self._stamp + 1, time.time_ns())
            return self._stamp


def _seal(key: str, value: bytes) -> bytes:
    """Digest that tells a value that was altered or stands under another key."""
    return hashlib.blake2b(value, key=key.encode()[:64], digest_size=16).digest()


def _short(part: Any) -> str:
    """A digest's first 16 hex digits; anything else as it is."""
    text = str(part)
    is_digest = len(text) == 64 and not set(text) - set("0123456789abcdef")
    return text[:16] if is_digest else text
