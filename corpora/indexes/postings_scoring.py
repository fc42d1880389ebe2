"""Scores of the passages of one segment, from its postings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.corpora.indexes.postings import Postings
from assay.corpora.indexes.rows import Places
from assay.models.protocols import Floats

FOLD = 64
"""Passages that share a maximum, where the k-th best is estimated."""

NEAR = 8
"""Where more than one in so many passages could still be among the best, all are scored."""

LOOK_UP, ADD, PASS = 60e-9, 2.5e-9, 1e-9
"""Seconds to look a posting up among others, to add one to a score, to pass a place by; measured
on one machine, to choose between two ways to the same scores."""

SPARE = 4
"""Arrays that are kept for the next search."""

_ROUNDING = 1e-5
"""Share by which sums in single precision may miss a bound."""


@dataclass(frozen=True, slots=True)
class Step:
    """A term of a query.

    Args:
        number: in the segment.
        worth: what it is worth, above 0.
    """

    number: int
    worth: float


class Scoring:
    """Adds scores up; safe between threads.

    Args:
        postings: of a segment.
        parts: what each pair gives; see ``Postings.parts``.
    """

    def __init__(self, postings: Postings, parts: NDArray[np.float64]) -> None:
        self._postings = postings
        self._parts = parts
        self._size = len(postings.lengths)
        self._starts = postings.starts
        self._most = {
            int(number): float(parts[postings.met[row]].max(initial=0.0))
            for row, number in enumerate(postings.common)
        }
        self._rows = {int(number): row for row, number in enumerate(postings.common)}
        self._spare: list[Floats] = []

    def is_quicker_among(self, places: int, steps: Sequence[Step]) -> bool:
        """Whether it is quicker to look so many places up than to score the whole segment."""
        looked, added = 0, 0
        for step in steps:
            count = int(self._starts[step.number + 1] - self._starts[step.number])
            looked += min(places, count or places)
            added += count
        return looked * LOOK_UP < self._size * PASS + added * ADD

    def among(self, steps: Sequence[Step], places: Places) -> Floats:
        """The scores of some places, which are in rising order."""
        scores = np.zeros(len(places), dtype=np.float32)
        near = places.astype(np.int32)
        for step in steps:
            values = self._values(step)
            row = self._rows.get(step.number)
            if row is not None:
                scores += values[self._postings.matrix[row][places]]
                continue
            holders, codes = self._list(step.number)
            if not len(holders) or not len(near):
                continue
            if len(holders) > len(near):
                at = np.minimum(np.searchsorted(holders, near), len(holders) - 1)
                hit = holders[at] == near
                scores[hit] += values[codes[at[hit]]]
            else:
                at = np.minimum(np.searchsorted(near, holders), len(near) - 1)
                hit = near[at] == holders
                scores[at[hit]] += values[codes[hit]]
        return scores

    def best(
        self, steps: Sequence[Step], k: int, *, start: Floats | None, cut: float, slack: float
    ) -> tuple[Places, Floats, float]:
        """The best k, all that come near the last of them, and perhaps more.

        Args:
            steps: in the order in which scores are added up.
            k: from 1.
            start: 0 for places that may be found, minus infinity for others; None for all.
            cut: scores below it are of no interest.
            slack: the share of the k-th score by which others may be below it.

        Returns:
            Places, scores, and the score from which on none is missing.
        """
        if not steps:
            return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.float32), cut
        scores = self._spare.pop() if self._spare else np.empty(self._size, dtype=np.float32)
        if start is None:
            scores.fill(0)
        else:
            np.copyto(scores, start)
        try:
            return self._best(steps, k, scores, cut, slack)
        finally:
            if len(self._spare) < SPARE:
                self._spare.append(scores)

    def _best(
        self, steps: Sequence[Step], k: int, scores: Floats, cut: float, slack: float
    ) -> tuple[Places, Floats, float]:
        late = self._late(steps)
        for step in steps[: len(steps) - late]:
            self._add(step, scores)
        while True:
            rest = steps[len(steps) - late :]
            bound = sum(self._most[step.number] * step.worth for step in rest)
            peaks = _Peaks(scores, _fold(self._size, k))
            at = peaks.near_best(k, self._size // NEAR)
            if len(at) >= k:
                kth = float(np.partition(self._exact(scores, at, rest), len(at) - k)[len(at) - k])
                cut = max(cut, kth * (1 - slack))
            least = cut - (bound + cut) * _ROUNDING - bound if rest else cut
            if not rest or least > 0:
                at = peaks.from_score(least)
                if not rest or len(at) * NEAR <= self._size:
                    found = self._exact(scores, at, rest)
                    good = np.flatnonzero((found > 0) & (found >= cut))
                    return at[good], found[good], cut
            self._add(rest[0], scores)
            late -= 1

    def _late(self, steps: Sequence[Step]) -> int:
        """How many of the last terms are common ones, which may wait; never all of them."""
        late = 0
        for step in reversed(steps[1:]):
            if step.number not in self._rows:
                break
            late += 1
        return late

    def _exact(self, scores: Floats, at: Places, rest: Sequence[Step]) -> Floats:
        """The scores of some places with the terms that were not added."""
        found = scores[at]
        for step in rest:
            row = self._rows[step.number]
            found += self._values(step).take(self._postings.matrix[row][at])
        return found

    def _add(self, step: Step, scores: Floats) -> None:
        values = self._values(step)
        row = self._rows.get(step.number)
        if row is not None:
            scores += values.take(self._postings.matrix[row])
        else:
            holders, codes = self._list(step.number)
            np.add.at(scores, holders.astype(np.intp), values.take(codes))

    def _values(self, step: Step) -> Floats:
        """What a term adds, by code."""
        return (self._parts * step.worth).astype(np.float32)

    def _list(self, number: int) -> tuple[NDArray[np.int32], NDArray[Any]]:
        part = slice(int(self._starts[number]), int(self._starts[number + 1]))
        return self._postings.places[part], self._postings.codes[part]


class _Peaks:
    """The highest of every ``fold`` scores, to find high ones without a look at each.

    Args:
        scores: shape ``(n,)``.
        fold: how many places share a maximum; 0 for none.
    """

    def __init__(self, scores: Floats, fold: int) -> None:
        self._scores = scores
        self._width = len(scores) // fold if fold else 0
        self._folded = scores[: self._width * fold].reshape(fold, self._width)
        self._highest = self._folded.max(axis=0) if fold else scores[:0]

    def near_best(self, k: int, most: int) -> Places:
        """At least k places with high scores, at most ``most`` or k; none where too few are
        above 0 to tell."""
        if k > self._width:
            return np.empty(0, dtype=np.intp)
        kth = np.partition(self._highest, self._width - k)[self._width - k]
        return self.from_score(float(kth))[: max(k, most)] if kth > 0 else np.empty(0, np.intp)

    def from_score(self, least: float) -> Places:
        """All places with at least that score."""
        columns = np.flatnonzero(self._highest >= least)
        if not self._width or len(columns) * NEAR > self._width:
            return np.flatnonzero(self._scores >= least)
        lines, found = np.nonzero(self._folded[:, columns] >= least)
        tail = self._folded.size
        behind = np.flatnonzero(self._scores[tail:] >= least) + tail
        return np.concatenate([lines * self._width + columns[found], behind])


def _fold(size: int, k: int) -> int:
    """How many places share a maximum, so that there are enough maxima; 0 for no estimate."""
    fold = FOLD
    while fold > 1 and size // fold < 4 * k:
        fold //= 2
    return fold if fold > 1 else 0
