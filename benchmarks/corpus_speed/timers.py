"""Where the time of an index run goes: timers around the corpus's own functions, no profiler.

A timer's seconds are exclusive: while one runs inside another, only the inner one counts. Each call
costs about a microsecond, so a run with timers is not the one whose speed is told.
"""

from __future__ import annotations

import inspect
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from assay.corpora import indexing, local
from assay.corpora.analyzer import Analyzer
from assay.corpora.document import Document
from assay.corpora.indexes.faiss_vectors import FaissVectors
from assay.corpora.indexes.numpy_bm25 import NumpyBm25
from assay.corpora.indexing import Kind
from assay.corpora.storage.sqlite_update import SqliteUpdate

REST = "the rest"

WATCHED: Sequence[tuple[Any, str, str]] = (
    (local, "passages_of", "cutting"),
    (Document, "digest", "digests"),
    (indexing, "words", "vocabulary"),
    (Analyzer, "terms", "analysing"),
    (SqliteUpdate, "put", "store"),
    (SqliteUpdate, "changes", "store"),
    (SqliteUpdate, "commit", "store"),
    (NumpyBm25, "update", "postings"),
    (NumpyBm25, "open", "postings"),
    (FaissVectors, "update", "faiss"),
    (FaissVectors, "open", "faiss"),
)
"""What is timed: owner, function or property, and the name that its time goes to."""


class Timers:
    """Exclusive seconds by name, of one thread."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._names: list[str] = []
        self._since = 0.0

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        def timed(*arguments: Any, **options: Any) -> Any:
            self._push(name)
            try:
                return function(*arguments, **options)
            finally:
                self._pop()

        return timed

    def each(self, name: str, items: Iterable[Any]) -> Iterator[Any]:
        """The items; the time that each takes to come is timed."""
        take = self.around(name, iter(items).__next__)
        while True:
            try:
                item = take()
            except StopIteration:
                return
            yield item

    @contextmanager
    def whole(self) -> Iterator[None]:
        """All that is timed lies inside; what no timer takes is ``REST``."""
        self._since = time.perf_counter()
        self._names = [REST]
        try:
            yield
        finally:
            self._pop()

    def _push(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[self._names[-1]] += now - self._since
        self._names.append(name)
        self._since = now

    def _pop(self) -> None:
        now = time.perf_counter()
        self.seconds[self._names.pop()] += now - self._since
        self._since = now


@contextmanager
def watched(corpus: local.LocalCorpus, timers: Timers) -> Iterator[None]:
    """Everything of ``WATCHED`` timed meanwhile, and the reading of passages for the indexes."""
    before = [(owner, name, inspect.getattr_static(owner, name)) for owner, name, _ in WATCHED]
    kinds = corpus._kinds

    def timed_kinds() -> list[Kind[Any, Any]]:
        return [_timed(kind, timers) for kind in kinds()]

    try:
        for (owner, name, function), (_, _, label) in zip(before, WATCHED, strict=True):
            timed: Any = timers.around(label, getattr(function, "fget", function))
            setattr(owner, name, property(timed) if isinstance(function, property) else timed)
        corpus._kinds = timed_kinds  # type: ignore[method-assign]
        with timers.whole():
            yield
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)
        del corpus._kinds


def _timed(kind: Kind[Any, Any], timers: Timers) -> Kind[Any, Any]:
    """A kind whose items, and the passages that they are made of, are timed."""
    label = "analysing" if kind.name == "bm25" else "vectors"

    def items(passages: Iterable[Any]) -> Iterator[Any]:
        return timers.each(label, kind.items(timers.each("store, reading", passages)))

    return replace(kind, items=items)
