"""Searching what ``NumpyBm25`` wrote.

Terms are added one after another, the rarest first, into an array with a place for every passage.
Common terms come last, and mostly they need not be added at all: once the best k that the rarer
terms give are known, only passages whose score could still reach them are looked at (the rule of
Turtle & Flood 1995, "Query evaluation: strategies and optimizations", section 3, there called
max_score, here term by term). A passage's parts are always added in the same order, so that its
score does not depend on the way it was found.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assay.corpora.corpus import TermStatistics
from assay.corpora.indexes.folders import damaged
from assay.corpora.indexes.index import Found, Rows
from assay.corpora.indexes.lexical import LexicalSearcher, best, floor
from assay.corpora.indexes.postings import Postings
from assay.corpora.indexes.postings_scoring import Scoring, Step
from assay.corpora.indexes.rows import Places
from assay.corpora.indexes.segments import Held
from assay.models.protocols import Floats

KEPT_TERMS = 50_000
"""Terms whose places in the files are remembered."""

KEPT_STARTS = 4
"""Sets of allowed rows that are kept as arrays to begin from: each four bytes a passage."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A term in a field: its number in each segment, and how many passages hold it."""

    numbers: tuple[int | None, ...]
    count: int


class NumpySearcher(LexicalSearcher):
    """Postings that lie in files.

    Args:
        held: rows and layout.
        postings: by field, of every segment.
        k1: see ``lexical``.
        b: see ``lexical``.
        mark: the fingerprint.
    """

    def __init__(
        self,
        held: Held,
        postings: Mapping[str, Sequence[Postings]],
        *,
        k1: float,
        b: float,
        mark: str,
    ) -> None:
        super().__init__(tuple(postings))
        self._folder = held.folder
        self._rows = held.rows
        self._postings = postings
        self._mark = mark
        self._gain = k1 + 1
        segments = held.layout.segments
        self._scoring: dict[str, list[Scoring]] = {}
        alive = held.rows.open_places(None)
        for name, own in postings.items():
            total = sum(int(one.facts["terms"][name]) for one in segments)
            for one, places in zip(own, alive, strict=True):
                if places is not None:
                    left = int(one.lengths[places].sum(dtype=np.int64))
                    total += left - int(one.lengths.sum(dtype=np.int64))
            mean = total / max(1, self.size)
            self._scoring[name] = [
                Scoring(one, one.parts(k1, b, mean) if mean else np.zeros(len(one.pairs)))
                for one in own
            ]
        self._remembered: dict[tuple[str, str], _Known] = {}
        self._lock = threading.Lock()
        self._starts: OrderedDict[int, tuple[Rows | None, list[Floats | None]]] = OrderedDict()

    @property
    def size(self) -> int:
        """Rows that can be found."""
        return self._rows.size

    def fingerprint(self) -> str:
        """See ``Searcher.fingerprint``: the settings."""
        return self._mark

    def _statistics(self, terms: Sequence[str], field: str) -> TermStatistics:
        return TermStatistics(self.size, {term: self._term(field, term).count for term in terms})

    def _find(self, field: str, terms: Mapping[str, int], k: int, allowed: Rows | None) -> Found:
        asked = [(self._term(field, term), times) for term, times in terms.items()]
        asked = sorted(((one, times) for one, times in asked if one.count), key=_rarity)
        if not asked:
            return best(np.empty(0, dtype=np.int64), np.empty(0), k, parts=0)
        worth = [self._worth(one.count) * times for one, times in asked]
        open_places = self._rows.open_places(allowed)
        # Scores that lie nearer to one another than this may tie; see ``floor``.
        slack = len(asked) * 2.0**-20
        while True:
            rows, scores, cut = [], [], 0.0
            for number, places in enumerate(open_places):
                steps = [
                    Step(own, value)
                    for (one, _), value in zip(asked, worth, strict=True)
                    if (own := one.numbers[number]) is not None
                ]
                near, values, cut = self._segment(
                    number, field, steps, k, places, allowed, cut, slack
                )
                rows.append(self._rows.all[self._rows.bounds[number] + near])
                scores.append(values)
            found, values = np.concatenate(rows), np.concatenate(scores)
            if not cut or len(values) < k or floor(found, values, k, parts=len(asked)) >= cut:
                return best(found, values, k, parts=len(asked))
            slack *= 16

    def _segment(
        self,
        number: int,
        field: str,
        steps: Sequence[Step],
        k: int,
        places: Places | None,
        allowed: Rows | None,
        cut: float,
        slack: float,
    ) -> tuple[Places, Floats, float]:
        scoring = self._scoring[field][number]
        try:
            if places is not None and scoring.is_quicker_among(len(places), steps):
                scores = scoring.among(steps, places)
                near = np.flatnonzero(scores > 0)
                return places[near], scores[near], cut
            start = None if places is None else self._start(number, places, allowed)
            return scoring.best(steps, k, start=start, cut=cut, slack=slack)
        except IndexError as error:
            raise damaged(self._folder, "a posting belongs to no row") from error

    def _start(self, number: int, places: Places, allowed: Rows | None) -> Floats:
        """0 for the places that may be found, minus infinity for the others.

        It is kept where ``allowed`` stays as it is; see ``RowMap.open_places``.
        """
        fixed = allowed is None or not (allowed.flags.writeable or allowed.base is not None)
        key = 0 if allowed is None else id(allowed)
        if fixed:
            with self._lock:
                known = self._starts.get(key)
                if known is not None:
                    self._starts.move_to_end(key)
                    made = known[1][number]
                    if made is not None:
                        return made
        start = np.full(self._rows.bounds[number + 1] - self._rows.bounds[number], -np.inf, "f4")
        start[places] = 0
        if fixed:
            with self._lock:
                empty: list[Floats | None] = [None] * (len(self._rows.bounds) - 1)
                self._starts.setdefault(key, (allowed, empty))[1][number] = start
                while len(self._starts) > KEPT_STARTS:
                    self._starts.popitem(last=False)
        return start

    def _worth(self, count: int) -> float:
        """What a term is worth that so many passages hold."""
        return math.log(1 + (self.size - count + 0.5) / (count + 0.5))

    def _term(self, field: str, term: str) -> _Known:
        known = self._remembered.get((field, term))
        if known is None:
            name = term.encode("utf-8", "replace")
            numbers = tuple(one.number(name) for one in self._postings[field])
            count = sum(
                one.holders(number)
                for one, number in zip(self._postings[field], numbers, strict=True)
                if number is not None
            )
            known = _Known(numbers, count)
            if len(self._remembered) >= KEPT_TERMS:
                self._remembered.clear()
            self._remembered[field, term] = known
        return known


def _rarity(pair: tuple[_Known, int]) -> int:
    """What terms are in the order of; the sort is stable, and terms came in one order."""
    return pair[0].count
