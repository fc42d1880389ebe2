"""An index run: documents into the store, passages into the indexes, all visible in one step.

::

    <folder>/store.sqlite            documents, passages, generations: see ``storage``
    <folder>/indexes/<name>/         one index of one tenant, never changed once it is written
    <folder>/embeddings.sqlite       vectors that were paid for once

A run writes new index folders aside and then commits the store, which names the folders that
count. A run that is killed leaves folders that nothing names; the next run removes them, and also
those of the generation before the last, so a reader that is just opening the last one is safe.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

import numpy as np

from assay.corpora.analyzer import words
from assay.corpora.corpus import IndexReport, Progress
from assay.corpora.document import Document
from assay.corpora.indexes.folders import flush_names
from assay.corpora.indexes.index import Asked, Index, Item, Rows
from assay.corpora.rendering import rendered
from assay.corpora.storage.store import Change, IndexPlace, Store, Update
from assay.pipeline.canonical import digest
from assay.pipeline.errors import CorpusError, DataError, UsageError
from assay.pipeline.words import Passage, Scalar

INDEXES = "indexes"

TOLD = 256
"""Passages between two words on how far an index is."""

UNCHANGED = Change((), np.zeros(0, dtype=np.int64))

Items = Callable[[Iterable[tuple[int, Passage]]], Iterator[tuple[int, Any]]]
"""Makes an index's items of passages, in the same order."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[Item, Asked]):
    """One kind of index of a corpus.

    Args:
        name: such as ``bm25``.
        index: writes and opens it.
        items: what it is told of passages.
        made_with: what items depend on besides the passages, JSON-like.
        doing: what the progress bar says meanwhile.
    """

    name: str
    index: Index[Item, Asked]
    items: Items
    made_with: object
    doing: str

    @property
    def settings(self) -> str:
        """sha256 in hex over everything that decides what is written."""
        return digest([self.name, self.index.settings(), self.made_with])


@dataclass(slots=True)
class _Seen:
    """What a run finds out about documents.

    Args:
        before: digests of a tenant's documents before the run, by tenant.
        ids: documents that came and have text, by tenant.
    """

    before: dict[str, Mapping[str, str]] = field(default_factory=dict)
    ids: dict[str, set[str]] = field(default_factory=dict)
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    unchanged: int = 0
    notes: list[str] = field(default_factory=list)


class IndexRun:
    """Makes a corpus hold documents; one object serves many runs.

    Args:
        folder: of the corpus.
        store: in that folder.
        kinds: of indexes that every tenant gets.
        cut: makes passages of a document.
        cut_with: what ``cut`` depends on, JSON-like.
        settings: what the corpus is made with, for those who open it.
    """

    def __init__(
        self,
        folder: Path,
        store: Store,
        kinds: Sequence[Kind[Any, Any]],
        *,
        cut: Callable[[Document], Sequence[Passage]],
        cut_with: object,
        settings: Mapping[str, Scalar | None],
    ) -> None:
        self._folder = folder / INDEXES
        self._store = store
        self._kinds = kinds
        self._cut = cut
        self._cut_with = digest(cut_with)[:16]
        self._settings = settings

    def index(
        self,
        documents: Iterable[Document],
        *,
        skipped: Mapping[str, str],
        progress: Progress,
        keep: bool,
    ) -> IndexReport:
        """See ``Corpus.index``."""
        with self._store.updating() as update:
            seen = _Seen()
            for number, document in enumerate(documents, start=1):
                self._put(update, document, seen)
                progress("read", number, number)
            seen.skipped = {**skipped, **seen.skipped}
            if not any(seen.ids.values()):
                raise UsageError(_nothing(seen.skipped))
            if not keep:
                for tenant, ids in sorted(seen.ids.items()):
                    for name in sorted(seen.before[tenant].keys() - ids):
                        update.remove(tenant, name)
                        seen.removed.append(name)
            return self._finish(update, seen, progress)

    def remove(self, tenant: str, document_ids: Iterable[str], progress: Progress) -> IndexReport:
        """See ``Corpus.remove``."""
        with self._store.updating() as update:
            seen = _Seen()
            before = len(update.digests(tenant))
            for name in dict.fromkeys(document_ids):
                if update.remove(tenant, name):
                    seen.removed.append(name)
                else:
                    seen.skipped[name] = f"tenant '{tenant}' has no document with this id"
            seen.unchanged = before - len(seen.removed)
            return self._finish(update, seen, progress)

    def _put(self, update: Update, document: Document, seen: _Seen) -> None:
        tenant = document.scope.tenant
        if tenant not in seen.before:
            seen.before[tenant] = update.digests(tenant)
        ids = seen.ids.setdefault(tenant, set())
        if document.id in ids or document.id in seen.skipped:
            raise DataError(f"two documents have the id '{document.id}'; ids are unique")
        own = document.digest
        before, _, cut_with = seen.before[tenant].get(document.id, "").partition("-")
        if (before, cut_with) == (own, self._cut_with):
            ids.add(document.id)
            seen.unchanged += 1
            return
        passages = self._cut(document)
        if not passages:
            seen.skipped[document.id] = "no text below its headings"
            return
        ids.add(document.id)
        counts = Counter(word for one in passages for word in words(rendered(one)))
        update.put(document, f"{own}-{self._cut_with}", passages, counts)
        if before == own:
            seen.unchanged += 1  # only the way of cutting is another
        else:
            (seen.changed if before else seen.added).append(document.id)

    def _finish(self, update: Update, seen: _Seen, progress: Progress) -> IndexReport:
        """Write the indexes of what changed, and make all of it count."""
        self._tidy(update)
        touched = update.touched()
        places: dict[str, dict[str, IndexPlace]] = {}
        left = 0
        for tenant in sorted({*update.tenants(), *touched}):
            change = update.changes(tenant) if tenant in touched else UNCHANGED
            rows = update.indexed(tenant)
            left += len(rows)
            if len(rows):
                places[tenant] = {
                    kind.name: self._index(update, tenant, kind, change, rows, seen, progress)
                    for kind in self._kinds
                }
        before = self._before()
        if touched or before != (dict(self._settings), places):
            update.commit(settings=self._settings, indexes=places)
        progress("write", 1, 1)
        return IndexReport(
            added=tuple(sorted(seen.added)),
            changed=tuple(sorted(seen.changed)),
            removed=tuple(sorted(seen.removed)),
            unchanged=seen.unchanged,
            skipped=seen.skipped,
            passages=left,
            duplicates=update.passages_in_all() - left,
            notes=tuple(seen.notes),
        )

    def _index(
        self,
        update: Update,
        tenant: str,
        kind: Kind[Any, Any],
        change: Change,
        rows: Rows,
        seen: _Seen,
        progress: Progress,
    ) -> IndexPlace:
        """One index of one tenant as it is to be."""
        old = update.indexes(tenant).get(kind.name)
        if old is not None and not (old.settings == kind.settings and self._whole(kind, old)):
            old = None
        if old is not None and not len(change.added) and not len(change.removed):
            return old
        name = self._fresh(kind.name, tenant)
        folder = self._folder / name
        try:
            folder.mkdir(parents=True)
            done = old is not None and kind.index.update(
                self._folder / old.folder,
                folder,
                added=self._items(update, kind, change.added, progress),
                removed=change.removed,
            )
            if not done:
                shutil.rmtree(folder)
                folder.mkdir()
                kind.index.update(
                    None,
                    folder,
                    added=self._items(update, kind, rows, progress),
                    removed=UNCHANGED.removed,
                )
            flush_names(self._folder)
        except OSError as error:
            raise CorpusError(
                f"the index in '{self._folder.parent}' cannot be written: {error}"
            ) from error
        searcher = kind.index.open(folder)
        try:
            if note := searcher.note:
                seen.notes.append(f"{kind.name}: {note}")
            return IndexPlace(name, kind.settings, searcher.fingerprint())
        finally:
            searcher.close()

    def _whole(self, kind: Kind[Any, Any], place: IndexPlace) -> bool:
        """Whether an index can be gone on from; a damaged one is made anew."""
        try:
            kind.index.open(self._folder / place.folder).close()
        except (CorpusError, OSError):
            return False
        return True

    def _items(
        self, update: Update, kind: Kind[Any, Any], rows: Sequence[int] | Rows, progress: Progress
    ) -> Iterator[tuple[int, Any]]:
        """A kind's items of some rows; tells how far it is."""
        total = len(rows)
        told = 0
        for done, item in enumerate(kind.items(update.passages(rows)), start=1):
            yield item
            if done - told >= TOLD or done == total:
                told = done
                progress(kind.doing, done, total)

    def _fresh(self, kind: str, tenant: str) -> str:
        """The name of a folder that is not there."""
        start = f"{kind}-{hashlib.sha256(tenant.encode()).hexdigest()[:12]}"
        taken = {item.name for item in self._folder.glob(f"{start}-*")}
        numbers = (f"{start}-{number:06d}" for number in itertools.count(1))
        return next(name for name in numbers if name not in taken)

    def _tidy(self, update: Update) -> None:
        """Remove folders that neither the newest generation nor a killed run needs."""
        used = {
            place.folder for tenant in update.tenants() for place in update.indexes(tenant).values()
        }
        if self._folder.is_dir():
            for item in self._folder.iterdir():
                if item.name not in used:
                    shutil.rmtree(item, ignore_errors=True)

    def _before(self) -> tuple[dict[str, Scalar | None], dict[str, dict[str, IndexPlace]]]:
        """Settings and indexes of the newest generation."""
        snapshot = self._store.snapshot()
        try:
            return dict(snapshot.settings), {
                tenant: dict(snapshot.indexes(tenant)) for tenant in snapshot.tenants()
            }
        finally:
            snapshot.close()


def _nothing(skipped: Mapping[str, str]) -> str:
    reasons = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:5])
    return "no document has any text to index" + (f" (skipped {reasons})" if reasons else "")
