"""What the conformance checks of stores share: entries to put, and all that a generation says."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from assay.corpora.analyzer import words
from assay.corpora.document import Document
from assay.corpora.storage.store import IndexPlace, Snapshot, Store, Update, labels_of
from assay.pipeline.words import Passage, Scalar, Scope
from tests.conformance.subject import demand

SETTINGS: Mapping[str, Scalar | None] = {"max_words": 60, "k1": 1.2, "embedder": None, "on": True}


@dataclass(frozen=True, slots=True)
class Entry:
    """Everything that a put takes."""

    document: Document
    digest: str
    passages: tuple[Passage, ...]
    vocabulary: Mapping[str, int]

    @property
    def key(self) -> tuple[str, str]:
        """Tenant and id."""
        return self.document.scope.tenant, self.document.id


def entry(name: str, *texts: str, tenant: str = "local", **more: Any) -> Entry:
    """A document that is cut into these texts; a blank line stands between two.

    Args:
        name: its id.
        texts: of its passages.
        tenant: of its scope.
        **more: ``roles``, ``digest``, ``titles`` (of the passages), ``filling`` (text behind the
            passages, to make it larger), and further fields of the document.
    """
    roles = tuple(more.pop("roles", ()))
    filling = more.pop("filling", "")
    titles = more.pop("titles", [f"part {number}" for number in range(len(texts))])
    digest = more.pop("digest", f"digest of {name}")
    text = "\n\n".join(texts) + filling
    document = Document(name, text, Scope(tenant, roles), **more)
    passages: list[Passage] = []
    start = 0
    for position, (part, title) in enumerate(zip(texts, titles, strict=True)):
        own_id = name if document.whole else f"{name}#{position}"
        end = start + len(part)
        passages.append(
            Passage(own_id, name, part, document.scope, title, position, start, end, document.date)
        )
        start = end + 2
    counts = Counter(word for part in texts for word in words(part))
    return Entry(document, digest, tuple(passages), counts)


@dataclass(frozen=True)
class StoreSubject:
    """A store and what the kit must know of it.

    Args:
        make: gives a fresh store that nothing was put into; always of the same kind.
    """

    make: Callable[[], Store]

    @functools.cached_property
    def name(self) -> str:
        """For messages."""
        return type(self.make()).__name__

    def holding(self, *entries: Entry) -> Store:
        """A fresh store with these entries, put in one update."""
        store = self.make()
        commit(store, entries)
        return store


def put(update: Update, *entries: Entry) -> None:
    """Put entries."""
    for one in entries:
        update.put(one.document, one.digest, one.passages, one.vocabulary)


def commit(
    store: Store,
    entries: Iterable[Entry] = (),
    *,
    gone: Iterable[tuple[str, str]] = (),
    settings: Mapping[str, Scalar | None] = SETTINGS,
    indexes: Mapping[str, Mapping[str, IndexPlace]] | None = None,
) -> int:
    """Put and remove in one update, and commit it; the new generation's number."""
    with store.updating() as update:
        for tenant, name in gone:
            demand(update.remove(tenant, name), f"remove found no '{name}' of '{tenant}'")
        put(update, *entries)
        for tenant in update.touched():
            update.changes(tenant)
        return update.commit(settings=settings, indexes=indexes or {})


@contextmanager
def newest(store: Store) -> Iterator[Snapshot]:
    """The newest generation, closed at the end."""
    with closing(store.snapshot()) as snapshot:
        yield snapshot


@dataclass(slots=True)
class Content:
    """All that a generation says of documents, without rows, numbers and the root.

    Args:
        documents: by tenant and id, with the characters and passages that they have.
        passages: by tenant and passage id, as they are themselves.
        kinds: of their labels (``True`` equals ``1`` in Python).
        stands_for: by tenant and passage id, the id of the passage that is indexed for it.
        labels: by tenant and field, kinds and values with the ids of their documents.
        words: by tenant.
        size: indexed passages of all tenants.
    """

    documents: dict[tuple[str, str], tuple[Document, int, int]] = field(default_factory=dict)
    passages: dict[tuple[str, str], Passage] = field(default_factory=dict)
    kinds: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    stands_for: dict[tuple[str, str], str] = field(default_factory=dict)
    labels: dict[tuple[str, str], dict[tuple[str, str], list[str]]] = field(default_factory=dict)
    words: dict[str, dict[str, int]] = field(default_factory=dict)
    size: int = 0

    def take(self, tenant: str, passage: Passage) -> None:
        """Note a passage with the kinds of its labels."""
        kinds = {key: type(value).__name__ for key, value in passage.metadata.items()}
        self.passages[tenant, passage.id] = passage
        self.kinds[tenant, passage.id] = kinds


def content(snapshot: Snapshot, fields: Iterable[str] = ()) -> Content:
    """Read everything that a generation holds.

    Args:
        snapshot: the generation.
        fields: labels to ask for besides those of the documents.
    """
    made = Content(size=snapshot.size())
    for tenant in snapshot.tenants():
        names: dict[int, str] = {}
        asked = set(fields)
        for facts in snapshot.documents(tenant):
            name = facts.document.id
            document = snapshot.document(tenant, name)
            told = document is not None and replace(document, text="", blocks=()) == replace(
                facts.document, blocks=()
            )
            demand(told, f"'{name}' is {document!r:.300} and its facts say {facts.document!r:.300}")
            if document is not None:
                made.documents[tenant, name] = document, facts.size, facts.passages
                asked |= labels_of(document).keys()
            names[facts.number] = name
        table = snapshot.table(tenant)
        owners = dict(zip(table.rows.tolist(), table.documents.tolist(), strict=True))
        ids: dict[int, str] = {}
        for roles, numbers in snapshot.roles(tenant).items():
            own = set(numbers.tolist())
            rows = [row for row, number in owners.items() if number in own]
            # Whoever has one of the roles may read; without roles, everybody.
            passages = snapshot.passages(rows, Scope(tenant, roles[-1:]))
            for row, passage in zip(rows, passages, strict=True):
                owner = names[owners[row]]
                demand(passage.document_id == owner, f"row {row} of '{owner}' is {passage!r:.300}")
                made.take(tenant, passage)
                ids[row] = passage.id
        for row, indexed in zip(table.rows.tolist(), table.indexed.tolist(), strict=True):
            made.stands_for[tenant, ids[row]] = ids[indexed]
        for name in asked:
            made.labels[tenant, name] = {
                (type(value).__name__, repr(value)): sorted(names[number] for number in numbers)
                for value, numbers in snapshot.column(tenant, name)
            }
        made.words[tenant] = dict(snapshot.vocabulary(tenant))
    return made


def expected(entries: Iterable[Entry], fields: Iterable[str] = ()) -> Content:
    """What ``content`` is to be, by the plain words of the contract.

    Args:
        entries: of different tenants and ids.
        fields: as for ``content``.
    """
    made = Content()
    groups: dict[tuple[str, object], list[tuple[int, str, int, str]]] = {}
    for one in sorted(entries, key=lambda one: one.key):
        document, (tenant, name) = one.document, one.key
        made.documents[tenant, name] = document, len(document.text), len(one.passages)
        own = {"source": document.source, "tier": document.tier}
        inherited = {key: value for key, value in own.items() if value} | dict(document.metadata)
        for passage in one.passages:
            made.take(tenant, replace(passage, metadata=inherited))
            readers = frozenset(document.scope.roles)
            alike: object = (" ".join(passage.text.split()), readers, document.date)
            group = passage.id if document.whole else alike
            member = (len(document.text), name, passage.position, passage.id)
            groups.setdefault((tenant, group), []).append(member)
        for key in fields:
            made.labels.setdefault((tenant, key), {})
        for key, value in labels_of(document).items():
            values = made.labels.setdefault((tenant, key), {})
            values.setdefault((type(value).__name__, repr(value)), []).append(name)
        counts = Counter(made.words.get(tenant, {}))
        made.words[tenant] = dict(counts + Counter(one.vocabulary))
    for (tenant, _), members in groups.items():
        for member in members:
            made.stands_for[tenant, member[3]] = min(members)[3]
    made.size = len(groups)
    return made


def same(found: Content, wanted: Content, what: str) -> None:
    """Demand that two contents are equal; the sentence names the first difference.

    Raises:
        AssertionError: naming what differs.
    """
    for part in ("documents", "passages", "kinds", "stands_for", "labels", "words"):
        left, right = getattr(found, part), getattr(wanted, part)
        for key in sorted({*left, *right}):
            one, other = left.get(key), right.get(key)
            demand(one == other, f"{what}: {part} of {key}: {one!r:.300}, expected {other!r:.300}")
    demand(found.size == wanted.size, f"{what}: size {found.size}, expected {wanted.size}")
