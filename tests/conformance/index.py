"""A conformance kit for indexes: what every kind promises, as checks.

For authors of plug-ins, too::

    check_index(
        IndexSubject(name="mine", make=..., item=..., asked=..., scores=...), folder=tmp_path
    )

A check that does not hold raises ``AssertionError`` with a sentence; no test framework is needed.
"""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from assay.corpora.indexes.index import Found, Rows, Searcher
from tests.conformance.index_damage import damage_is_told
from tests.conformance.index_subject import (
    History,
    IndexSubject,
    contents,
    filled,
    none,
    opened,
    queries,
    right,
    same,
    share,
    well_formed,
)
from tests.conformance.model_subject import is_fingerprint
from tests.conformance.subject import SEED, demand

Item = TypeVar("Item")
Asked = TypeVar("Asked")

HUGE = 10**9


def check_index(subject: IndexSubject[Any, Any], *, folder: Path) -> None:
    """Prove that an index keeps what indexes promise; see ``CHECKS``.

    Args:
        subject: the kind of index, with makers of items and queries.
        folder: an empty folder to work in.

    Raises:
        AssertionError: at the first promise that is not kept, with a sentence.
    """
    for name, check in CHECKS.items():
        place = folder / name
        place.mkdir()
        check(subject, place)


def a_fresh_index_finds_what_brute_force_finds(
    subject: IndexSubject[Item, Asked], folder: Path
) -> None:
    """The best k, with all ties, for k below, at and far above the number of rows."""
    rng, history = filled(subject, folder)
    with opened(history) as searcher:
        demand(searcher.size == subject.rows, f"{subject.name}: size {searcher.size}")
        _compare(history, searcher, rng, ks=(1, 3, 10, subject.rows, HUGE))


def allowed_rows_are_exact(subject: IndexSubject[Item, Asked], folder: Path) -> None:
    """A search over some rows is the search over those alone, whatever their number."""
    rng, history = filled(subject, folder)
    live = np.array(sorted(history.live))
    beyond = np.arange(live.max() + 1, live.max() + 4)
    with opened(history) as searcher:
        for count in (0, 1, 3, subject.rows // 3, subject.rows - 1, subject.rows):
            allowed = np.sort(rng.choice(live, count, replace=False))
            _compare(history, searcher, rng, ks=(1, 5, HUGE), allowed=allowed)
            more = np.concatenate([allowed, beyond])
            _compare(history, searcher, rng, ks=(3,), allowed=more)


def ties_are_complete_and_in_order(subject: IndexSubject[Item, Asked], folder: Path) -> None:
    """Many rows with the same item: all that tie with the last come, in rising order."""
    rng = np.random.default_rng(SEED)
    kinds = [subject.item(rng) for _ in range(3)]
    rows = np.cumsum(rng.integers(1, 4, subject.rows)).tolist()
    history = History(subject, folder)
    history.step([(row, kinds[int(rng.integers(3))]) for row in rows])
    some = np.array(rows[::2])
    with opened(history) as searcher:
        for allowed in (None, some, some[:7]):
            _compare(history, searcher, rng, ks=(1, 2, 5, subject.rows // 2), allowed=allowed)


def nothing_is_found_in_an_empty_index(subject: IndexSubject[Item, Asked], folder: Path) -> None:
    """No rows, and none left: no error, nothing found; then rows come and are found."""
    rng = np.random.default_rng(SEED)
    history = History(subject, folder)
    history.step([])
    for _ in range(2):
        with opened(history) as searcher:
            demand(searcher.size == 0, f"{subject.name}: size {searcher.size} when empty")
            for allowed in (None, none(), np.arange(5)):
                _compare(history, searcher, rng, ks=(1, HUGE), allowed=allowed)
        history.step(subject.items(rng, 5, start=history.highest))
        with opened(history) as searcher:
            demand(searcher.size == 5, f"{subject.name}: size {searcher.size}, 5 rows were added")
            _compare(history, searcher, rng, ks=(3, HUGE))
        history.step([], list(history.live))


def updates_lead_to_what_a_fresh_index_holds(
    subject: IndexSubject[Item, Asked], folder: Path
) -> None:
    """A chain of updates: brute force at each step; equal fingerprints mean equal results."""
    rng, history = filled(subject, folder)
    for number in range(8):
        removed = rng.choice(sorted(history.live), int(rng.integers(0, 4)), replace=False)
        added = subject.items(rng, int(rng.integers(0, 5)), start=history.highest)
        history.step(added, removed.tolist())
        other = History(subject, folder / f"fresh{number}")
        other.step(sorted(history.live.items(), key=lambda pair: pair[0]))
        with opened(history) as chained, opened(other) as fresh:
            demand(
                chained.size == fresh.size == len(history.live),
                f"{subject.name}: sizes {chained.size} and {fresh.size}",
            )
            state = np.random.default_rng([SEED, number])
            _compare(history, chained, state, ks=(3, HUGE))
            state = np.random.default_rng([SEED, number])
            _compare(other, fresh, state, ks=(3, HUGE))
            if chained.fingerprint() == fresh.fingerprint():
                _same_results(subject, chained, fresh, f"{subject.name}: updated and fresh")


def additions_may_come_in_parts(subject: IndexSubject[Item, Asked], folder: Path) -> None:
    """One update or many: where fingerprints are equal, results are."""
    rng = np.random.default_rng(SEED)
    items = subject.items(rng, subject.rows)
    whole, parts = History(subject, folder / "whole"), History(subject, folder / "parts")
    whole.step(items)
    for start in range(0, len(items), 12):
        parts.step(items[start : start + 12])
    with opened(whole) as one, opened(parts) as many:
        _compare(parts, many, rng, ks=(1, 5, HUGE))
        if one.fingerprint() == many.fingerprint():
            _same_results(subject, one, many, f"{subject.name}: at once and in parts")


def removed_rows_are_never_found(subject: IndexSubject[Item, Asked], folder: Path) -> None:
    """Not with k above the size, not when they are allowed, not after further updates."""
    rng, history = filled(subject, folder)
    removed: list[int] = []
    for _ in range(3):
        lost = rng.choice(sorted(history.live), max(1, len(history.live) // 12), replace=False)
        removed += lost.tolist()
        history.step(subject.items(rng, 2, start=history.highest), lost.tolist())
        with opened(history) as searcher:
            for asked in queries(subject, rng):
                for allowed in (None, np.array(sorted(removed))):
                    found = searcher.search(asked, HUGE, allowed=allowed)
                    again = sorted(set(found.rows.tolist()) & set(removed))
                    demand(not again, f"{subject.name}: removed rows are found: {again[:5]}")


def the_old_folder_stays_as_it_is(subject: IndexSubject[Item, Asked], folder: Path) -> None:
    """To the last bit, while the next ones are written and read; its searcher answers on."""
    rng, history = filled(subject, folder)
    old = history.folder
    with opened(history) as searcher:
        asked = queries(subject, rng)
        before, answers = contents(old), [searcher.search(one, 5) for one in asked]
        for _ in range(3):
            lost = rng.choice(sorted(history.live), 2, replace=False).tolist()
            history.step(subject.items(rng, 6, start=history.highest), lost)
            with opened(history) as newer:
                newer.search(asked[0], 5)
        after = contents(old)
        changed = sorted(name for name in before | after if before.get(name) != after.get(name))
        demand(not changed, f"{subject.name}: update changed {changed} of the old folder")
        for one, answer in zip(asked, answers, strict=True):
            same(searcher.search(one, 5), answer, f"{subject.name}: the old searcher")


def a_searcher_outlives_its_folder(subject: IndexSubject[Item, Asked], folder: Path) -> None:
    """What was opened answers as before when its files are deleted, and can be closed twice."""
    rng, history = filled(subject, folder)
    searcher = history.open()
    asked = queries(subject, rng)
    allowed = np.array(sorted(history.live))[::3]
    copy = folder / "copy"
    shutil.copytree(history.folder, copy)
    shutil.rmtree(history.folder)
    other = subject.make().open(copy)
    for one in asked:
        for chosen in (None, allowed):
            answer = other.search(one, 5, allowed=chosen)
            found = searcher.search(one, 5, allowed=chosen)
            same(found, answer, f"{subject.name}: after its folder was deleted")
    for opening in (searcher, other):
        opening.close()
        opening.close()


def threads_change_nothing(subject: IndexSubject[Item, Asked], folder: Path) -> None:
    """Eight threads that share a searcher find what one finds."""
    rng, history = filled(subject, folder)
    live = np.array(sorted(history.live))
    work: list[tuple[Asked, Rows | None]] = []
    for asked in queries(subject, rng) * 4:
        chosen = np.sort(rng.choice(live, subject.rows // 3, replace=False))
        work += [(asked, None), (asked, chosen)]
    with opened(history) as searcher:

        def search(job: tuple[Asked, Rows | None]) -> Found:
            return searcher.search(job[0], 5, allowed=job[1])

        alone = [search(job) for job in work]
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(search, work))
        for one, other in zip(alone, together, strict=True):
            same(one, other, f"{subject.name}: alone and among threads")


def settings_and_fingerprints_hold_still(subject: IndexSubject[Item, Asked], folder: Path) -> None:
    """Settings are JSON; two fresh folders of the same rows have one fingerprint, a sha256."""
    rng = np.random.default_rng(SEED)
    items = subject.items(rng, subject.rows)
    settings = dict(subject.make().settings())
    demand(
        json.loads(json.dumps(settings)) == settings == dict(subject.make().settings()),
        f"{subject.name}: settings are no JSON, or not the same twice: {settings}",
    )
    marks = []
    for name in ("one", "other"):
        history = History(subject, folder / name)
        history.step(items)
        with opened(history) as searcher:
            marks.append(searcher.fingerprint())
    demand(is_fingerprint(marks[0]), f"{subject.name}: {marks[0]!r} is no sha256 in hex")
    demand(marks[0] == marks[1], f"{subject.name}: two fresh indexes have two fingerprints")


Check = Callable[[IndexSubject[Any, Any], Path], None]


def _told(check: Check) -> Check:
    """The check, with whatever an index raises turned into a sentence."""

    @functools.wraps(check)
    def run(subject: IndexSubject[Any, Any], folder: Path) -> None:
        try:
            check(subject, folder)
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(
                f"{subject.name}, {check.__name__}: raised {type(error).__name__}: {error}"
            ) from error

    return run


CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        check.__name__: _told(check)
        for check in (
            a_fresh_index_finds_what_brute_force_finds,
            allowed_rows_are_exact,
            ties_are_complete_and_in_order,
            nothing_is_found_in_an_empty_index,
            updates_lead_to_what_a_fresh_index_holds,
            additions_may_come_in_parts,
            removed_rows_are_never_found,
            the_old_folder_stays_as_it_is,
            a_searcher_outlives_its_folder,
            threads_change_nothing,
            damage_is_told,
            settings_and_fingerprints_hold_still,
        )
    }
)
"""Every check by name."""


def _compare(
    history: History[Item, Asked],
    searcher: Searcher[Asked],
    rng: np.random.Generator,
    *,
    ks: tuple[int, ...],
    allowed: Rows | None = None,
) -> None:
    subject = history.subject
    shares: list[float] = []
    for asked in queries(subject, rng):
        expected = dict(history.expected(asked))
        if allowed is not None:
            rows = set(allowed.tolist())
            expected = {row: score for row, score in expected.items() if row in rows}
        for k in ks:
            limits = "all" if allowed is None else f"{len(allowed)} allowed"
            what = f"{subject.name}: best {k} of {limits} for {asked!r:.200}"
            found = searcher.search(asked, k, allowed=allowed)
            if searcher.exact:
                right(found, expected, k, subject.tolerance, what)
            else:
                well_formed(found, what)
                strange = [row for row in found.rows.tolist() if row not in expected]
                demand(not strange, f"{what}: rows {strange[:5]} cannot be found")
                shares.append(share(found, expected, k, subject.tolerance))
    if shares:
        mean = float(np.mean(shares))
        demand(
            mean >= subject.recall,
            f"{subject.name}: {mean:.3f} of the best were found, expected {subject.recall}",
        )


def _same_results(
    subject: IndexSubject[Item, Asked], one: Searcher[Asked], other: Searcher[Asked], what: str
) -> None:
    for asked in queries(subject, np.random.default_rng([SEED, 1])):
        for k in (1, 5, HUGE):
            same(one.search(asked, k), other.search(asked, k), what)
