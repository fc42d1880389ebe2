"""Choose from more than can be looked at in one go. A pure schedule, no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

COMPUTES = True
"""What is below decides what a selector gives, so it counts for fingerprints."""

Pick = Callable[[Sequence[Sequence[int]]], Sequence[Sequence[int]]]
"""Of each of some batches of places the chosen ones, in the chooser's order; one round of calls."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """What came out of a map and reduce.

    Args:
        places: chosen places, in the chooser's order.
        rounds: of calls.
        unjoined: whether the rounds were used up, or did not shrink what was left, before all
            survivors were seen together; they are then chosen as they are.
    """

    places: tuple[int, ...]
    rounds: int
    unjoined: bool


def map_reduce(n: int, pick: Pick, *, batch: int, max_rounds: int, join: bool = True) -> Rounds:
    """Let a chooser see n places batch by batch, then the survivors, until they fit in one batch.

    Source: DynamicRAG (2025), the inference over large pools. Differs: places are those of the
    whole list, where the original code takes those of the batch; rounds are bounded, since nothing
    makes a round leave fewer. Cost: ``ceil(n / batch)`` calls in the first round, the same over the
    survivors in each later one; one call where n fits a batch.

    Args:
        n: places in all.
        pick: the chooser.
        batch: most places that it sees at once, at least 1.
        max_rounds: at least 1.
        join: whether survivors of several batches are looked at again, together.

    >>> first = lambda batches: [one[:1] for one in batches]
    >>> map_reduce(45, first, batch=40, max_rounds=3, join=False).places
    (0, 40)
    >>> map_reduce(45, first, batch=40, max_rounds=3).places
    (0,)
    """
    left: tuple[int, ...] = tuple(range(n))
    done = 0
    while left and done < max_rounds:
        batches = [left[begin : begin + batch] for begin in range(0, len(left), batch)]
        found = tuple(place for picked in pick(batches) for place in picked)
        done += 1
        if len(batches) == 1 or not join:
            return Rounds(found, done, False)
        if len(found) == len(left) and len(left) > batch:
            return Rounds(found, done, True)
        left = found
    return Rounds(left, done, bool(left))
