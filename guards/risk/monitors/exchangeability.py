"""Do new scores still look like drawn from the calibration scores? No labels needed."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from assay.pipeline.errors import UsageError

EXPONENTS = tuple(n / 10 for n in range(1, 10))
"""Of the power bets, each with an equal share."""


@dataclass(slots=True)
class ExchangeabilityMartingale:
    """A conformal test martingale: bets that new scores rank low or high too often.

    Each new score is ranked among all scores so far, calibration and stream together, ties broken
    at random; while they are exchangeable the ranks are independent and uniform, and the wealth
    exceeds ``1 / delta`` ever with probability at most ``delta``. Ranks among the calibration
    scores alone would not be independent. Source: Vovk, Nouretdinov and Gammerman (2003); bets:
    a mixture of ``e p^(e - 1)``, for small p-values, and its mirror, for large ones, half each.

    Args:
        scores: of the calibration questions.
        seed: of the tie-breaking.
        two_sided: also bet that scores rank high too often.
    """

    scores: Sequence[float]
    seed: int
    two_sided: bool = True
    seen: int = field(default=0, init=False)
    _sorted: list[float] = field(init=False)
    _rng: np.random.Generator = field(init=False)
    _low: list[float] = field(init=False)
    _high: list[float] = field(init=False)

    def __post_init__(self) -> None:
        if any(math.isnan(score) for score in self.scores):
            raise UsageError("a reference score is NaN: it can be ranked nowhere")
        self._sorted = sorted(self.scores)
        self._rng = np.random.default_rng(self.seed)
        self._low = [0.0] * len(EXPONENTS)
        self._high = [0.0] * len(EXPONENTS)

    @classmethod
    def resumed(
        cls,
        scores: Sequence[float],
        arrived: Sequence[float],
        *,
        low: Sequence[float],
        high: Sequence[float],
    ) -> ExchangeabilityMartingale:
        """As it was after some scores had arrived; ties must be broken from outside.

        Args:
            scores: of the calibration questions.
            arrived: scores of the stream so far.
            low: ``low`` as it was then; none for a new one.
            high: ``high`` as it was then; none for a new one.
        """
        martingale = cls((*scores, *arrived), seed=0)
        martingale.seen = len(arrived)
        martingale._low = list(low) or martingale._low
        martingale._high = list(high) or martingale._high
        return martingale

    @property
    def low(self) -> list[float]:
        """Logarithms of what each bet on low ranks owns."""
        return list(self._low)

    @property
    def high(self) -> list[float]:
        """Logarithms of what each bet on high ranks owns."""
        return list(self._high)

    @property
    def value(self) -> float:
        """What the bettor owns."""
        low = _mean_of(self._low)
        return (low + _mean_of(self._high)) / 2 if self.two_sided else low

    def add(self, score: float, *, tie: float | None = None) -> float:
        """Rank a new score and bet; gives the wealth after it.

        Args:
            score: of the next question.
            tie: breaks ties, in [0, 1], uniform and drawn without a look at the score (such as
                from a digest of the question's id); None draws it by the seed.

        Raises:
            UsageError: for NaN.
        """
        if math.isnan(score):
            raise UsageError("a score is NaN: it can be ranked nowhere")
        drawn = self._rng.random() if tie is None else tie
        below = bisect.bisect_left(self._sorted, score)
        equal = bisect.bisect_right(self._sorted, score) - below
        rank = (below + drawn * (equal + 1)) / (len(self._sorted) + 1)
        self._sorted.insert(below, score)
        self.bet(rank)
        return self.value

    def bet(self, p_value: float) -> None:
        """Bet on one rank, 0 to 1."""
        p = min(max(p_value, 1e-12), 1 - 1e-12)
        for place, exponent in enumerate(EXPONENTS):
            self._low[place] += math.log(exponent) + (exponent - 1) * math.log(p)
            self._high[place] += math.log(exponent) + (exponent - 1) * math.log1p(-p)
        self.seen += 1


def wealth_of(p_values: Iterable[float]) -> list[float]:
    """Wealth after each of some ranks, bets on small ones only.

    >>> [round(one, 6) for one in wealth_of([0.9, 0.5])]
    [0.519836, 0.40344]
    """
    martingale = ExchangeabilityMartingale((), 0, two_sided=False)
    found = []
    for one in p_values:
        martingale.bet(one)
        found.append(martingale.value)
    return found


def _mean_of(logarithms: Sequence[float]) -> float:
    most = max(logarithms)
    if most > 700:
        return math.inf
    return math.fsum(math.exp(one) for one in logarithms) / len(logarithms)
