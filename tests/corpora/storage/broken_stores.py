"""Stores in memory that each break one promise, so that the kit can be seen to notice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from assay.corpora.document import Document
from assay.corpora.storage import memory_snapshot, memory_store, merging
from assay.corpora.storage.memory_snapshot import Generation, Held, MemorySnapshot
from assay.corpora.storage.memory_store import MemoryStore, MemoryUpdate
from assay.corpora.storage.merging import Member
from assay.corpora.storage.merkle import leaf_of, merkle_root
from assay.corpora.storage.store import IndexPlace
from assay.pipeline.words import Passage, Scalar, Scope


def nothing(*_: object, **__: object) -> None:
    """Checks nothing."""


class CountsFromOne(MemorySnapshot):
    """A new store is generation 1."""

    @property
    def generation(self) -> int:
        return max(super().generation, 1)


class ShowsAtOnce(MemoryUpdate):
    """Puts are seen before the commit."""

    def put(self, *given: Any) -> None:
        super().put(*given)
        documents = {name: dict(held) for name, held in self._now.items()}
        self._show(replace(self._before, documents=documents))


class FollowsTheNewest(MemoryStore):
    """Old snapshots tell of new generations."""

    def snapshot(self) -> MemorySnapshot:
        store = self

        class Follows(MemorySnapshot):
            @property
            def _held(self) -> Generation:
                return store._newest

            @_held.setter
            def _held(self, newest: Generation) -> None:
                pass

        return Follows(self._newest)


class CommitsAnyway(MemoryUpdate):
    """What was left without a commit is committed."""

    def end(self) -> None:
        if self._state != "committed":
            self.commit(settings={}, indexes={})
        super().end()


class AnyNumberOfWriters(MemoryStore):
    """Has no lock."""

    def __init__(self) -> None:
        super().__init__()
        self._writing = _NoLock()  # type: ignore[assignment]


class _NoLock:
    def acquire(self, blocking: bool) -> bool:
        return True

    def release(self) -> None:
        pass


class StripsTitles(MemoryUpdate):
    """White space around titles is lost."""

    def put(self, document: Document, *given: Any) -> None:
        super().put(replace(document, title=document.title.strip("\x00")), *given)


class MixesTruthAndNumbers(MemorySnapshot):
    """``True`` and ``1`` are one value."""

    def column(self, tenant: str, field: str) -> Iterator[tuple[Scalar, Sequence[int]]]:
        groups: dict[Scalar, list[int]] = {}
        for value, numbers in super().column(tenant, field):
            groups.setdefault(value, []).extend(numbers)
        yield from groups.items()


class KeepsWordsOfNobody(MemorySnapshot):
    """Words that nobody uses any more stay, with a count of 0."""

    def vocabulary(self, tenant: str) -> Mapping[str, int]:
        found = super().vocabulary(tenant)
        return {**found, "blue": found.get("blue", 0)} if found else found


class TouchesEverybody(MemoryUpdate):
    """All tenants count as touched."""

    def touched(self) -> Sequence[str]:
        return sorted(self._now)


class KeepsOldIndexes(MemoryUpdate):
    """Indexes that a commit does not name stay."""

    def commit(
        self,
        *,
        settings: Mapping[str, Scalar | None],
        indexes: Mapping[str, Mapping[str, IndexPlace]],
    ) -> int:
        kept = {
            tenant: {**self._before.indexes.get(tenant, {}), **indexes.get(tenant, {})}
            for tenant in self._now
        }
        return super().commit(settings=settings, indexes=kept)


def keys_for_all_roles(document: Document, texts: Iterable[str]) -> list[bytes]:
    """Roles do not keep passages apart."""
    return merging.merge_keys(replace(document, scope=Scope(document.scope.tenant)), texts)


def settle_with_old_rows(
    members: Sequence[Member], first_new: int, take_row: Callable[[], int]
) -> list[tuple[Member, Member]]:
    """Who stands alone again has the row that indexes lost."""
    return merging.settle(members, 0, take_row)


def settle_and_stay(
    members: Sequence[Member], first_new: int, take_row: Callable[[], int]
) -> list[tuple[Member, Member]]:
    """Who stood for all goes on to, whoever comes."""
    old = [one for one in members if one.row < first_new and one.is_indexed]
    if not old:
        return merging.settle(members, first_new, take_row)
    rest = [one for one in members if one is not old[0]]
    return [(one, one._replace(indexed=old[0].row)) for one in rest]


def root_of_numbers(documents: Mapping[str, Mapping[str, Held]]) -> str:
    """The root is over the store's own numbers."""
    numbers = [str(one.number).encode() for held in documents.values() for one in held.values()]
    return merkle_root(numbers).hex()


def leaf_without_titles(document: Document, digest: str, passages: Sequence[Passage]) -> bytes:
    """Titles of passages do not count."""
    return leaf_of(document, digest, [replace(one, title="") for one in passages])


def first_hash(passage_id: str) -> tuple[str, int] | None:
    """A passage's document ends at the first ``#`` of its id."""
    name, _, rest = passage_id.partition("#")
    return (name, int(rest)) if rest.isdecimal() and len(rest) < 9 else None


BROKEN: Mapping[str, tuple[object, str, object]] = MappingProxyType(
    {
        "a_new_store_is_empty": (memory_store, "MemorySnapshot", CountsFromOne),
        "generations_become_visible_whole": (memory_store, "MemoryUpdate", ShowsAtOnce),
        "old_generations_stay_as_they_are": (memory_store, "MemoryStore", FollowsTheNewest),
        "updates_without_commit_change_nothing": (memory_store, "MemoryUpdate", CommitsAnyway),
        "one_writer_at_a_time": (memory_store, "MemoryStore", AnyNumberOfWriters),
        "updates_have_an_order": (memory_store, "require_state", nothing),
        "ids_are_unique_within_a_tenant": (memory_store, "_refuse_taken_ids", nothing),
        "documents_come_back_as_they_were": (memory_store, "MemoryUpdate", StripsTitles),
        "what_cannot_be_kept_is_refused": (memory_store, "check_put", nothing),
        "passages_look_at_the_scope": (memory_snapshot, "require_readable", nothing),
        "labels_keep_their_types": (memory_store, "MemorySnapshot", MixesTruthAndNumbers),
        "ids_and_neighbours_are_found": (memory_snapshot, "parted", first_hash),
        "words_are_counted_by_tenant": (memory_store, "MemorySnapshot", KeepsWordsOfNobody),
        "equal_passages_are_merged": (memory_store, "merge_keys", keys_for_all_roles),
        "merged_passages_come_and_go": (memory_store, "settle", settle_with_old_rows),
        "untouched_tenants_do_not_change": (memory_store, "MemoryUpdate", TouchesEverybody),
        "history_leaves_nothing_behind": (memory_store, "settle", settle_and_stay),
        "the_root_follows_the_content": (memory_store, "leaf_of", leaf_without_titles),
        "settings_and_indexes_are_kept": (memory_store, "MemoryUpdate", KeepsOldIndexes),
        "threads_read_while_a_writer_updates": (memory_store, "MemoryStore", FollowsTheNewest),
        "history_leaves_nothing_behind ": (memory_store, "_root", root_of_numbers),
        "the_root_follows_the_content ": (memory_store, "_root", root_of_numbers),
    }
)
"""By check (blanks do not count), the module, the name in it, and what breaks that promise."""


def break_store(name: str, patch: pytest.MonkeyPatch) -> type[MemoryStore]:
    """A kind of store that breaks the promise, while the patch holds."""
    module, attribute, broken = BROKEN[name]
    patch.setattr(module, attribute, broken)
    return memory_store.MemoryStore
