"""Both stores keep what stores promise, agree with one another, and the kit's checks can fail."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.corpora.storage.memory_store import MemoryStore
from assay.corpora.storage.sqlite_store import SqliteStore
from assay.corpora.storage.store import Store
from tests.conformance.store import CHECKS, check_store
from tests.conformance.store_subject import StoreSubject
from tests.corpora.storage.broken_stores import BROKEN, break_store

Make = Callable[[], Store]


@pytest.fixture(params=["sqlite", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    numbers = itertools.count()
    makers: dict[str, Make] = {
        "sqlite": lambda: SqliteStore(tmp_path / str(next(numbers))),
        "memory": MemoryStore,
    }
    return makers[request.param]


@pytest.mark.parametrize("check", CHECKS)
def test_a_store_keeps_the_promise(check: str, make: Make) -> None:
    CHECKS[check](StoreSubject(make))


def test_one_call_runs_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    make = break_store("a_new_store_is_empty", monkeypatch)
    with pytest.raises(AssertionError, match="a new store tells of"):
        check_store(make)


@pytest.mark.parametrize("name", BROKEN)
def test_a_check_notices_a_store_that_breaks_its_promise(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = break_store(name, monkeypatch)
    with pytest.raises(AssertionError):
        CHECKS[name.strip()](StoreSubject(make))


def test_every_check_is_seen_to_notice() -> None:
    assert {name.strip() for name in BROKEN} == set(CHECKS)
