"""One generation of a corpus on this machine, open for searching."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpora.indexes.index import Searcher
from assay.corpora.indexing import INDEXES, Kind
from assay.corpora.storage.store import DocumentFacts, Snapshot
from assay.corpora.visible import Visible
from assay.pipeline.canonical import digest
from assay.pipeline.errors import CorpusError
from assay.pipeline.words import Passage, Scope

EAGER = 16
"""Tenants whose indexes are opened at the start, so that damage shows there."""

KEPT = 256
"""Tenants whose indexes stay open; of more, those that were asked longest ago are let go."""

LISTED = 20_000
"""Documents of a tenant whose listing is kept."""

AT_ONCE = 500
"""Passages that are read together where all are."""


class Opened:
    """A generation with the indexes of its tenants; safe between threads.

    Args:
        folder: of the corpus.
        snapshot: the generation; closed with this.
        kinds: the corpus's indexes.

    Raises:
        CorpusError: if an index is missing or damaged.
    """

    def __init__(self, folder: Path, snapshot: Snapshot, kinds: Sequence[Kind[Any, Any]]) -> None:
        self.snapshot = snapshot
        self.visible = Visible(snapshot)
        self._folder = folder
        self._kinds = {kind.name: kind for kind in kinds}
        self._lock = threading.Lock()
        self._searchers: OrderedDict[str, Mapping[str, Searcher[Any]]] = OrderedDict()
        self._listings: dict[str, Sequence[DocumentFacts]] = {}
        self._vocabularies: dict[str, Mapping[str, int]] = {}
        for tenant in snapshot.tenants()[:EAGER]:
            self._of(tenant)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over the passages and over what their indexes answer depends on."""
        places = [
            [tenant, kind, place.settings, place.fingerprint]
            for tenant in self.snapshot.tenants()
            for kind, place in sorted(self.snapshot.indexes(tenant).items())
        ]
        return digest([self.snapshot.root, dict(self.snapshot.settings), places])

    def searcher(self, tenant: str, kind: str) -> Searcher[Any] | None:
        """A tenant's index of a kind; None for a tenant without documents."""
        return self._of(tenant).get(kind)

    def vocabulary(self, tenant: str) -> Mapping[str, int]:
        """See ``Snapshot.vocabulary``; read once."""
        with self._lock:
            if tenant not in self._vocabularies:
                self._vocabularies[tenant] = self.snapshot.vocabulary(tenant)
            return self._vocabularies[tenant]

    def documents(self, tenant: str) -> Sequence[DocumentFacts]:
        """See ``Snapshot.documents``; kept for a tenant of up to ``LISTED`` documents."""
        with self._lock:
            if tenant in self._listings:
                return self._listings[tenant]
        found = tuple(self.snapshot.documents(tenant))
        if len(found) <= LISTED:
            with self._lock:
                self._listings[tenant] = found
        return found

    def every_passage(self) -> Iterator[Passage]:
        """All indexed passages of all tenants."""
        for tenant in self.snapshot.tenants():
            table = self.snapshot.table(tenant)
            for roles, numbers in sorted(self.snapshot.roles(tenant).items()):
                own = table.rows[np.isin(table.documents, numbers)]
                rows = np.intersect1d(own, table.indexed)
                for place in range(0, len(rows), AT_ONCE):
                    some = rows[place : place + AT_ONCE].tolist()
                    yield from self.snapshot.passages(some, Scope(tenant, roles))

    def close(self) -> None:
        """Give files and memory back."""
        with self._lock:
            for searchers in self._searchers.values():
                for searcher in searchers.values():
                    searcher.close()
            self._searchers.clear()
        self.snapshot.close()

    def _of(self, tenant: str) -> Mapping[str, Searcher[Any]]:
        with self._lock:
            if tenant not in self._searchers:
                self._searchers[tenant] = self._open(tenant)
                while len(self._searchers) > KEPT:
                    # Not closed: another thread may be searching. It is freed when nobody does.
                    self._searchers.popitem(last=False)
            self._searchers.move_to_end(tenant)
            return self._searchers[tenant]

    def _open(self, tenant: str) -> Mapping[str, Searcher[Any]]:
        found: dict[str, Searcher[Any]] = {}
        for name, place in self.snapshot.indexes(tenant).items():
            folder = self._folder / INDEXES / place.folder
            if name not in self._kinds:
                continue
            if not folder.is_dir():
                raise CorpusError(
                    f"the corpus in '{self._folder}' lacks its index '{place.folder}': it was"
                    " removed, or indexed again twice since this process opened it; open it anew,"
                    " or index again with 'assay index PIPELINE --docs PATH'"
                )
            found[name] = self._kinds[name].index.open(folder)
        return found
