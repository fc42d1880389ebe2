"""How often each thing went wrong, at any thresholds, for many questions at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from assay.guards.risk.losses import Count, Observation, Risk, Thresholds, wrong

Mask = NDArray[np.bool_]
"""Shape ``(n_observations,)``."""


class Tally:
    """Counts over observations, which are read once.

    Args:
        observations: made with gates no stricter than any thresholds that are asked about; for
            ``wrongful_abstention`` with open gates.
    """

    def __init__(self, observations: Sequence[Observation]) -> None:
        self.n = len(observations)
        self._scores: Mapping[str, NDArray[np.float64]] = {
            name: np.array(
                # NaN for a gate that was never reached: it passes no threshold.
                [
                    np.nan if (score := one.scores.get(name)) is None else score
                    for one in observations
                ],
                dtype=np.float64,
            )
            for name in sorted({name for one in observations for name in one.scores})
        }
        self._answered = _mask(one.answered for one in observations)
        self._wrong = _mask(wrong(one) for one in observations)
        self._poisoned = _mask(one.poison_in_context for one in observations)
        self._strata = np.array([one.stratum for one in observations], dtype=object)
        self._of: Mapping[str, Mask] = {
            name: self._strata == name for name in set(self._strata.tolist())
        }
        self._able = self._stratum("answerable") & self._answered & ~self._wrong

    def count(self, risk: Risk, thresholds: Thresholds) -> Count:
        """Losses of a risk, out of the questions that it is about."""
        given = self._given(thresholds)
        match risk.name:
            case "hallucination":
                return _count(self._wrong & given, given)
            case "false_answer":
                asked = self._stratum("unanswerable")
                return _count(asked & given, asked)
            case "poison_admitted":
                asked = self._stratum("poisoned")
                return _count(asked & self._poisoned & given, asked)
            case "wrongful_abstention":
                return _count(self._able & ~given, self._able)
            case _:
                assert_never(risk.name)

    def right_rate(self, thresholds: Thresholds) -> Count:
        """Utility: right answers, out of the answerable questions."""
        asked = self._stratum("answerable")
        return _count(asked & ~self._wrong & self._given(thresholds), asked)

    def coverage(self, thresholds: Thresholds) -> Count:
        """Answers given, out of all questions."""
        return Count(int(np.count_nonzero(self._given(thresholds))), self.n)

    def _given(self, thresholds: Thresholds) -> Mask:
        given: Mask = self._answered.copy()
        for name, value in thresholds.items():
            if value is not None:
                given &= self._scores[name] >= value if name in self._scores else np.False_
        return given

    def _stratum(self, name: str) -> Mask:
        return self._of.get(name, np.zeros(self.n, dtype=bool))


def _mask(values: Iterable[bool | None]) -> Mask:
    return np.array([bool(one) for one in values], dtype=bool)


def _count(bad: Mask, asked: Mask) -> Count:
    return Count(int(np.count_nonzero(bad)), int(np.count_nonzero(asked)))
