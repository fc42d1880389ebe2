"""Checks of merging, of changes told to indexes, and of what history may not leave behind."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date as Day

from assay.corpora.storage.store import Change, Store
from assay.pipeline.words import Scope
from tests.conformance.store_subject import (
    Entry,
    StoreSubject,
    commit,
    content,
    entry,
    expected,
    newest,
    same,
)
from tests.conformance.subject import demand

SHARED = "A sentence that several documents have."
SEQUENCES = 12
"""Random histories that are lived through."""

Step = Entry | tuple[str, str]
"""A put, or the tenant and id of a removal."""


def stands_for(store: Store, tenant: str = "local") -> dict[str, str]:
    """Each passage id with that of the passage that is indexed for it."""
    with newest(store) as snapshot:
        return {
            name: to for (own, name), to in content(snapshot).stands_for.items() if own == tenant
        }


def equal_passages_are_merged(subject: StoreSubject) -> None:
    """Same text but for white space, same tenant, roles and date; the smallest document's stands."""
    day = Day(2024, 1, 31)
    entries = (
        entry("large", "Own.", f"  {SHARED}\n", filling="." * 500),
        entry("b small", SHARED.replace(" ", "\n")),
        entry("a small", SHARED),
        entry("c twice", SHARED.replace(" ", " \t\n "), "x", SHARED, filling="." * 50),
        entry("other text", f"{SHARED}."),
        entry("case", SHARED.upper()),
        entry("dated", SHARED, date=day),
        entry("dated, large", SHARED, date=day, filling="." * 20),
        entry("closed", SHARED, roles=("a", "b")),
        entry("closed, large", SHARED, roles=("b", "a", "b"), filling="." * 20),
        entry("closed to a", SHARED, roles=("a",)),
        entry("whole", SHARED, whole=True),
        entry("whole too", SHARED, whole=True),
        entry("theirs", SHARED, tenant="other"),
    )
    sizes = {one.document.id: len(one.document.text) for one in entries}
    demand(sizes["a small"] == sizes["b small"], f"the kit's own sample is wrong: {sizes}")
    for order in (entries, entries[::-1]):
        store = subject.holding(*order)
        with newest(store) as snapshot:
            same(content(snapshot), expected(entries), f"{subject.name}, equal passages")
        found = stands_for(store)
        merged = {name for name, to in found.items() if to != name}
        wanted = {"large#1", "b small#0", "c twice#0", "c twice#2", "dated, large#0"}
        wanted.add("closed, large#0")
        demand(merged == wanted, f"{subject.name}: merged {sorted(merged)}, not {sorted(wanted)}")
        demand(
            {found[name] for name in ("large#1", "b small#0", "c twice#2")} == {"a small#0"},
            f"{subject.name}: of equally small documents the lower id stands for all: {found}",
        )


def merged_passages_come_and_go(subject: StoreSubject) -> None:
    """Who stands for all changes with puts and removals; who stands alone again has a new row."""
    store = subject.make()
    history = _History(subject, store)
    small, middle = entry("s", SHARED), entry("m", SHARED, "More.", filling="." * 40)
    large = entry("l", "Else.", SHARED, filling="." * 400)
    wanted: Sequence[tuple[Sequence[Step], dict[str, str], int, int]] = (
        ([middle], {"m#0": "m#0"}, 2, 0),
        ([large], {"m#0": "m#0", "l#1": "m#0"}, 1, 0),
        ([small], {"s#0": "s#0", "m#0": "s#0", "l#1": "s#0"}, 1, 1),
        ([("local", "s")], {"m#0": "m#0", "l#1": "m#0"}, 1, 1),
        ([("local", "m")], {"l#1": "l#1"}, 1, 2),
        ([middle], {"m#0": "m#0", "l#1": "m#0"}, 2, 1),
        ([entry("m", "Nothing shared.")], {"l#1": "l#1"}, 2, 2),
        ([small, ("local", "l")], {"s#0": "s#0"}, 1, 2),
        ([small, ("local", "s"), ("local", "m")], {}, 0, 2),
        ([small, large], {"s#0": "s#0", "l#1": "s#0"}, 2, 0),
        ([small], {"s#0": "s#0", "l#1": "s#0"}, 1, 1),
    )
    for number, (steps, stands, added, removed) in enumerate(wanted):
        change = history.live(steps)["local"]
        what = f"{subject.name}, step {number}"
        found = {
            name: to for name, to in stands_for(store).items() if name in ("s#0", "m#0", "l#1")
        }
        shared = {name: to for name, to in found.items() if name != "m#0" or "m#0" in stands}
        demand(shared == stands, f"{what}: {shared}, expected {stands}")
        counts = (len(change.added), len(change.removed))
        demand(counts == (added, removed), f"{what}: {counts} rows, expected {(added, removed)}")


def untouched_tenants_do_not_change(subject: StoreSubject) -> None:
    """An update tells of tenants that it touched, and of no others."""
    store = subject.holding(entry("a", SHARED), entry("a", SHARED, tenant="other"))
    with newest(store) as snapshot:
        before = snapshot.table("other").rows.tolist()
    with store.updating() as update:
        demand(not update.remove("none", "a"), f"{subject.name}: removed of no tenant")
        demand(not update.remove("local", "none"), f"{subject.name}: removed of no id")
        demand(list(update.touched()) == [], f"{subject.name}: {update.touched()} untouched")
        one = entry("b", SHARED)
        update.put(one.document, one.digest, one.passages, one.vocabulary)
        demand(list(update.touched()) == ["local"], f"{subject.name}: touched {update.touched()}")
        for tenant in ("other", "none"):
            change = update.changes(tenant)
            nothing = not len(change.added) and not len(change.removed)
            demand(nothing, f"{subject.name}: '{tenant}' was not touched and has {change}")
        again = update.changes("local")
        change = update.changes("local")
        told = (list(again.added), list(again.removed)) == (
            list(change.added),
            list(change.removed),
        )
        demand(told, f"{subject.name}: asked twice, changes are {again} and {change}")
        update.commit(settings={}, indexes={})
    with newest(store) as snapshot:
        demand(snapshot.table("other").rows.tolist() == before, f"{subject.name}: rows of 'other'")


def history_leaves_nothing_behind(subject: StoreSubject) -> None:
    """After any sequence of puts and removals a store is as a fresh one of the same documents."""
    for seed in range(SEQUENCES):
        lives(subject, histories(random.Random(seed)), f"seed {seed}")


def the_root_follows_the_content(subject: StoreSubject) -> None:
    """Equal content, equal root, in any order and tenant by tenant; every change is seen."""
    one, two = entry("a", "One.", "Two."), entry("b", "Three.")
    base = _root(subject.holding(one, two))
    demand(len(base) == 64, f"{subject.name}: the root is {base!r}, expected a sha256 in hex")
    demand(_root(subject.holding(two, one)) == base, f"{subject.name}: the order changes the root")
    slow = subject.holding(two)
    commit(slow, [entry("a", "First another text.")])
    commit(slow, [one, entry("c", "Gone soon.", tenant="t")])
    commit(slow, gone=[("t", "c")], settings={})
    demand(_root(slow) == base, f"{subject.name}: history or settings change the root")
    others = {
        "nothing": (),
        "one document less": (two,),
        "another digest": (entry("a", "One.", "Two.", digest="x"), two),
        "another text": (entry("a", "One.", "Two!", digest="digest of a"), two),
        "another title": (entry("a", "One.", "Two.", titles=["part 0", "x"]), two),
        "another id": (one, entry("c", "Three.", digest="digest of b")),
        "another tenant": (one, entry("b", "Three.", tenant="t")),
        "other cuts": (entry("a", "One.\n\nTwo."), two),
        "one more": (one, two, entry("c", "Three.")),
    }
    roots = {name: _root(subject.holding(*some)) for name, some in others.items()}
    roots["as it is"] = base
    twins = sorted(name for name, root in roots.items() if list(roots.values()).count(root) > 1)
    demand(not twins, f"{subject.name}: different content, one root: {twins}")


def histories(rng: random.Random) -> list[list[Step]]:
    """Some updates, each of some puts and removals, over few ids and texts."""
    texts = [SHARED, f" {SHARED}", "Second.", "Third.", "Fourth.", "Fifth."]
    updates: list[list[Step]] = []
    for _ in range(rng.randint(1, 6)):
        steps: list[Step] = []
        for name in rng.sample("abcdef", rng.randint(0, 4)):
            tenant = rng.choice(["local", "local", "other"])
            if rng.random() < 0.35:
                steps.append((tenant, name))
            else:
                steps.append(random_entry(rng, name, tenant, texts))
            if rng.random() < 0.1:
                steps.append((tenant, name))
        updates.append(steps)
    return updates


def random_entry(rng: random.Random, name: str, tenant: str, texts: Sequence[str]) -> Entry:
    """A document over few texts, roles and dates."""
    whole = rng.random() < 0.15
    return entry(
        name,
        *rng.choices(texts, k=1 if whole else rng.randint(1, 4)),
        tenant=tenant,
        whole=whole,
        roles=rng.choice([(), (), (), ("r",)]),
        date=rng.choice([None, None, None, Day(2024, 1, 1)]),
        filling="." * rng.randint(0, 60),
        digest=f"{rng.random()}",
        metadata={"kind": rng.choice(["x", "y", True, 1])},
    )


def lives(subject: StoreSubject, updates: Iterable[Sequence[Step]], what: str) -> None:
    """Demand that a store that lived through updates is as one that knows their end only.

    Args:
        subject: makes the stores.
        updates: puts and removals of each; a document is put once in each at most.
        what: for messages.

    Raises:
        AssertionError: naming what differs.
    """
    store = subject.make()
    history = _History(subject, store)
    for steps in updates:
        history.live(steps)
        with newest(store) as snapshot:
            found = content(snapshot)
        same(found, expected(history.entries.values()), f"{subject.name}, {what}")
    fresh = subject.holding(*sorted(history.entries.values(), key=lambda one: one.key))
    demand(_root(store) == _root(fresh), f"{subject.name}, {what}: the root keeps its history")


@dataclass(slots=True)
class _History:
    """A store, what it is to hold, and an index that learns only what ``changes`` tells."""

    subject: StoreSubject
    store: Store
    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    index: dict[str, set[int]] = field(default_factory=dict)
    highest: int = 0

    def live(self, steps: Sequence[Step]) -> dict[str, Change]:
        """One update; what it told by tenant, after checking it against the index."""
        name = self.subject.name
        before = {key: one.digest for key, one in self.entries.items()}
        tenants = sorted({tenant for tenant, _ in before})
        touched: set[str] = set()
        changes: dict[str, Change] = {}
        with self.store.updating() as update:
            demand(list(update.tenants()) == tenants, f"{name}: tenants {update.tenants()}")
            for step in steps:
                if isinstance(step, Entry):
                    update.put(step.document, step.digest, step.passages, step.vocabulary)
                    self.entries[step.key] = step
                    touched.add(step.key[0])
                else:
                    was_there = self.entries.pop(step, None) is not None
                    told = update.remove(*step)
                    demand(told == was_there, f"{name}: removing {step} says {told}")
                    if was_there:
                        touched.add(step[0])
            for tenant in {*tenants, "local"}:
                known = {one: digest for (own, one), digest in before.items() if own == tenant}
                told_digests = dict(update.digests(tenant))
                demand(told_digests == known, f"{name}: digests {told_digests}, expected {known}")
            demand(list(update.touched()) == sorted(touched), f"{name}: {update.touched()} touched")
            for tenant in {*tenants, *touched, "local"}:
                changes[tenant] = update.changes(tenant)
                self._learn(tenant, changes[tenant])
                indexed = update.indexed(tenant).tolist()
                wanted = sorted(self.index[tenant])
                demand(indexed == wanted, f"{name}: indexed {indexed}, changes lead to {wanted}")
                given = list(update.passages(changes[tenant].added))
                demand([row for row, _ in given] == list(changes[tenant].added), f"{name}: order")
                strangers = [one.id for _, one in given if one.scope.tenant != tenant]
                demand(not strangers, f"{name}: rows of '{tenant}' give {strangers}")
            self.highest = max(
                [self.highest, *(row for some in self.index.values() for row in some)]
            )
            total = sum(len(one.passages) for one in self.entries.values())
            told_total = update.passages_in_all()
            demand(told_total == total, f"{name}: {told_total} passages in all, expected {total}")
            update.commit(settings={}, indexes={})
        self._compare()
        return changes

    def _learn(self, tenant: str, change: Change) -> None:
        name, index = self.subject.name, self.index.setdefault(tenant, set())
        added, removed = [int(row) for row in change.added], [int(row) for row in change.removed]
        for rows in (added, removed):
            demand(rows == sorted(set(rows)), f"{name}: rows {rows} do not rise")
        demand(index.issuperset(removed), f"{name}: removes {removed}, of {sorted(index)}")
        low = [row for row in added if row <= self.highest]
        demand(not low, f"{name}: rows {low} were given out before; the highest is {self.highest}")
        index.difference_update(removed)
        index.update(added)

    def _compare(self) -> None:
        """What is indexed, by row, is what the generation says."""
        with newest(self.store) as snapshot:
            for tenant, index in self.index.items():
                table = snapshot.table(tenant)
                own = table.rows.tolist()
                demand(own == sorted(set(own)), f"{self.subject.name}: rows {own} do not rise")
                indexed = set(table.indexed.tolist())
                demand(indexed == index, f"{self.subject.name}: {indexed} indexed, not {index}")
                demand(indexed <= set(own), f"{self.subject.name}: {indexed} are no rows of {own}")
                self.highest = max([self.highest, *own])
                reader = Scope(tenant, ("r",))
                texts = [one.text for one in snapshot.passages(sorted(index), reader)]
                demand(len(texts) == len(index), f"{self.subject.name}: {texts}")


def _root(store: Store) -> str:
    with newest(store) as snapshot:
        return snapshot.root
