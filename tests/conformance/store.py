"""A conformance kit for stores of passages: what every store promises, as checks.

For authors of plug-ins, too::

    from tests.conformance.store import check_store

    def test_my_store_keeps_the_promises(tmp_path: Path) -> None:
        numbers = itertools.count()
        check_store(lambda: MyStore(tmp_path / str(next(numbers))))

A check that does not hold raises ``AssertionError`` with a sentence; no test framework is needed.
``CHECKS`` holds the checks by name, each on its own.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

from assay.corpora.storage.store import Store, Update
from assay.pipeline.errors import CorpusError, DataError, UsageError
from tests.conformance.model_subject import refused, sentences
from tests.conformance.store_merging import (
    equal_passages_are_merged,
    history_leaves_nothing_behind,
    merged_passages_come_and_go,
    the_root_follows_the_content,
    untouched_tenants_do_not_change,
)
from tests.conformance.store_reading import (
    a_new_store_is_empty,
    documents_come_back_as_they_were,
    ids_and_neighbours_are_found,
    labels_keep_their_types,
    passages_look_at_the_scope,
    settings_and_indexes_are_kept,
    what_cannot_be_kept_is_refused,
    words_are_counted_by_tenant,
)
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
from tests.conformance.subject import demand

THREADS = 8
UPDATES = 12
"""Updates while threads read."""


def check_store(make: Callable[[], Store]) -> None:
    """Prove that a store keeps what stores promise; see ``CHECKS``.

    Args:
        make: gives a fresh store that nothing was put into, another one at each call.

    Raises:
        AssertionError: at the first promise that is not kept, with a sentence.
    """
    subject = StoreSubject(make)
    for check in CHECKS.values():
        check(subject)


def generations_become_visible_whole(subject: StoreSubject) -> None:
    """Nothing of an update is seen before its commit, all of it after; numbers rise by one."""
    store = subject.make()
    entries: dict[tuple[str, str], Entry] = {}
    for number in range(1, 5):
        before = expected(entries.values())
        some = [entry(f"d{number % 3}", f"Text {number}.", "Same."), entry("x", f"X {number}.")]
        with store.updating() as update:
            put(update, *some)
            if number > 1:
                with newest(store) as snapshot:
                    same(content(snapshot), before, f"{subject.name}, while {number} is put")
            update.changes("local")
            made = update.commit(settings={"number": number}, indexes={})
            demand(made == number, f"{subject.name}: generation {made}, expected {number}")
            entries |= {one.key: one for one in some}
            with newest(store) as snapshot:
                what = f"{subject.name}, when {number} was committed"
                same(content(snapshot), expected(entries.values()), what)
                demand(snapshot.generation == number, f"{what}: it is {snapshot.generation}")
    demand(commit(store) == 5, f"{subject.name}: an update without documents is a generation, too")


def old_generations_stay_as_they_are(subject: StoreSubject) -> None:
    """Snapshots of several generations, open at once, each tell their own to the end."""
    store = subject.make()
    entries: dict[tuple[str, str], Entry] = {}
    opened = []
    for number in range(5):
        names = [f"d{(number + step) % 4}" for step in range(3)]
        some = [entry(name, f"{name} of {number}.", "Shared.", str(number)) for name in names]
        gone = [("local", f"d{number - 2}")] if number > 2 else []
        gone = [key for key in gone if key in entries and key[1] not in names]
        for key in gone:
            del entries[key]
        commit(store, some, gone=gone, settings={"number": number})
        entries |= {one.key: one for one in some}
        snapshot = store.snapshot()
        opened.append((snapshot, dict(entries), snapshot.root))
    for number, (snapshot, held, root) in enumerate(opened):
        what = f"{subject.name}, generation {number + 1} behind {len(opened)}"
        same(content(snapshot), expected(held.values()), what)
        numbers = (snapshot.generation, snapshot.settings, snapshot.root)
        demand(numbers == (number + 1, {"number": number}, root), f"{what}: {numbers}")
        snapshot.close()
        snapshot.close()  # twice is no error
        closed = functools.partial(snapshot.vocabulary, "local")
        refused(closed, CorpusError, f"{what}, closed", "closed")


def updates_without_commit_change_nothing(subject: StoreSubject) -> None:
    """Left without a commit, or by an error: the old generation, and the next update works."""
    kept = (entry("a", "Kept.", "Same."), entry("b", "Same."))
    store = subject.holding(*kept)

    def left(how: Callable[[Update], object]) -> None:
        with store.updating() as update:
            put(update, entry("a", "New."), entry("c", "Same.", tenant="other"))
            update.remove("local", "b")
            how(update)

    def fails(update: Update) -> None:
        update.changes("local")
        raise ZeroDivisionError("the kit's own")

    def refuses(update: Update) -> None:
        put(update, entry("a", "Twice."))

    ways: tuple[tuple[Callable[[Update], object], type[Exception] | None], ...] = (
        (lambda update: None, None),
        (lambda update: update.changes("local"), None),
        (fails, ZeroDivisionError),
        (refuses, DataError),
    )
    for how, kind in ways:
        if kind is None:
            left(how)
        else:
            refused(functools.partial(left, how), kind, f"{subject.name}: an error inside")
        with newest(store) as snapshot:
            same(
                content(snapshot), expected(kept), f"{subject.name}, after an update that was left"
            )
            demand(snapshot.generation == 1, f"{subject.name}: generation {snapshot.generation}")
    commit(store, [entry("a", "New.")])
    with newest(store) as snapshot:
        wanted = expected([entry("a", "New."), kept[1]])
        same(content(snapshot), wanted, f"{subject.name}, after updates that were left")


def one_writer_at_a_time(subject: StoreSubject) -> None:
    """A second writer, of this thread or another, is told at once; readers never wait."""
    store = subject.holding(entry("a", "Old."))

    def second() -> None:
        with store.updating():
            pass

    with store.updating() as update:
        for name in ("b", "c"):
            refused(second, CorpusError, f"{subject.name}, a second writer", "another index run")
            put(update, entry(name, "New."))
        with ThreadPoolExecutor(1) as pool, newest(store) as snapshot:
            what = f"{subject.name}, a second writer in another thread"
            pool.submit(refused, second, CorpusError, what, "another index run").result()
            size = pool.submit(snapshot.size).result()
            demand(size == 1, f"{subject.name}: size {size} while another thread writes")
        update.commit(settings={}, indexes={})
    second()


def updates_have_an_order(subject: StoreSubject) -> None:
    """Puts before changes, changes before the commit, one commit; a document once."""
    store = subject.make()
    one = entry("a", "One.")
    with store.updating() as update:
        put(update, one)
        refused(lambda: put(update, one), DataError, f"{subject.name}, put twice", "'a'")
        refused(
            lambda: put(update, entry("a", "x")), DataError, f"{subject.name}, put twice", "'a'"
        )
        put(update, entry("a", "One.", tenant="other"))
        update.changes("local")
        refused(lambda: put(update, entry("b", "x")), UsageError, f"{subject.name}, put late")
        refused(lambda: update.remove("local", "a"), UsageError, f"{subject.name}, removed late")
        update.commit(settings={}, indexes={})
        refused(lambda: update.commit(settings={}, indexes={}), UsageError, "a second commit")
    with store.updating() as update:
        left = update
    for call in (
        lambda: put(left, one),
        lambda: left.changes("local"),
        lambda: left.remove("local", "a"),
        lambda: left.commit(settings={}, indexes={}),
    ):
        refused(call, UsageError, f"{subject.name}, an update after its block")


def ids_are_unique_within_a_tenant(subject: StoreSubject) -> None:
    """A passage's id is nobody else's, whatever was put first; across tenants ids are free."""
    cut = entry("a", *(f"Part {number}." for number in range(11)))
    free = (entry("a#11", "x", whole=True), entry("a#09", "x", whole=True), entry("a#9", "x"))
    clashes = [entry(f"a#{number}", "Whole.", whole=True) for number in (0, 9, 10)]
    for first, other in (pair for one in clashes for pair in ((cut, one), (one, cut))):
        taken = max(first.document.id, other.document.id)
        store = subject.make()
        with store.updating() as update:
            put(update, first)
            what = f"{subject.name}: '{other.document.id}' after '{first.document.id}'"
            refused(functools.partial(put, update, other), DataError, what, taken)
            put(update, entry(other.document.id, "x", tenant="other", whole=other.document.whole))
            put(update, *(one for one in free[:2]))
            update.commit(settings={}, indexes={})
        with store.updating() as update:
            refused(functools.partial(put, update, other), DataError, what, taken)
            update.remove("local", first.document.id)
            put(update, other)
            update.commit(settings={}, indexes={})
        with newest(store) as snapshot:
            (row,) = snapshot.find("local", [taken])
            demand(row is not None, f"{what}: nothing is called '{taken}'")
    store = subject.holding(cut, free[2])
    with newest(store) as snapshot:
        same(content(snapshot), expected([cut, free[2]]), f"{subject.name}, ids alike")


def threads_read_while_a_writer_updates(subject: StoreSubject) -> None:
    """Eight threads that share a snapshot, and open new ones, find whole generations only."""

    def held(number: int) -> list[Entry]:
        names = [f"d{(number + step) % 7}" for step in range(4)]
        return [entry(name, f"{name} of {number}.", "Shared.", str(number)) for name in names]

    wanted = [expected(held(number)) for number in range(UPDATES + 1)]
    store = subject.holding(*held(0))
    shared = store.snapshot()
    done = threading.Event()

    def read() -> None:
        is_last = False
        while not is_last:
            is_last = done.is_set()
            same(content(shared), wanted[0], f"{subject.name}, the shared snapshot")
            with newest(store) as own:
                number = own.generation - 1
                same(content(own), wanted[number], f"{subject.name}, generation {number + 1}")

    with ThreadPoolExecutor(THREADS) as pool:
        readers = [pool.submit(read) for _ in range(THREADS)]
        try:
            for number in range(1, UPDATES + 1):
                names = {one.key for one in held(number)}
                gone = [one.key for one in held(number - 1) if one.key not in names]
                commit(store, held(number), gone=gone)
        finally:
            done.set()
    for reader in readers:
        reader.result()
    shared.close()


CHECKS: Mapping[str, Callable[[StoreSubject], None]] = MappingProxyType(
    sentences(
        a_new_store_is_empty,
        generations_become_visible_whole,
        old_generations_stay_as_they_are,
        updates_without_commit_change_nothing,
        one_writer_at_a_time,
        updates_have_an_order,
        ids_are_unique_within_a_tenant,
        documents_come_back_as_they_were,
        what_cannot_be_kept_is_refused,
        passages_look_at_the_scope,
        labels_keep_their_types,
        ids_and_neighbours_are_found,
        words_are_counted_by_tenant,
        equal_passages_are_merged,
        merged_passages_come_and_go,
        untouched_tenants_do_not_change,
        history_leaves_nothing_behind,
        the_root_follows_the_content,
        settings_and_indexes_are_kept,
        threads_read_while_a_writer_updates,
    )
)
"""Every check by name."""
