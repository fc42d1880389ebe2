"""What is SQLite's own: locks, its log, the disk, and that work follows what changes."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpora.storage import sqlite_opening
from assay.corpora.storage.memory_store import MemoryStore
from assay.corpora.storage.merkle import empty_root
from assay.corpora.storage.sqlite_schema import FILE
from assay.corpora.storage.sqlite_store import SqliteStore
from assay.corpora.storage.store import IndexPlace
from assay.pipeline.errors import CorpusError, DataError, UsageError
from assay.pipeline.words import Scope
from tests.conformance.store_merging import Step, histories, lives
from tests.conformance.store_subject import (
    Entry,
    StoreSubject,
    commit,
    content,
    entry,
    expected,
    newest,
    put,
    same,
)
from tests.corpora.storage.samples import made, some

WANTED = expected(some(50))

# -- locks, readers and the log --------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from assay.corpora.storage.sqlite_store import SqliteStore
from tests.conformance.store_subject import entry, put
with SqliteStore(Path(sys.argv[1])).updating() as update:
    put(update, entry("theirs", "Not committed."))
    print("holding", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def other_process(code: str, *arguments: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
    path = os.pathsep.join(one for one in sys.path if one)
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        **more,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_writer_in_another_process_is_seen_until_it_dies(tmp_path: Path) -> None:
    store = made(tmp_path, some(2))
    with other_process(WRITER, str(tmp_path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        with pytest.raises(CorpusError, match=r"another index run is writing to .* wait until"):
            commit(store, some(1, start=9))
        with newest(store) as snapshot:
            same(content(snapshot), expected(some(2)), "while another process writes")
            process.kill()
            process.wait()
            commit(store, some(1, start=9))
            same(content(snapshot), expected(some(2)), "after the other process was killed")
    with newest(store) as snapshot:
        same(content(snapshot), expected([*some(2), *some(1, start=9)]), "then")


def test_the_log_is_taken_in_when_the_last_reader_of_an_old_generation_ends(
    tmp_path: Path,
) -> None:
    store = made(tmp_path, some(5))
    log = tmp_path / f"{FILE}-wal"
    assert not log.exists()
    with newest(store) as old:
        for number in range(3):
            commit(store, some(5, start=5 * number))
            same(content(old), expected(some(5)), f"behind by {number + 1}")
        assert log.stat().st_size
        with newest(store) as new:
            same(content(new), expected(some(15)), "the newest one")
    commit(store, some(1))
    assert not log.exists()
    with newest(store) as snapshot:
        same(content(snapshot), expected(some(15)), "in the end")


def test_a_store_can_be_read_where_nothing_can_be_written() -> None:
    if not hasattr(os, "geteuid") or os.geteuid():
        pytest.skip("gives its rights away, which only root can")
    code = """
import os, sys
from pathlib import Path
from assay.corpora.storage.sqlite_store import SqliteStore
from assay.pipeline.errors import CorpusError
os.setgid(65534); os.setuid(65534)
store = SqliteStore(Path(sys.argv[1]))
snapshot = store.snapshot()
print(snapshot.generation, snapshot.size(), snapshot.document("local", "d00001").id)
try:
    with store.updating(): pass
except CorpusError as error:
    print(error, flush=True)
sys.stdin.readline()
try:
    snapshot.vocabulary("local")
except CorpusError as error:
    print(error)
"""
    folder = Path(tempfile.mkdtemp())
    try:
        made(folder, some(2))
        folder.chmod(0o555)
        with other_process(code, str(folder)) as process:
            assert process.stdin is not None and process.stdout is not None
            assert process.stdout.readline() == "1 5 d00001\n"
            refusal = process.stdout.readline()
            assert "cannot be read or written" in refusal and "that you may write" in refusal
            assert [item.name for item in folder.iterdir()] == [FILE]
            commit(SqliteStore(folder), some(2, start=5))
            changed, _ = process.communicate("go on\n")
            assert "was indexed again while it was open" in changed
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_disk_that_is_full_is_told_and_what_was_committed_stays(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    code = """
import resource, sys
from pathlib import Path
from assay.corpora.storage import sqlite_opening
from assay.corpora.storage.sqlite_store import SqliteStore
from assay.pipeline.errors import CorpusError, UsageError
from tests.conformance.store_subject import entry, put
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
store = SqliteStore(Path(sys.argv[1]))
for kilobytes in (100_000, 100):  # at the commit, and while documents are put
    sqlite_opening.WRITER_CACHE_KIB = kilobytes
    with store.updating() as update:
        try:
            for number in range(5):
                put(update, entry(f"new {number}", "word " * 40_000, str(number)))
            print("all were put")
            update.commit(settings={}, indexes={})
        except CorpusError as error:
            print(error)
        try:
            update.commit(settings={}, indexes={})
        except UsageError as error:
            print(error)
"""
    store = made(tmp_path, some(20))
    room = (tmp_path / FILE).stat().st_size + 300_000
    with other_process(code, str(tmp_path), str(room)) as process:
        told, _ = process.communicate()
    lines = told.splitlines()
    assert len(lines) == 5
    assert lines.pop(0) == "all were put"
    for refused, again in (lines[:2], lines[2:]):
        assert "cannot be read or written" in refused and "has room" in refused
        assert again == "this update cannot do that: it failed already; begin another one"
    with newest(store) as snapshot:
        same(content(snapshot), expected(some(20)), "after a full disk")
    commit(store, some(1, start=50))


def test_a_commit_that_failed_is_not_tried_again(tmp_path: Path) -> None:
    store = made(tmp_path, some(2))
    with store.updating() as update:
        put(update, *some(2, start=2))
        with pytest.raises(DataError, match="half a character"):
            update.commit(settings={"x": "\ud800"}, indexes={})
        with pytest.raises(UsageError, match="it failed already"):
            update.commit(settings={}, indexes={})
    with newest(store) as snapshot:
        same(content(snapshot), expected(some(2)), "after a commit that failed")


def test_closing_ends_the_reads_of_other_threads(tmp_path: Path) -> None:
    snapshot = made(tmp_path, some(50)).snapshot()
    reading = threading.Barrier(9)

    def read() -> str:
        reading.wait()
        try:
            while True:
                same(content(snapshot), WANTED, "until it is closed")
        except CorpusError as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read) for _ in range(8)]
        reading.wait()
        snapshot.close()
    for reader in readers:
        assert "was closed: take a new snapshot" in reader.result()


def test_nothing_is_left_of_documents_that_were_removed(tmp_path: Path) -> None:
    store = made(tmp_path, [])
    with store.updating() as update:
        put(update, *some(5), entry("w", "Shared.", whole=True, tenant="other"))
        update.remove("local", "d00003")
        update.commit(settings={}, indexes={"other": {"bm25": IndexPlace("f", "s", "p")}})
    commit(store, some(3), gone=[("local", "d00004"), ("other", "w")])
    commit(store, gone=[("local", f"d{number:05d}") for number in range(3)])
    with newest(store) as snapshot:
        assert snapshot.root == empty_root()
    with closing(sqlite3.connect(tmp_path / FILE)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master") if name]
        lines = {
            name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in tables
            if not name.startswith(("documents_by", "sqlite_"))
        }
    assert lines.pop("store") == 1
    assert len(lines) == 7 and not any(lines.values())


# -- work follows what changes ---------------------------------------------------------


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Counts thousands of steps of SQLite's virtual machine since it was asked last."""
    count = 0

    def stepped() -> int:
        nonlocal count
        count += 1
        return 0

    opened = sqlite_opening.connect

    def connect(folder: Path, mode: Any) -> sqlite3.Connection:
        connection = opened(folder, mode)
        connection.set_progress_handler(stepped, 10)
        return connection

    monkeypatch.setattr(sqlite_opening, "connect", connect)

    def since() -> int:
        nonlocal count
        found, count = count, 0
        return found

    return since


def test_work_does_not_grow_with_what_the_store_holds(
    steps: Callable[[], int], tmp_path: Path
) -> None:
    work: dict[str, list[int]] = {"open": [], "update": [], "read": []}
    for size in (100, 1000):
        store = made(tmp_path / str(size), [])
        for start in range(0, size, 100):
            # Each hundred has its own shared text, so that groups of equal ones do not grow.
            texts = [f"{number}" for number in range(start, start + 100)]
            commit(store, [entry(f"d{one}", f"Own {one}.", f"Shared {start}.") for one in texts])
        steps()
        with newest(store) as snapshot:
            work["open"].append(steps())
            rows = snapshot.near("local", "d7", 0, 1)
            snapshot.passages(rows, Scope("local"))
            snapshot.find("local", ["d9#0", "d99#1", "none#0"])
            work["read"].append(steps())
        with store.updating() as update:
            update.remove("local", "d3")
            put(update, entry("d7", "Other.", "Shared 0."), entry("new", "New.", "Shared 0."))
            update.changes("local")
            update.commit(settings={}, indexes={})
        work["update"].append(steps())
    for what, (small, large) in work.items():
        assert large <= small * 1.5 + 5, f"{what}: {small} at first, {large} then"


# -- the two stores agree --------------------------------------------------------------


def root_after(store: SqliteStore | MemoryStore, updates: list[list[Step]]) -> str:
    for steps in updates:
        with store.updating() as update:
            for step in steps:
                if isinstance(step, Entry):
                    put(update, step)
                else:
                    update.remove(*step)
            update.commit(settings={}, indexes={})
    with newest(store) as snapshot:
        return snapshot.root


@given(st.integers(0, 10**9))
@settings(max_examples=8)
def test_both_stores_have_the_same_root_and_rows(seed: int) -> None:
    updates = histories(random.Random(seed))
    with tempfile.TemporaryDirectory() as folder:
        stores = (SqliteStore(Path(folder)), MemoryStore())
        roots = {root_after(store, updates) for store in stores}
        tables = []
        for store in stores:
            with newest(store) as snapshot:
                columns = [snapshot.table(name) for name in snapshot.tenants()]
                tables.append(
                    [(t.rows.tolist(), t.documents.tolist(), t.indexed.tolist()) for t in columns]
                )
    assert len(roots) == 1
    assert tables[0] == tables[1]


@given(st.integers(0, 10**9))
@settings(max_examples=25)
def test_any_history_in_memory_ends_as_a_fresh_store(seed: int) -> None:
    lives(StoreSubject(MemoryStore), histories(random.Random(seed)), f"seed {seed}")
