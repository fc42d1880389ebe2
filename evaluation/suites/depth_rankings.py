"""Rankings at every rerank depth, from one list of scores."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reranked:
    """A ranking before and after the deepest rerank.

    Args:
        before: passages as they came to the reranker, best first.
        first: their scores then, by passage.
        scores: the reranker's score of each passage that it scored: the first of ``before``.
        listwise: whether these scores say nothing but the order.
    """

    before: tuple[str, ...]
    first: Mapping[str, float]
    scores: Mapping[str, float]
    listwise: bool = False

    def at(self, depth: int) -> tuple[str, ...]:
        """The ranking that a pointwise reranker gives at a depth up to the deepest.

        The first ``depth`` by their new scores, ties as they came, then the others.
        """
        head = [name for name in self.before[:depth] if name in self.scores]
        kept = set(head)
        order = sorted(head, key=lambda name: -self.scores[name])
        return (*order, *(name for name in self.before if name not in kept))

    def fused(self, weight: float, depth: int) -> tuple[str, ...]:
        """By ``weight`` * new + (1 - ``weight``) * old score, each brought to 0..1.

        The lowest of the first ``depth`` passages gets 0 and the highest 1, in both.

        Args:
            weight: of the reranker's score, 0 to 1.
            depth: passages that are fused; the others follow as they came.
        """
        head = [name for name in self.before[:depth] if name in self.scores]
        new = scaled({name: self.scores[name] for name in head})
        old = scaled({name: self.first[name] for name in head})
        mixed = {name: weight * new[name] + (1 - weight) * old[name] for name in head}
        return self._behind(sorted(head, key=lambda name: -mixed[name]))

    def guarded(self, trusted: int, depth: int) -> tuple[str, ...]:
        """By new score, but a passage from behind must beat the middle of those in front.

        Passages that came beyond rank ``trusted`` with a score that is not above the median
        score of the first ``trusted`` follow behind all others.

        Args:
            trusted: ranks in front.
            depth: passages that are reranked.
        """
        head = [name for name in self.before[:depth] if name in self.scores]
        front = set(head[:trusted])
        if not front:
            return self.before
        bar = statistics.median(self.scores[name] for name in front)
        passing = [name for name in head if name in front or self.scores[name] > bar]
        refused = [name for name in head if name not in set(passing)]

        def better(name: str) -> float:
            return -self.scores[name]

        return self._behind([*sorted(passing, key=better), *sorted(refused, key=better)])

    def _behind(self, order: Sequence[str]) -> tuple[str, ...]:
        kept = set(order)
        return (*order, *(name for name in self.before if name not in kept))


def scaled(scores: Mapping[str, float]) -> dict[str, float]:
    """Scores brought to 0..1; all .5 where they are equal.

    >>> scaled({"a": 4.0, "b": 2.0, "c": 3.0})
    {'a': 1.0, 'b': 0.0, 'c': 0.5}
    """
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    width = high - low
    return {name: (one - low) / width if width > 0 else 0.5 for name, one in scores.items()}


def phantoms(
    before: Sequence[str],
    ranked: Sequence[str],
    depth: int,
    shares_a_word: Callable[[str], bool],
    *,
    top: int,
    tail: float,
) -> list[str]:
    """Passages in front after a rerank for which nothing else speaks.

    One is among the first ``top`` after the rerank, came behind them and in the last ``tail``
    of the reranked passages, and shares no word with the question, so that BM25 gives it 0.

    Args:
        before: passages as they came, best first.
        ranked: the same after the rerank.
        depth: passages that were reranked.
        shares_a_word: whether a passage shares one.
        top: ranks that count as in front.
        tail: share of the reranked passages, 0 to 1.

    >>> phantoms("abcd", "dcba", 4, lambda one: one == "c", top=2, tail=0.5)
    ['d']
    """
    head = before[:depth]
    late = set(head[max(top, math.ceil(len(head) * (1 - tail))) :])
    return [name for name in ranked[:top] if name in late and not shares_a_word(name)]


def same_ranking(
    cached: Sequence[str], fresh: Sequence[str], scores: Mapping[str, float], *, slack: float
) -> bool:
    """Whether two rankings are one, but for places that scores a hair apart have swapped.

    Args:
        cached: from scores of the deepest run.
        fresh: of a run of its own.
        scores: of the deepest run.
        slack: difference of scores that counts as a tie.
    """
    if len(cached) != len(fresh):
        return False
    return all(
        one == other
        or (one in scores and other in scores and abs(scores[one] - scores[other]) <= slack)
        for one, other in zip(cached, fresh, strict=True)
    )


def feeding(rankings: Sequence[Mapping[str, Collection[str]]], order: Sequence[str]) -> str | None:
    """The last node whose passages are those of the reranked one, on every question.

    Args:
        rankings: for each question, node to its passages; '' is the reranked one.
        order: nodes that come before it, in plan order.
    """
    for node in reversed(order):
        if all(set(one[node]) == set(one[""]) for one in rankings if one[""]):
            return node
    return None
