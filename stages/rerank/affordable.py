"""How deep a list may be reranked within limits, by what each depth is told to cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assay.pipeline.context import Cost


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent on one query; None for any.

    Args:
        calls: model calls.
        tokens: read and generated together.
        seconds: by the two speeds.
        tokens_per_second: speed of the models; None for endless.
        seconds_per_round: what a round of calls takes whatever is read.
    """

    calls: float | None = None
    tokens: float | None = None
    seconds: float | None = None
    tokens_per_second: float | None = None
    seconds_per_round: float = 0.0

    def broken(self, cost: Cost) -> str:
        """The unit of the first limit that a cost is above; '' for none.

        >>> Limits(calls=4, tokens=100).broken(Cost(calls=3, tokens_in=90, tokens_out=11))
        'tokens'
        """
        tokens = cost.tokens_in + cost.tokens_out
        seconds = cost.rounds * self.seconds_per_round
        if self.tokens_per_second is not None:
            seconds += tokens / self.tokens_per_second
        for unit, told, limit in (
            ("calls", cost.calls, self.calls),
            ("tokens", tokens, self.tokens),
            ("seconds", seconds, self.seconds),
        ):
            if limit is not None and told > limit:
                return unit
        return ""


def deepest(most: int, cost_of: Callable[[int], Cost], limits: Limits) -> tuple[int, str]:
    """The largest affordable depth, by bisection, and the unit that is in the way of the next.

    Depth 0 is always affordable. Where a cost falls with depth somewhere, what is found is
    affordable all the same, and the next depth is not.

    >>> deepest(100, lambda n: Cost(calls=2 * n), Limits(calls=7))
    (3, 'calls')

    Args:
        most: the largest depth.
        cost_of: what a depth costs; more passages cost no less.
        limits: to be kept.
    """
    unit = limits.broken(cost_of(most)) if most else ""
    if not unit:
        return most, ""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        found = limits.broken(cost_of(middle))
        if found:
            high, unit = middle, found
        else:
            low = middle
    return low, unit
