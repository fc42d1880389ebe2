"""Files that are not a store, not one of this version, or not as they were written."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from assay.corpora.storage.sqlite_schema import FILE
from assay.corpora.storage.sqlite_store import SqliteStore
from assay.corpora.storage.store import Snapshot
from assay.pipeline.errors import CorpusError
from assay.pipeline.words import Scope
from tests.conformance.store_subject import (
    Content,
    commit,
    entry,
    expected,
    newest,
    put,
)
from tests.corpora.storage.samples import made, some


def rewrite(folder: Path, change: Callable[[bytes], bytes]) -> None:
    path = folder / FILE
    path.write_bytes(change(path.read_bytes()))


# -- where there is no store, or another one -------------------------------------------


def test_a_missing_store_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no index in .*'assay index PIPELINE --docs PATH'"):
        SqliteStore(tmp_path / "nowhere").snapshot()
    assert not SqliteStore(tmp_path / "nowhere").exists
    assert not (tmp_path / "nowhere").exists()


def test_an_empty_file_is_a_store_that_nothing_was_put_into(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    with pytest.raises(CorpusError, match="no index in"):
        SqliteStore(tmp_path).snapshot()
    assert commit(SqliteStore(tmp_path), some(1)) == 1
    assert SqliteStore(tmp_path).exists


@pytest.mark.parametrize("name", ["a b", "100%", "x?mode=memory", "a#b", "é日本", "q'u\"ote"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    store = made(tmp_path / name / "deep", some(1))
    assert [item.name for item in (tmp_path / name / "deep").iterdir()] == [FILE]
    with newest(store) as snapshot:
        assert snapshot.size() == 3


def both_refuse(folder: Path, *sentences: str) -> None:
    store = SqliteStore(folder)
    before = (folder / FILE).read_bytes()
    for call in (store.snapshot, lambda: commit(store, some(1))):
        with pytest.raises(CorpusError) as caught:
            call()
        for sentence in (*sentences, f"delete the folder '{folder}' and index again"):
            assert sentence in str(caught.value)
    assert (folder / FILE).read_bytes() == before


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    made(tmp_path, some(1))
    database = sqlite3.connect(tmp_path / FILE)
    database.execute("PRAGMA user_version = 77")
    database.close()
    both_refuse(tmp_path, "is of format 77, this version of assay reads 2")


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / FILE)
    database.execute("CREATE TABLE theirs (x)")
    database.close()
    both_refuse(tmp_path, "damaged", "of another program")


def test_a_text_file_in_its_place_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("Dear diary, " * 1000)
    both_refuse(tmp_path, "damaged", "not a database")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_was_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    made(tmp_path, some(50))
    rewrite(tmp_path, lambda whole: whole[: int(len(whole) * share)])
    both_refuse(tmp_path, "damaged")


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    for call in (SqliteStore(tmp_path).snapshot, lambda: commit(SqliteStore(tmp_path))):
        with pytest.raises(CorpusError, match="cannot be read or written"):
            call()


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CorpusError, match="cannot be made"):
        commit(SqliteStore(tmp_path / "file" / "index"))


# -- damage inside ---------------------------------------------------------------------

HELD = some(60)
WANTED = expected(HELD)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("sound")
    commit(made(folder, HELD[:30]), HELD[30:])
    return (folder / FILE).read_bytes()


def told(call: Callable[[], Any]) -> Any:
    """What a call gives; None where it says that the store is damaged. Nothing else may come."""
    try:
        return call()
    except CorpusError as error:
        if "delete the folder" not in str(error):
            raise AssertionError(f"no next step: {error}") from error
        return None


def texts_of(snapshot: Snapshot) -> Content:
    """Every text by itself, and the other reads: an error of one does not hide the others."""
    found = Content()
    for one in HELD:
        tenant, name = one.key
        document = told(partial(snapshot.document, tenant, name))
        if document is not None:
            found.documents[one.key] = document, 0, 0
        for row in told(partial(snapshot.find, tenant, [one.id for one in one.passages])) or []:
            for passage in told(partial(snapshot.passages, [row or 1], Scope(tenant))) or []:
                found.take(tenant, passage)
        told(partial(snapshot.near, tenant, name, 0, 9))
    for read in (snapshot.table, snapshot.roles, snapshot.vocabulary):
        told(partial(read, "local"))
    told(lambda: list(snapshot.documents("local")))
    for field in ("title", "kind"):
        told(lambda field=field: list(snapshot.column("local", field)))  # type: ignore[misc]
    return found


def update_all(store: SqliteStore, rng: random.Random) -> None:
    with store.updating() as update:
        update.digests("local")
        put(update, *some(3, start=58))
        update.remove("local", HELD[rng.randrange(50)].document.id)
        list(update.passages(update.changes("local").added))
        update.indexed("local")
        update.commit(settings={}, indexes={})


@pytest.mark.parametrize("seed", [*range(60), 1117, 1378, 1472])
def test_texts_of_a_damaged_file_are_refused_or_right(
    sound: bytes, seed: int, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    start = rng.randrange(len(sound))
    length = min(rng.choice([1, 16, 500, 8192, 30_000]), len(sound) - start)
    middle = rng.choice([bytes(length), b"\xff" * length, b"x" * length, rng.randbytes(length)])
    (tmp_path / FILE).write_bytes(sound[:start] + middle + sound[start + length :])
    store = SqliteStore(tmp_path)
    snapshot = told(store.snapshot)
    if snapshot is not None:
        with closing(snapshot):
            found = texts_of(snapshot)
        assert found.passages.items() <= WANTED.passages.items()
        for key, (document, _, _) in found.documents.items():
            assert document == WANTED.documents[key][0]
    told(lambda: update_all(store, rng))


# -- what SQLite itself does not notice ------------------------------------------------

ALTERED = {
    "UPDATE passages SET text = replace(text, 'Text', 'Test')": "passages",
    "UPDATE passages SET title = ''": "passages",
    "UPDATE passages SET start = start + 1": "passages",
    "UPDATE passages SET document = 3 - document": "passages",
    "DELETE FROM passages": "passages",
    "UPDATE documents SET roles = '[\"boss\"]'": "passages",
    "UPDATE documents SET tenant = 2, id = 'x' WHERE number = 1": "passages",
    "UPDATE documents SET metadata = '{}'": "document",
    "UPDATE documents SET date = '2024-02-30'": "document",
    "UPDATE sources SET text = upper(text)": "document",
    "DELETE FROM sources": "document",
    "UPDATE documents SET places = zeroblob(length(places))": "find",
    "UPDATE documents SET places = substr(places, 2)": "table",
    "UPDATE documents SET metadata = 'kind:{'": "column",
    "UPDATE store SET settings = '{\"x\": 1}'": "snapshot",
    "UPDATE store SET generation = generation + 1": "snapshot",
    "DELETE FROM store": "snapshot",
    "UPDATE tenants SET indexed = 'x'": "snapshot",
    "UPDATE documents SET places = 'x'": "table",
    "UPDATE store SET buckets = zeroblob(length(buckets))": "update",
    "UPDATE sources SET blocks = zeroblob(9)": "document",
    "UPDATE sources SET words = zeroblob(9)": "update",
    "UPDATE copies SET row = row + 1000": "update",
    "UPDATE copies SET position = 77": "update",
}


@pytest.mark.parametrize("statement", ALTERED)
def test_a_line_that_was_altered_is_told_when_it_is_read(statement: str, tmp_path: Path) -> None:
    held = [
        entry("a", "Text A.", "Shared.", metadata={"kind": 1}),
        entry("b", "Text B.", "Shared."),
    ]
    store = made(tmp_path, [*held, entry("a", "Text C.", tenant="other")])
    with newest(store) as snapshot:
        rows = snapshot.near("local", "a", 0, 1)
    database = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    database.execute(statement)
    database.close()

    def update() -> None:
        commit(store, [entry("c", "Shared.")], gone=[("local", "a")])

    def reading(what: Callable[[Snapshot], object]) -> Callable[[], object]:
        def read() -> object:
            with newest(store) as snapshot:
                return what(snapshot)

        return read

    reads: dict[str, Callable[[], object]] = {
        "snapshot": reading(lambda snapshot: None),
        "passages": reading(lambda snapshot: snapshot.passages(rows, Scope("local", ("boss",)))),
        "document": reading(lambda snapshot: snapshot.document("local", "a")),
        "find": reading(lambda snapshot: snapshot.find("local", ["a#0"])),
        "table": reading(lambda snapshot: snapshot.table("local")),
        "column": reading(lambda snapshot: list(snapshot.column("local", "title"))),
        "update": update,
    }
    with pytest.raises(CorpusError, match=r"delete the folder .* and index again"):
        reads[ALTERED[statement]]()
