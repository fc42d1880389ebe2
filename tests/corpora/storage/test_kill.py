"""Kill -9 at any moment of an update leaves the old generation or the new one, and no mix."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from assay.corpora.storage.memory_store import MemoryStore
from assay.corpora.storage.sqlite_store import SqliteStore
from assay.pipeline.errors import CorpusError
from tests.conformance.store_subject import commit, content, expected, newest, same
from tests.corpora.storage import killed_writer
from tests.corpora.storage.killed_writer import held, update

KILLS = 100

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")


@contextmanager
def writer() -> Iterator[tuple[IO[str], IO[str]]]:
    script = killed_writer.__file__
    path = os.pathsep.join(one for one in sys.path if one)
    process = subprocess.Popen(
        [sys.executable, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    with process:
        assert process.stdin is not None and process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process.stdin, process.stdout
        finally:
            process.stdin.close()


def killed(orders: IO[str], told: IO[str], seconds: float, folder: Path) -> tuple[int, int]:
    """Let a child work and kill it; the last generation that it began and that it committed."""
    orders.write(f"{seconds:.4f} {folder}\n")
    orders.flush()
    last = {"begun": 0, "committed": 0}
    while (line := told.readline()) != "dead\n":
        word, number = line.split()
        last[word] = int(number)
    return last["begun"], last["committed"]


def test_a_hundred_kills_leave_one_generation_or_the_other(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    update(store, 1)
    rng = random.Random(20_240_501)
    interrupted = 0
    with writer() as (orders, told):
        for kill in range(KILLS):
            begun, committed = killed(orders, told, rng.uniform(0.001, 0.08), tmp_path)
            with newest(store) as snapshot:
                found = snapshot.generation
                what = f"kill {kill}, generation {found}"
                assert snapshot.settings == {"number": found}, what
                same(content(snapshot), expected(held(found)), what)
                root = snapshot.root
            # What was said to be committed is there; what was begun may be.
            assert found in {begun - 1, begun} and found >= committed, what
            interrupted += begun != committed
            fresh = MemoryStore()
            commit(fresh, held(found))
            with newest(fresh) as snapshot:
                assert snapshot.root == root, what
            update(store, found + 1)
    assert interrupted > KILLS / 2


def test_a_kill_while_the_store_is_made_leaves_none_or_a_whole_one(tmp_path: Path) -> None:
    rng = random.Random(3)
    with writer() as (orders, told):
        for kill in range(12):
            folder = tmp_path / str(kill)
            _, committed = killed(orders, told, rng.uniform(0.0, 0.1), folder)
            store = SqliteStore(folder)
            found = 0
            try:
                with newest(store) as snapshot:
                    found = snapshot.generation
                    same(content(snapshot), expected(held(found)), f"kill {kill}")
            except CorpusError:
                # Killed before anything was there, and not damaged.
                with pytest.raises(CorpusError, match="no index in"):
                    store.snapshot()
            assert found in {committed, committed + 1}
            update(store, found + 1)
