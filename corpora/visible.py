"""Which rows of a tenant a query may see: its roles, its filters and a further filter.

Filters are about documents: a label's values are looked at once each, with the documents that carry
them, so a filter costs what its fields have in distinct values, not in passages. Where passages
were merged, the index knows the one that stands for all: it is searched where the filter holds for
the document of any of them, and what is handed out is a passage of a document that it holds for.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from assay.corpora.filters import And, Compare, Filter, In, Not, Or, parse
from assay.corpora.indexes.index import Rows
from assay.corpora.storage.store import Snapshot, Table
from assay.pipeline.words import Query, Scope

CACHED_BYTES = 128 * 1024 * 1024
"""Rows that are kept for queries to come, all tenants together."""

_FALSE, _UNKNOWN, _TRUE = 0, 1, 2  # in this order 'and' is the least and 'or' the greatest
_Truth = NDArray[np.int8]


def wanted(query: Query, where: Filter | None = None) -> Filter | None:
    """Everything that must hold for a passage of this query, as one filter; None for nothing.

    Raises:
        UsageError: where ``query.where`` is no filter.
    """
    parts: list[Filter] = [Compare(key, "=", value) for key, value in sorted(query.filters.items())]
    if query.where:
        parts.append(parse(query.where))
    if where is not None:
        parts.append(where)
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else And(tuple(parts))


@dataclass(frozen=True, slots=True)
class View:
    """What a reader with a filter sees of a tenant.

    Args:
        rows: indexed rows that may be found, in rising order; None for all of the tenant.
        shown: those of them whose own document the filter does not hold for, each with the row
            of the first of its merged passages for which it does.
    """

    rows: Rows | None
    shown: Mapping[int, int] = field(default_factory=dict)


class Visible:
    """Rows by reader and filter, of one generation; safe between threads.

    Args:
        snapshot: the generation.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._lock = threading.Lock()
        self._tenants: dict[str, _Tenant] = {}
        self._kept: OrderedDict[tuple[Scope, str], View] = OrderedDict()
        self._bytes = 0

    def view(self, scope: Scope, filter_: Filter | None) -> View:
        """What may be found, and which passage is handed out for a merged one."""
        key = (scope, "" if filter_ is None else filter_.to_text())
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = self._tenant(scope.tenant).view(scope, filter_)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = found
                self._bytes += _size(found)
            while self._bytes > CACHED_BYTES and len(self._kept) > 1:
                self._bytes -= _size(self._kept.popitem(last=False)[1])
        return found

    def numbers(self, scope: Scope, filter_: Filter | None) -> Rows:
        """Numbers of the documents themselves, in rising order."""
        tenant = self._tenant(scope.tenant)
        return tenant.documents[tenant.chosen(scope, filter_)]

    def _tenant(self, name: str) -> _Tenant:
        with self._lock:
            return self._tenants.setdefault(name, _Tenant(self._snapshot, name))


class _Tenant:
    """What filters of one tenant need, read when the first one asks."""

    def __init__(self, snapshot: Snapshot, name: str) -> None:
        self._snapshot = snapshot
        self._name = name
        self._texts: dict[str, dict[str, Sequence[int]]] = {}

    @cached_property
    def roles(self) -> dict[tuple[str, ...], Rows]:
        return dict(self._snapshot.roles(self._name))

    @cached_property
    def documents(self) -> Rows:
        """All document numbers, in rising order."""
        if not self.roles:
            return np.zeros(0, dtype=np.int64)
        return np.sort(np.concatenate(list(self.roles.values())))

    @cached_property
    def table(self) -> Table:
        return self._snapshot.table(self._name)

    def view(self, scope: Scope, filter_: Filter | None) -> View:
        if filter_ is None and all(self._admits(roles, scope) for roles in self.roles):
            return View(None)
        places = np.searchsorted(self.documents, self.table.documents)
        chosen = self.chosen(scope, filter_)[places]
        own, indexed = self.table.rows[chosen], self.table.indexed[chosen]
        rows = np.unique(indexed)
        rows.flags.writeable = False  # indexes keep what they make of it
        merged = own != indexed
        merged &= ~np.isin(indexed, own)  # the one that stands for all may be handed out itself
        shown: dict[int, int] = {}
        for row, stands in zip(own[merged].tolist(), indexed[merged].tolist(), strict=True):
            shown.setdefault(stands, row)
        return View(rows, shown)

    def chosen(self, scope: Scope, filter_: Filter | None) -> NDArray[np.bool_]:
        """For each document whether the reader may see it and the filter holds."""
        readable = np.zeros(len(self.documents), dtype=np.bool_)
        for roles, numbers in self.roles.items():
            if self._admits(roles, scope):
                readable[np.searchsorted(self.documents, numbers)] = True
        return readable if filter_ is None else readable & (self._truth(filter_) == _TRUE)

    def _admits(self, roles: tuple[str, ...], reader: Scope) -> bool:
        return Scope(self._name, roles).admits(reader)

    def _truth(self, filter_: Filter, *, negated: bool = False) -> _Truth:
        """For each document what is known; unless ``negated``, false may stand for unknown."""
        match filter_:
            case And() | Or():
                parts = [self._truth(one, negated=negated) for one in filter_.parts]
                least_or_most = np.minimum if isinstance(filter_, And) else np.maximum
                joined: _Truth = least_or_most.reduce(parts)
                return joined
            case Not():
                return _TRUE - self._truth(filter_.part, negated=True)
            case Compare(field, "=", str() as text) if not negated:
                return self._equal(field, [text])
            case In(field, values) if not negated and all(isinstance(one, str) for one in values):
                return self._equal(field, [str(one) for one in values])
            case _:
                found = np.full(len(self.documents), _told(filter_.truth({})), dtype=np.int8)
                for value, numbers in self._snapshot.column(self._name, filter_.field):
                    places = np.searchsorted(self.documents, numbers)
                    found[places] = _told(filter_.truth({filter_.field: value}))
                return found

    def _equal(self, field: str, texts: Sequence[str]) -> _Truth:
        """True where a label is one of these texts: looked up, not compared with each value."""
        if field not in self._texts:
            column = self._snapshot.column(self._name, field)
            self._texts[field] = {one: own for one, own in column if isinstance(one, str)}
        found = np.full(len(self.documents), _FALSE, dtype=np.int8)
        for text in texts:
            numbers = self._texts[field].get(text, ())
            found[np.searchsorted(self.documents, numbers)] = _TRUE
        return found


def _told(truth: bool | None) -> int:
    return _UNKNOWN if truth is None else _TRUE if truth else _FALSE


def _size(view: View) -> int:
    return 256 + 100 * len(view.shown) + (0 if view.rows is None else view.rows.nbytes)
