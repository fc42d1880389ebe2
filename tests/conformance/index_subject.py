"""What the conformance kit for indexes looks at: an index, random items and queries, brute force.

``History`` leads an index through updates as a corpus does, and keeps beside it what the index
ought to hold; ``right`` says whether a search found what brute force finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from assay.corpora.indexes.index import Found, Index, Rows, Searcher
from tests.conformance.subject import SEED, demand

QUERIES = 6

Item = TypeVar("Item")
Asked = TypeVar("Asked")

Scorer = Callable[[Mapping[int, Item], Mapping[int, Item], Asked], Mapping[int, float]]
"""Scores by brute force, from the items of the rows that are there, the items of the rows that
were removed since the index was last begun anew, and a query. An index that keeps no trace of
removed rows leaves the second aside. What is not in the result can never be found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSubject(Generic[Item, Asked]):
    """A kind of index and what the kit must know of it.

    Args:
        name: for messages.
        make: gives the index; settings such that small folders already use its method.
        item: draws a random item.
        asked: draws a random query, for which most often something is found.
        scores: brute force; for an approximate index, of the exact method.
        rows: how many rows the checks work with, from 20.
        tolerance: by how much a score may differ from brute force, relative to the larger of 1
            and the best score.
        recall: for an index whose searcher is not ``exact``, the least share of the best k, over
            all queries of a check, that must be found; 1 for others.
    """

    name: str
    make: Callable[[], Index[Item, Asked]]
    item: Callable[[np.random.Generator], Item]
    asked: Callable[[np.random.Generator], Asked]
    scores: Scorer[Item, Asked]
    rows: int = 60
    tolerance: float = 1e-3
    recall: float = 0.9

    def items(
        self, rng: np.random.Generator, count: int, *, start: int = 0
    ) -> list[tuple[int, Item]]:
        """Rows with items, with gaps between the rows as removed rows leave them."""
        rows = start + np.cumsum(rng.integers(1, 4, count))
        return [(int(row), self.item(rng)) for row in rows]


@dataclass(slots=True)
class History(Generic[Item, Asked]):
    """One index through its updates, each in a folder of its own.

    Args:
        subject: what is led.
        root: where the folders go.
        live: rows that ought to be found.
        gone: rows removed since the index was begun anew.
        folders: every folder that counted, the newest last.
        renewals: how often it was begun anew on its own wish.
    """

    subject: IndexSubject[Item, Asked]
    root: Path
    live: dict[int, Item] = field(default_factory=dict)
    gone: dict[int, Item] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)
    renewals: int = 0
    highest: int = 0
    _made: int = 0

    @property
    def folder(self) -> Path:
        """The newest folder."""
        return self.folders[-1]

    def step(self, added: Sequence[tuple[int, Item]], removed: Iterable[int] = ()) -> Path:
        """Update once, or begin anew where the index asks for it; the new folder."""
        index = self.subject.make()
        lost = np.array(sorted(removed), dtype=np.int64)
        left = dict(self.live)
        out = {int(row): left.pop(int(row)) for row in lost}
        left.update(added)
        old = self.folders[-1] if self.folders else None
        new = self._fresh()
        if index.update(old, new, added=iter(added), removed=lost):
            self.gone.update(out)
        else:
            demand(old is not None, f"{self.subject.name}: update from nothing gave False")
            new = self._fresh()
            anew = index.update(
                None, new, added=iter(sorted(left.items(), key=_row)), removed=none()
            )
            demand(anew, f"{self.subject.name}: update from nothing gave False")
            self.gone = {}
            self.renewals += 1
        self.live = left
        self.highest = max([self.highest, *(row for row, _ in added)])
        self.folders.append(new)
        return new

    def open(self) -> Searcher[Asked]:
        """Open the newest folder."""
        return self.subject.make().open(self.folder)

    def expected(self, asked: Asked) -> Mapping[int, float]:
        """Scores by brute force over what ought to be there."""
        return self.subject.scores(self.live, self.gone, asked)

    def _fresh(self) -> Path:
        self._made += 1
        new = self.root / f"{self._made:04d}"
        new.mkdir(parents=True)
        return new


@contextmanager
def opened(history: History[Item, Asked]) -> Iterator[Searcher[Asked]]:
    """The newest folder's searcher, for as long as a block lasts."""
    searcher = history.open()
    try:
        yield searcher
    finally:
        searcher.close()


def filled(
    subject: IndexSubject[Item, Asked], folder: Path
) -> tuple[np.random.Generator, History[Item, Asked]]:
    """A random generator, and an index with the subject's number of rows."""
    rng = np.random.default_rng(SEED)
    history = History(subject, folder / "history")
    history.step(subject.items(rng, subject.rows))
    return rng, history


def queries(subject: IndexSubject[Item, Asked], rng: np.random.Generator) -> list[Asked]:
    """Some random queries."""
    return [subject.asked(rng) for _ in range(QUERIES)]


def none() -> Rows:
    """No rows."""
    return np.empty(0, dtype=np.int64)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder with its bytes."""
    return {
        item.relative_to(folder).as_posix(): item.read_bytes()
        for item in sorted(folder.rglob("*"))
        if item.is_file()
    }


def same(one: Found, other: Found, what: str) -> None:
    """Demand that two searches found the same rows in the same order, with the same scores."""
    demand(
        one.rows.tolist() == other.rows.tolist(),
        f"{what}: rows {one.rows.tolist()[:20]} and {other.rows.tolist()[:20]}",
    )
    demand(
        bool(np.allclose(one.scores, other.scores, rtol=1e-5, atol=1e-4)),
        f"{what}: scores {one.scores.tolist()[:20]} and {other.scores.tolist()[:20]}",
    )


def well_formed(found: Found, what: str) -> None:
    """Demand the form of a result: distinct rows, falling scores, equal ones in rising order."""
    rows, scores = found.rows, found.scores
    demand(
        rows.ndim == 1 and rows.shape == scores.shape and rows.dtype == np.int64,
        f"{what}: rows {rows.dtype} {rows.shape}, scores {scores.dtype} {scores.shape}",
    )
    demand(bool(np.isfinite(scores).all()), f"{what}: scores are not finite")
    demand(len(set(rows.tolist())) == len(rows), f"{what}: a row comes twice")
    steps, ties = np.diff(scores), np.diff(rows)
    demand(bool((steps <= 0).all()), f"{what}: scores rise: {scores.tolist()[:20]}")
    demand(bool((ties[steps == 0] > 0).all()), f"{what}: equal scores are not in order of rows")


def right(found: Found, expected: Mapping[int, float], k: int, tolerance: float, what: str) -> None:
    """Demand the best k by brute force, complete with all that tie with the last of them.

    Rows whose brute-force scores differ by less than the tolerance may change places; rows whose
    brute-force scores are equal to the last bit tie.
    """
    well_formed(found, what)
    values = sorted(expected.values(), reverse=True)
    near = tolerance * max([1.0, *(abs(value) for value in values[:1])])
    for row, score in zip(found.rows.tolist(), found.scores.tolist(), strict=True):
        demand(row in expected, f"{what}: row {row} cannot be found (score {score})")
        demand(
            abs(expected[row] - score) <= near,
            f"{what}: row {row} has score {score}, by brute force {expected[row]}",
        )
    demand(
        len(found.rows) >= min(k, len(values)),
        f"{what}: {len(found.rows)} rows found, there are {len(values)} and {k} were asked for",
    )
    if not values:
        return
    last = values[min(k, len(values)) - 1]
    rows = set(found.rows.tolist())
    for row, value in expected.items():
        demand(
            row in rows or value <= last + near,
            f"{what}: row {row} with {value} is missing; the last of the best {k} has {last}",
        )
    low = [row for row in rows if expected[row] < last - near]
    demand(not low, f"{what}: rows {low[:5]} are below the last of the best {k}, {last}")
    ties = {row for row, value in expected.items() if value == last}
    whole = ties <= rows
    above = {row for row, value in expected.items() if last < value <= last + near}
    # With neighbours nearer than the tolerance, another of them may stand at place k.
    demand(whole or bool(above), f"{what}: ties are incomplete: {sorted(ties - rows)[:5]} missing")


def share(found: Found, expected: Mapping[int, float], k: int, tolerance: float) -> float:
    """The share of the best k by brute force that was found; ties count for one another."""
    values = sorted(expected.values(), reverse=True)
    if not values:
        return 1.0
    count = min(k, len(values))
    last = values[count - 1] - tolerance * max(1.0, abs(values[0]))
    good = sum(expected.get(row, -np.inf) >= last for row in found.rows.tolist())
    return min(1.0, good / count)


def _row(pair: tuple[int, object]) -> int:
    return pair[0]
