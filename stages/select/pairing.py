"""Which passages a set of rationales chooses. Pure algorithms on vectors, no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.models.protocols import Floats
from assay.stages.rerank.unit_vectors import cosines, unit_rows
from assay.stages.select.gaps import FLAT, Elbow, Fallback, elbow

COMPUTES = True
"""What is below decides what a selector gives, so it counts for fingerprints."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A rationale with the passage that it chose.

    Args:
        rationale: its number.
        passage: place of the passage.
        cosine: of the two, -1 to 1.
    """

    rationale: int
    passage: int
    cosine: float


@dataclass(frozen=True, slots=True)
class ByRationales:
    """What rationales say about passages.

    Args:
        pairs: one for each rationale that chose a passage, in the order of the rationales.
        pooled: places by their cosine to the mean rationale, best first; all of them.
        means: those cosines, in the order of ``pooled``.
        cut: where they fall off; size 0 where the pooled selection is switched off.
        best: for each place its largest cosine to a rationale and that rationale's number.
    """

    pairs: tuple[Pair, ...]
    pooled: tuple[int, ...]
    means: tuple[float, ...]
    cut: Elbow
    best: tuple[tuple[float, int], ...]

    @property
    def places(self) -> frozenset[int]:
        """Places that a rationale or the pooled selection chose."""
        return frozenset(pair.passage for pair in self.pairs) | set(self.pooled[: self.cut.size])


def pairing(similarities: Sequence[Sequence[float]], *, distinct: bool) -> list[Pair]:
    """Each rationale, in its order, takes the passage that is most like it.

    Of equally similar passages the first. Leaving out a passage that none took changes nothing.

    Source: METEORA (2025), the pairing step. Differs: with more rationales than passages the later
    ones take nothing, where the original code gives them the first passage again.

    Args:
        similarities: a row for each rationale, a column for each passage; finite.
        distinct: whether a passage can be taken once only, so that n rationales take n passages if
            there are as many; otherwise several may take the same one.

    >>> table = [[.9, .8, .1], [.95, .7, .2], [.1, .2, .15]]
    >>> sorted({pair.passage for pair in pairing(table, distinct=True)})
    [0, 1, 2]
    >>> sorted({pair.passage for pair in pairing(table, distinct=False)})
    [0, 1]
    """
    found: list[Pair] = []
    taken: set[int] = set()
    for number, row in enumerate(similarities):
        free = [place for place in range(len(row)) if not (distinct and place in taken)]
        if free:
            best = max(free, key=lambda place: (row[place], -place))
            found.append(Pair(number, best, float(row[best])))
            taken.add(best)
    return found


def select_by_rationales(
    rationales: Floats,
    passages: Floats,
    *,
    distinct: bool = False,
    pooled: bool = True,
    z: float = 1.0,
    fallback: Fallback = "second_difference",
    tolerance: float = FLAT,
) -> ByRationales:
    """The passages that rationales choose one by one, and those that they choose together.

    Together: passages sorted by their cosine to the mean of the rationales' vectors, cut at the
    elbow. The rationales may come from anywhere: a language model, labelled answers.

    Source: METEORA (2025), steps 1 and 2. Differs in what ``pairing`` and ``gaps.elbow`` tell, and
    the mean is that of vectors of length 1.

    Args:
        rationales: shape ``(n_rationales, dimension)``.
        passages: shape ``(n_passages, dimension)``.
        distinct: see ``pairing``.
        pooled: whether the pooled selection takes part.
        z: see ``gaps.elbow``, as are ``fallback`` and ``tolerance``.

    Returns:
        Nothing chosen where there are no rationales or no passages.

    Raises:
        ModelError: if a number is not finite.
    """
    if not len(rationales) or not len(passages):
        return ByRationales((), (), (), elbow(()), ())
    asked, read = unit_rows(rationales), unit_rows(passages)
    table = cosines(asked, read)
    mean = unit_rows(asked.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32))
    together = cosines(mean, read)[0]
    order = sorted(range(len(read)), key=lambda place: (-together[place], place))
    means = tuple(float(together[place]) for place in order)
    cut = elbow(means if pooled else (), z=z, fallback=fallback, tolerance=tolerance)
    return ByRationales(
        tuple(pairing(table.tolist(), distinct=distinct)),
        tuple(order),
        means,
        cut,
        tuple((float(column.max()), int(column.argmax())) for column in table.T),
    )
