"""The cache of node outputs: what a key holds, what a file survives, what leaves first."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from assay.pipeline import Config, Query, Scope
from assay.pipeline.cache import (
    ROW_BYTES,
    Cache,
    CacheDamaged,
    ComponentStats,
    cache_key,
    default_cache_path,
    key_parts,
)
from assay.pipeline.errors import UsageError, WorldError
from assay.pipeline.value_codec import NotEncodable, encode
from assay.pipeline.words import Abstention, AbstentionReason


class Settings(Config):
    weight: float = 0.1
    template: str = "caf\u00e9"
    hidden: int = Field(default=1, exclude=True)


BASE: dict[str, Any] = {
    "component": "toys.slow@1",
    "code": "c" * 64,
    "config": Settings(),
    "resources": {"model": "a" * 64, "corpus": "b" * 64},
    "inputs": {"query": Query("when does it close", Scope("acme", ("audit",)))},
    "scope": Scope("acme", ("audit",)),
    "seed": 0,
}


def key(**changes: Any) -> str:
    return cache_key(key_parts(**{**BASE, **changes}))


def asked(text: str = "when does it close", scope: Scope = BASE["scope"]) -> dict[str, Query]:
    return {"query": Query(text, scope)}


def test_the_same_parts_give_the_same_key() -> None:
    again = key(
        config=Settings(),
        resources={"corpus": "b" * 64, "model": "a" * 64},
        inputs={"query": dataclasses.replace(BASE["inputs"]["query"])},
    )
    assert again == key()
    assert key(config={"b": 1, "a": {"d": 1, "c": 2}}) == key(
        config={"a": {"c": 2, "d": 1}, "b": 1}
    )


@pytest.mark.parametrize(
    "change",
    [
        {"scope": Scope("other", ("audit",))},
        {"scope": Scope("acme", ("audit", "board"))},
        {"scope": Scope("acme", ())},
        {"inputs": asked(scope=Scope("other", ("audit",)))},
        {"inputs": asked(scope=Scope("acme", ("board",)))},
        {"inputs": asked("when does it open")},
        {"inputs": {"question": BASE["inputs"]["query"]}},
        {"inputs": {}},
        {"config": Settings(weight=math.nextafter(0.1, 1))},
        {"config": Settings(template="cafe\u0301")},
        {"config": Settings(hidden=2)},
        {"resources": {"model": "b" * 64, "corpus": "a" * 64}},
        {"resources": {"model": "a" * 64}},
        {"component": "toys.slow@2"},
        {"code": "d" * 64},
        {"seed": 1},
    ],
    ids="-".join,
)
def test_a_change_of_one_thing_that_the_output_depends_on_changes_the_key(
    change: dict[str, Any],
) -> None:
    assert key(**change) != key()


def test_unicode_forms_of_one_question_have_keys_of_their_own() -> None:
    composed = unicodedata.normalize("NFC", "café")
    apart = unicodedata.normalize("NFD", "café")
    assert key(inputs=asked(composed)) != key(inputs=asked(apart))


def test_an_input_that_cannot_be_encoded_has_no_key() -> None:
    with pytest.raises(NotEncodable):
        key(inputs={"query": object()})
    with pytest.raises(NotEncodable):
        key(config={"secret": object()})


PARTS = st.dictionaries(
    st.text("ab", max_size=3), st.text("ab", max_size=3) | st.binary(max_size=3), max_size=3
)


@given(PARTS, PARTS)
def test_two_sets_of_parts_share_a_key_only_if_they_are_the_same(
    one: dict[str, str | bytes], other: dict[str, str | bytes]
) -> None:
    assert (cache_key(one) == cache_key(other)) == (one == other)


def test_parts_do_not_run_into_one_another() -> None:
    sets: list[dict[str, str | bytes]] = [
        {"a": "bc"}, {"ab": "c"}, {"abc": ""}, {"a": "b", "c": ""}, {"a": "", "b": "c"},
        {"a": b"bc"}, {}, {"": ""}, {"a": "b\0c"}, {"a\0b": "c"},
    ]  # fmt: skip
    assert len({cache_key(one) for one in sets}) == len(sets)


@pytest.fixture
def cache(tmp_path: Path) -> Any:
    with Cache(tmp_path / "c" / "nodes.sqlite") as made:
        yield made


def put(cache: Cache, name: str, value: bytes = b"[]", component: str = "toys.a@1") -> bool:
    return cache.put(name, value, component=component, parts={"component": component})


def test_what_was_put_is_found_also_by_the_next_process(cache: Cache) -> None:
    assert cache.get("k") is None
    assert put(cache, "k", b"\x00\xff value")
    assert cache.get("k") == b"\x00\xff value"
    cache.close()
    with Cache(cache.path) as again:
        assert again.get("k") == b"\x00\xff value"


def test_the_first_value_of_a_key_stays(cache: Cache) -> None:
    put(cache, "k", b"1")
    put(cache, "k", b"22")
    assert cache.get("k") == b"1"
    assert cache.stats().total.entries == 1


def test_figures_are_kept_by_component_and_outlive_the_process(cache: Cache) -> None:
    cache.get("a", component="toys.a@1")
    put(cache, "a", b"12345")
    put(cache, "b", b"1", component="toys.b@1")
    for _ in range(3):
        cache.get("a", component="toys.a@1")
    cache.get("c", component="toys.b@1")
    cache.get("d")
    cache.close()
    with Cache(cache.path) as again:
        again.get("a")
        found = again.stats()
    parts = len(json.dumps({"component": "toys.a@1"}))
    assert found.components == {
        "": ComponentStats(0, 0, 0, 1),
        "toys.a@1": ComponentStats(1, 5 + parts + ROW_BYTES, 4, 1),
        "toys.b@1": ComponentStats(1, 1 + parts + ROW_BYTES, 0, 1),
    }
    assert found.total == ComponentStats(2, 6 + 2 * (parts + ROW_BYTES), 4, 3)


def test_the_parts_of_a_key_can_be_read_again_with_short_digests(cache: Cache) -> None:
    parts = key_parts(**BASE)
    cache.put(cache_key(parts), b"1", component="toys.slow@1", parts=parts)
    told = cache.explain(cache_key(parts))
    assert told is not None
    assert told["component"] == "toys.slow@1"
    assert told["resource:model"] == "a" * 16
    assert told["seed"] == "0"
    assert told.keys() == parts.keys()
    assert cache.explain("unknown") is None


def test_the_least_recently_used_entries_leave_first(tmp_path: Path) -> None:
    one = 1000 + len(json.dumps({"component": "toys.a@1"})) + ROW_BYTES
    with Cache(tmp_path / "c.sqlite", max_bytes=3 * one) as cache:
        for name in "abc":
            put(cache, name, b"x" * 1000)
        cache.get("a")
        put(cache, "d", b"x" * 1000)
        assert [name for name in "abcd" if cache.explain(name)] == ["a", "c", "d"]
        put(cache, "big", b"x" * (one + 500))
        assert [name for name in ("a", "c", "d", "big") if cache.explain(name)] == ["d", "big"]
        assert cache.stats().total.bytes <= 3 * one


@given(sizes=st.lists(st.integers(0, 3000), max_size=12), bound=st.integers(1, 4000))
def test_no_sequence_of_puts_exceeds_the_bound(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], bound: int
) -> None:
    path = tmp_path_factory.mktemp("cache") / "c.sqlite"
    with Cache(path, max_bytes=bound) as cache:
        for place, size in enumerate(sizes):
            kept = put(cache, f"k{place}", b"x" * size)
            assert (cache.get(f"k{place}") is not None) == kept
            assert cache.stats().total.bytes <= bound


def test_the_file_stays_near_its_bound(tmp_path: Path) -> None:
    with Cache(tmp_path / "c.sqlite", max_bytes=200_000) as cache:
        for place in range(200):
            put(cache, f"k{place}", os.urandom(10_000))
    assert (tmp_path / "c.sqlite").stat().st_size < 400_000


def test_a_value_larger_than_the_cache_is_not_kept_and_pushes_nothing_out(tmp_path: Path) -> None:
    with Cache(tmp_path / "c.sqlite", max_bytes=2000) as cache:
        assert put(cache, "small")
        assert not put(cache, "large", b"x" * 2000)
        assert cache.get("small") == b"[]"
    with pytest.raises(UsageError, match="max_bytes"):
        Cache(tmp_path / "c.sqlite", max_bytes=0)


def test_an_abstention_is_refused(cache: Cache) -> None:
    value = encode(Abstention("gate", AbstentionReason.NO_EVIDENCE, "nothing"))
    with pytest.raises(UsageError, match="never cached"):
        put(cache, "k", value)
    assert cache.get("k") is None


def test_clearing_one_component_leaves_the_others(cache: Cache) -> None:
    for place in range(450):
        put(cache, f"a{place}", component="toys.a@1")
    put(cache, "b", component="toys.b@1")
    assert cache.clear("toys.a@1") == 450
    assert cache.get("b") == b"[]"
    assert cache.get("a1") is None
    assert set(cache.stats().components) == {"", "toys.b@1"}
    assert cache.clear() == 1
    assert cache.stats().components == {}


def test_clearing_gives_the_space_back(cache: Cache) -> None:
    for place in range(20):
        put(cache, f"k{place}", os.urandom(100_000))
    cache.clear()
    cache.close()
    assert cache.path.stat().st_size < 200_000


def test_only_the_owner_can_read_the_file(cache: Cache) -> None:
    put(cache, "k")
    for file in cache.path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0


def test_a_closed_cache_says_so(cache: Cache) -> None:
    put(cache, "k")
    cache.close()
    with pytest.raises(UsageError, match="was closed"):
        cache.get("k")


def test_threads_share_one_cache(cache: Cache) -> None:
    wrong: list[str] = []

    def work(number: int) -> None:
        for place in range(30):
            name = f"k{(number + place) % 40}"
            found = cache.get(name, component="toys.a@1")
            if found not in (None, name.encode()):
                wrong.append(name)
            put(cache, name, name.encode())

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = cache.stats().total
    assert not wrong
    assert total.entries == 37
    assert total.hits + total.misses == 240


WRITER = """
import sys, time
from pathlib import Path
from assay.pipeline.cache import Cache
path, first, last, repeat = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "repeat"
cache = Cache(path, max_bytes=20_000_000)
print("ready", flush=True)
sys.stdin.readline()
while True:
    for place in range(first, last):
        value = f"{place}:".encode() * 2000
        found = cache.get(f"k{place}", component="toys.a@1")
        assert found in (None, value), place
        cache.put(f"k{place}", value, component="toys.a@1", parts={"place": str(place)})
    if not repeat:
        break
    cache.clear()
cache.close()
"""


def writer(path: Path, first: int, last: int, mode: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(first), str(last), mode],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_processes_that_write_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    writers = [writer(path, first, first + 150, "once") for first in (0, 100, 100)]
    for one in writers:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    # All begin together, on a file that none of them has made yet.
    assert not path.exists()
    for one in writers:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    for one in writers:
        _, errors = one.communicate(timeout=120)
        assert one.returncode == 0, errors
    with Cache(path) as cache:
        total = cache.stats().total
        assert total.entries == 250
        assert total.hits + total.misses == 450
        for place in range(250):
            assert cache.get(f"k{place}") == f"{place}:".encode() * 2000


def test_a_process_killed_while_it_writes_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    for pause in (0.05, 0.15, 0.3):
        one = writer(path, 0, 60, "repeat")
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
        limit = time.monotonic() + 60
        while not path.exists() and time.monotonic() < limit:
            time.sleep(0.01)
        time.sleep(pause)
        one.send_signal(signal.SIGKILL)
        one.communicate(timeout=60)
        assert one.returncode == -signal.SIGKILL
        with Cache(path) as cache:
            entries = cache.stats().total.entries
            found = [cache.get(f"k{place}") for place in range(60)]
        kept = [value for value in found if value is not None]
        assert len(kept) == entries
        assert all(
            value == f"{place}:".encode() * 2000 for place, value in enumerate(found) if value
        )
        database = sqlite3.connect(path)
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        database.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_uses_a_connection_of_its_own(cache: Cache) -> None:
    put(cache, "parent")
    inherited = cache._file._connection()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            put(cache, "child", b"from the child")
            own = cache._file._connection() is not inherited
            code = 0 if own and cache.get("parent") == b"[]" else 2
            cache.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert cache.get("child") == b"from the child"
    assert put(cache, "later")


def filled(path: Path) -> None:
    with Cache(path) as cache:
        for place in range(20):
            put(cache, f"k{place}", os.urandom(20_000))


def truncate(path: Path, size: int) -> None:
    with path.open("rb+") as file:
        file.truncate(size)


@pytest.mark.parametrize("size", [10, 50, 100, 5000, 200_000])
def test_a_truncated_file_is_one_clear_error_and_clear_mends_it(tmp_path: Path, size: int) -> None:
    path = tmp_path / "c.sqlite"
    filled(path)
    truncate(path, size)
    for use in (
        lambda cache: cache.get("k1"),
        lambda cache: put(cache, "new"),
        lambda cache: cache.stats(),
        lambda cache: cache.clear("toys.a@1"),
    ):
        cache = Cache(path)
        with pytest.raises(CacheDamaged, match=r"is damaged .*assay cache clear --path"):
            use(cache)
        cache._file.close()
    with Cache(path) as cache:
        assert cache.clear() == 0
        assert cache.get("k1") is None
        assert put(cache, "k1")
        assert cache.get("k1") == b"[]"


def test_an_empty_file_is_an_empty_cache(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    path.touch()
    with Cache(path) as cache:
        assert cache.get("k") is None


def test_a_file_of_rubbish_is_damaged_and_can_be_cleared(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    path.write_bytes(os.urandom(5000))
    with pytest.raises(WorldError, match="assay cache clear"):
        Cache(path).get("k")
    with Cache(path) as cache:
        cache.clear()
        assert put(cache, "k")


def test_a_value_that_was_altered_on_the_disk_is_never_returned(cache: Cache) -> None:
    put(cache, "k", b"the office closes at six")
    cache.close()
    database = sqlite3.connect(cache.path)
    with database:
        database.execute("UPDATE contents SET value = ?", (b"the office closes at ten",))
    database.close()
    with Cache(cache.path) as again, pytest.raises(CacheDamaged, match="was altered"):
        again.get("k")


def test_files_of_others_are_neither_used_nor_deleted(tmp_path: Path) -> None:
    path = tmp_path / "photos.sqlite"
    database = sqlite3.connect(path)
    with database:
        database.execute("CREATE TABLE photos (name TEXT)")
    database.close()
    before = path.read_bytes()
    uses: tuple[Callable[[Cache], object], ...] = (
        lambda one: one.get("k"),
        lambda one: one.clear(),
    )
    for use in uses:
        with pytest.raises(WorldError, match="another program's database"):
            use(Cache(path))
    assert path.read_bytes() == before
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("years of work" * 100)
    with pytest.raises(WorldError, match="does not look like a cache"):
        Cache(thesis).clear()
    assert thesis.exists()


def test_a_path_that_cannot_be_made_names_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "c.sqlite", tmp_path):
        with pytest.raises(WorldError, match="ASSAY_CACHE"):
            Cache(path).get("k")


def test_a_reader_does_not_wait_for_a_writer(cache: Cache) -> None:
    put(cache, "k")
    other = sqlite3.connect(cache.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        for _ in range(600):  # more than are noted before they are written
            assert cache.get("k") == b"[]"
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert cache.stats().components["toys.a@1"].hits == 600


def test_the_file_lies_where_the_platform_keeps_caches() -> None:
    home = Path("~").expanduser()
    assert default_cache_path({"ASSAY_CACHE": "/x/y.sqlite"}, "linux") == Path("/x/y.sqlite")
    assert default_cache_path({"XDG_CACHE_HOME": "/c"}, "linux") == Path("/c/assay/nodes.sqlite")
    assert default_cache_path({}, "linux") == home / ".cache" / "assay" / "nodes.sqlite"
    assert default_cache_path({}, "darwin") == home / "Library/Caches/assay/nodes.sqlite"
    windows = default_cache_path({"LOCALAPPDATA": "/l"}, "win32")
    assert windows == Path("/l/assay/Cache/nodes.sqlite")


def test_the_core_does_not_load_sqlite() -> None:
    code = "import sys, assay.pipeline; print('sqlite3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
