"""Checks of what a store gives back: documents, passages, scope, labels, ids, words, settings."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date as Day
from datetime import datetime
from typing import Any

from assay.corpora.block import Block
from assay.corpora.storage.store import IndexPlace, labels_of
from assay.pipeline.errors import CorpusError, DataError, ScopeError
from assay.pipeline.words import Passage, Scope
from tests.conformance.model_subject import refused
from tests.conformance.store_subject import (
    SETTINGS,
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

ODD = (
    entry("a", "Plain."),
    entry("dir/a b.txt#page=3&part=2", "One.", "Two.", title="Ein Titel › zwei"),
    entry("a#7", "Its id looks like a passage's.", "So do these."),
    entry("x#0", "Whole, and named like a passage.", whole=True),
    entry("nul\x00 \n'\"%", "A nul \x00 inside,\nlines\r\n\ttabs", title="\x00"),
    entry("ключ 日本 🏽", "日本語のテキスト。", "e\u0301 is not é", titles=["", "\u202e"]),
    entry("when", "Dated.", date=Day(1, 1, 1), source="board", tier="audited", markup="markdown"),
    entry("who", "For some.", roles=("b", "a"), metadata={"source": "", "tier": 3}),
    entry("long", "word " * 40_000 + "end", metadata={"": "empty key", 'quo"te': "x\\"}),
    entry(
        "blocks",
        "Loans. Three weeks.",
        blocks=(
            Block(0, 6, "heading", 1, {"paragraph": 1}),
            Block(7, 19, "table_row", 0, {"table": 2, "row": 3, "element": "é"}),
        ),
    ),
    entry("a", "Same id, other tenant.", tenant="Local"),
    entry("a", "Plain.", tenant="ß\x00"),
)
"""Documents that stores have stumbled over."""

VALUES: tuple[Any, ...] = (True, 1, "1", 1.0, False, 0, 0.0, "", "true", 2**70, -0.1, 1e300, "é")


def a_new_store_is_empty(subject: StoreSubject) -> None:
    """Generation 0, and nothing of any tenant, once a first update was begun and left."""
    store = subject.make()
    with store.updating() as update:
        demand(not update.remove("local", "a"), f"{subject.name}: removed what was never there")
        found: list[object] = [update.tenants(), update.touched(), update.digests("local")]
        found += [update.indexes("local"), update.indexed("local").tolist()]
        demand(not any(found), f"{subject.name}: an update of a new store tells of {found}")
    with newest(store) as snapshot:
        found = [snapshot.generation, snapshot.size(), snapshot.settings, snapshot.tenants()]
        found += [snapshot.vocabulary("local"), snapshot.indexes("local"), snapshot.roles("local")]
        found += [list(snapshot.documents("local")), list(snapshot.column("local", "title"))]
        found += [snapshot.table("local").rows.tolist(), snapshot.near("local", "a", 0, 9)]
        found += [snapshot.document("local", "a"), *snapshot.find("local", ["a", "a#0"])]
        demand(not any(found), f"{subject.name}: a new store tells of {found}")
        demand(snapshot.passages([], Scope("local")) == [], f"{subject.name}: passages of no rows")
        refused(lambda: snapshot.passages([1], Scope("local")), CorpusError, "row 1 of none")


def documents_come_back_as_they_were(subject: StoreSubject) -> None:
    """To the last character, whatever their ids, texts, titles, dates and labels are."""
    with newest(subject.holding(*ODD)) as snapshot:
        same(content(snapshot), expected(ODD), f"{subject.name}, odd documents")
        tenants = sorted({one.document.scope.tenant for one in ODD})
        demand(list(snapshot.tenants()) == tenants, f"{subject.name}: {snapshot.tenants()}")
        ids = [facts.document.id for facts in snapshot.documents("local")]
        demand(ids == sorted(ids), f"{subject.name}: documents come as {ids}, not by id")
        demand(snapshot.document("local", "none") is None, f"{subject.name}: a document of no id")
        demand(snapshot.document("nobody", "a") is None, f"{subject.name}: one of no tenant")


def what_cannot_be_kept_is_refused(subject: StoreSubject) -> None:
    """Half characters, numbers that are none, passages of something else; nothing is left over."""
    store = subject.make()
    good = entry("good", "Good.")
    wrong: Sequence[tuple[Entry, str]] = (
        (entry("half", "half \ud800 a character"), "half"),
        (entry("half\udfff", "x"), "half"),
        (entry("title", "x", title="\ud83d"), "title"),
        (entry("label", "x", metadata={"k": "\ud83d"}), "label"),
        (entry("nan", "x", metadata={"k": math.nan}), "nan"),
        (entry("inf", "x", metadata={"k": -math.inf}), "inf"),
        (entry("list", "x", metadata={"k": ["x"]}), "list"),
        (entry("none", "x", metadata={"k": None}), "none"),
        (entry("time", "x", date=datetime(2024, 1, 1, 12)), "time"),
        (entry("empty"), "empty"),
        (entry("", "x"), "empty id"),
        (entry("two", "x", "y", whole=True), "two"),
        (replace(entry("word", "x"), vocabulary={"half \udc00": 1}), "word"),
        (replace(entry("word", "x"), vocabulary={"two\0words": 1}), "word"),
        (replace(entry("word", "x"), vocabulary={"x": 0}), "word"),
    )
    first, second = entry("order", "x", "y").passages
    misfits: Sequence[tuple[Passage, ...]] = (
        (second, first),
        (first, first),
        (second,),
        entry("other", "x").passages,
        entry("order", "x", tenant="other").passages,
        entry("order", "x", roles=("boss",)).passages,
        entry("order", "x", date=Day(2024, 1, 1)).passages,
        (first, replace(second, start=-1)),
        (first, replace(second, end=99)),
        (first, replace(second, start=3, end=2)),
    )
    with store.updating() as update:
        put(update, good)
        for one, name in wrong:
            call = functools.partial(put, update, one)
            refused(call, DataError, f"{subject.name}, {name}", name)
        for passages in misfits:
            one = entry("order", "x", "y")
            misfit = Entry(one.document, "", passages, {})
            refused(
                functools.partial(put, update, misfit),
                DataError,
                f"{subject.name}, passages that do not fit",
                "order",
            )
        update.commit(settings={}, indexes={})
    with newest(store) as snapshot:
        same(content(snapshot), expected([good]), f"{subject.name}, after refusals")
        asked = ["\ud800", "good#0", "\ud800#0"]
        found = [one is not None for one in snapshot.find("local", asked)]
        demand(found == [False, True, False], f"{subject.name}: {asked} found: {found}")
        nothing: list[object] = [snapshot.document("local", "\ud800"), snapshot.indexes("\ud800")]
        nothing += [snapshot.near("local", "\ud800", 0, 9), *snapshot.column("local", "\ud800")]
        demand(not any(nothing), f"{subject.name}: half a character finds {nothing}")


def passages_look_at_the_scope(subject: StoreSubject) -> None:
    """Rows in the order asked; one that the reader may not read is an error, as is an unknown."""
    entries = (
        entry("open", *(f"Text {number}." for number in range(30))),
        entry("closed", "For auditors.", "And for the board.", roles=("audit", "board")),
        entry("open", "Of others.", tenant="other"),
    )
    with newest(subject.holding(*entries)) as snapshot:
        ids = [f"open#{number}" for number in (7, 3, 29, 3)]
        rows = [row for row in snapshot.find("local", ids) if row is not None]
        found = [one.id for one in snapshot.passages(rows, Scope("local"))]
        demand(found == ids, f"{subject.name}: asked for {ids}, found {found}")
        (closed,) = snapshot.near("local", "closed", 0, 0)
        (others,) = snapshot.near("other", "open", 0, 0)
        for roles in (("audit",), ("board", "x"), ("audit", "board")):
            (passage,) = snapshot.passages([closed], Scope("local", roles))
            demand(passage.text == "For auditors.", f"{subject.name}: {roles} reads {passage.text}")
        for row, reader in (
            (closed, Scope("local")),
            (closed, Scope("local", ("x",))),
            (closed, Scope("other", ("audit",))),
            (others, Scope("local", ("audit",))),
            (rows[0], Scope("other")),
        ):
            what = f"{subject.name}: row {row} for {reader}"
            refused(
                functools.partial(snapshot.passages, [*rows[:1], row], reader),
                ScopeError,
                what,
                reader.tenant,
            )
        highest = int(snapshot.table("local").rows[-1])
        for row in (0, -1, highest + 1000, 2**63, -(2**70)):
            unknown = [rows[0], row]
            refused(
                functools.partial(snapshot.passages, unknown, Scope("local")),
                CorpusError,
                f"{subject.name}: row {row}",
                str(row),
            )


def labels_keep_their_types(subject: StoreSubject) -> None:
    """``True``, ``1``, ``1.0`` and ``'1'`` are four values; empty and missing are told apart."""
    entries = [entry(f"d{n:02d}", f"T{n}", metadata={"v": one}) for n, one in enumerate(VALUES)]
    entries += [
        entry("again", "T", metadata={"v": True}, title="Own", source="s", tier="t"),
        entry("says", "U", title="Own", metadata={"title": "Said", "source": "", "document": 4}),
        entry("both", "W", source="s", tier="t", metadata={"source": "own", "tier": ""}),
        entry("bare", "V"),
    ]
    asked = ("v", "title", "document", "date", "source", "tier", "missing", "", 'v":', "%", "_")
    with newest(subject.holding(*entries)) as snapshot:
        same(content(snapshot, asked), expected(entries, asked), f"{subject.name}, labels")
        for field in asked:
            wanted = {type(labels_of(one.document).get(field)) for one in entries} - {type(None)}
            found = {type(value) for value, _ in snapshot.column("local", field)}
            demand(found == wanted, f"{subject.name}: '{field}' has {found}, expected {wanted}")
            for value, numbers in snapshot.column("local", field):
                rising = list(numbers) == sorted(set(numbers))
                demand(rising, f"{subject.name}: documents of {value!r} come as {numbers}")


def ids_and_neighbours_are_found(subject: StoreSubject) -> None:
    """Ids of passages, of whole documents and of merged ones; neighbours by position."""
    shared = "The same text."
    entries = (
        entry("a", "Zero.", shared, "Two.", shared, "Four."),
        entry("a#1", "Zero of another.", shared, filling=" " * 99),
        entry("whole#2", shared, whole=True),
        entry("deep#0#1", "Named like a passage of a passage.", whole=True),
        entry("a", shared, tenant="other"),
    )
    cases = {
        "a#0": "a#0", "a#1": "a#1", "a#3": "a#1", "a#4": "a#4", "a#1#0": "a#1#0", "a#1#1": "a#1",
        "whole#2": "whole#2", "deep#0#1": "deep#0#1",
        "a": None, "a#5": None, "a#-1": None, "a#01": None, "a#1#2": None, "whole": None,
        "whole#2#0": None, "deep#0": None, "deep": None, "#": None, "": None, "#0": None,
        "a#" + "9" * 5000: None, "a#\u0661": None, "a# 1": None, "A#0": None, "a#0 ": None,
    }  # fmt: skip
    with newest(subject.holding(*entries)) as snapshot:
        rows = dict(zip(cases, snapshot.find("local", list(cases)), strict=True))
        found = {
            name: None if row is None else snapshot.passages([row], Scope("local"))[0].id
            for name, row in rows.items()
        }
        for name, wanted in cases.items():
            demand(found[name] == wanted, f"{subject.name}: '{name:.20}' finds {found[name]}")
        many = [f"a#{number}" for number in range(3000)]
        known = [row is not None for row in snapshot.find("local", many)]
        demand(sum(known) == 5 and all(known[:5]), f"{subject.name}: of 3,000 ids {sum(known)}")
        spans: Sequence[tuple[int, int, list[str]]] = (
            (0, 4, ["a#0", "a#1", "a#2", "a#3", "a#4"]), (2, 2, ["a#2"]), (-3, 1, ["a#0", "a#1"]),
            (3, 10**30, ["a#3", "a#4"]), (5, 9, []), (3, 1, []), (-9, -1, []),
        )  # fmt: skip
        for first, last, inside in spans:
            near = snapshot.near("local", "a", first, last)
            stand = snapshot.find("local", inside)
            demand(near == stand, f"{subject.name}: near {first} to {last}: {near}, not {stand}")
        for document, count in (("whole#2", 1), ("a#1", 2), ("whole", 0), ("a#9", 0)):
            near = snapshot.near("local", document, 0, 9)
            demand(len(near) == count, f"{subject.name}: '{document}' has {len(near)} neighbours")
        demand(snapshot.near("nobody", "a", 0, 9) == [], f"{subject.name}: near of no tenant")


def words_are_counted_by_tenant(subject: StoreSubject) -> None:
    """Counts come with documents and go with them, merged passages included; none stays at 0."""
    store = subject.holding(
        entry("a", "red red blue", "same"),
        entry("b", "red green", "same"),
        entry("a", "red", tenant="other"),
    )
    steps: Sequence[tuple[Entry | None, dict[str, int]]] = (
        (None, {"red": 3, "blue": 1, "green": 1, "same": 2}),
        (entry("a", "blue blue", "öl"), {"red": 1, "green": 1, "same": 1, "blue": 2, "öl": 1}),
        (entry("c", "blue"), {"red": 1, "green": 1, "same": 1, "blue": 3, "öl": 1}),
    )
    for change, wanted in steps:
        if change is not None:
            commit(store, [change])
        with newest(store) as snapshot:
            found = dict(snapshot.vocabulary("local"))
            demand(found == wanted, f"{subject.name}: words {found}, expected {wanted}")
    commit(store, gone=[("local", name) for name in "abc"])
    with newest(store) as snapshot:
        left = [dict(snapshot.vocabulary(one)) for one in ("local", "other")]
        demand(left == [{}, {"red": 1}], f"{subject.name}: words {left} are left")
        demand(list(snapshot.tenants()) == ["other"], f"{subject.name}: {snapshot.tenants()}")


def settings_and_indexes_are_kept(subject: StoreSubject) -> None:
    """As they were committed, by tenant and kind; each commit says all of them anew."""
    store = subject.make()
    bm25, dense = IndexPlace("bm25-1", "s1", "f1"), IndexPlace("dense é/1", "s2", "")
    both = {"local": {"bm25": bm25, "dense": dense}, "other": {"bm25": bm25}}
    entries = [entry("a", "x"), entry("a", "y", tenant="other")]
    commit(store, entries, settings=SETTINGS, indexes=both)
    with newest(store) as snapshot:
        found = {name: dict(snapshot.indexes(name)) for name in ("local", "other", "none")}
        demand(found == {**both, "none": {}}, f"{subject.name}: indexes {found}")
        kept = dict(snapshot.settings)
        demand(repr(kept) == repr(dict(SETTINGS)), f"{subject.name}: settings {kept}")
    with store.updating() as update:
        update.remove("other", "a")
        before = {name: dict(update.indexes(name)) for name in ("local", "other", "none")}
        demand(before == {**both, "none": {}}, f"{subject.name}: indexes before {before}")
        update.changes("other")
        update.commit(
            settings={"x": None}, indexes={"local": {"dense": bm25}, "other": both["other"]}
        )
    with newest(store) as snapshot:
        found = {name: dict(snapshot.indexes(name)) for name in ("local", "other")}
        demand(found == {"local": {"dense": bm25}, "other": {}}, f"{subject.name}: then {found}")
        demand(dict(snapshot.settings) == {"x": None}, f"{subject.name}: {snapshot.settings}")
