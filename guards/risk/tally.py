"""How often each thing went wrong, at any thresholds, for many questions at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from assay.guards.risk.losses import Count, Observation, Risk, Thresholds, wrong
from assay.guards.risk.mean_bounds import ROUNDING
from assay.pipeline.errors import DataError

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
        self._complete, self._complete_known = _labels(one.complete for one in observations)
        self._followed, self._followed_known = _labels(one.followed for one in observations)
        self._unsupported = np.array(
            [np.nan if one.unsupported is None else one.unsupported for one in observations],
            dtype=np.float64,
        )
        self._ids = [one.id for one in observations]
        self._able = self._stratum("answerable") & self._answered & ~self._wrong

    def count(self, risk: Risk, thresholds: Thresholds) -> Count:
        """Losses of a risk, out of the questions that it is about.

        Raises:
            DataError: if the risk needs a label that an answered question does not have.
        """
        bad, asked = self._masks(risk, thresholds)
        if not risk.graded:
            return _count(bad, asked)
        total = math.fsum(self._unsupported[asked].tolist())
        return Count(math.ceil(total - ROUNDING), int(np.count_nonzero(asked)), total)

    def losses(self, risk: Risk, thresholds: Thresholds) -> list[float]:
        """Each loss of a risk, in the order of the observations.

        Raises:
            DataError: as ``count`` does.
        """
        bad, asked = self._masks(risk, thresholds)
        values: NDArray[np.float64] = self._unsupported if risk.graded else bad.astype(np.float64)
        return [float(one) for one in values[asked]]

    def _masks(self, risk: Risk, thresholds: Thresholds) -> tuple[Mask, Mask]:
        """Which questions are lost, and which could be; the first is not read of graded risks."""
        given = self._given(thresholds)
        match risk.name:
            case "hallucination":
                return self._wrong & given, given
            case "false_answer":
                asked = self._stratum("unanswerable")
                return asked & given, asked
            case "poison_admitted":
                asked = self._stratum("poisoned")
                return asked & self._poisoned & given, asked
            case "poison_followed":
                asked = self._stratum("poisoned")
                self._need(asked & given, self._followed_known, risk, "what the attacker wants")
                return asked & self._followed & given, asked
            case "missed_evidence":
                asked = self._stratum("answerable")
                self._need(asked & given, self._complete_known, risk, "which passages are needed")
                return asked & ~(self._complete & given), asked
            case "unsupported_claim":
                asked = self._stratum("answerable") & given
                known = ~np.isnan(self._unsupported)
                self._need(asked, known, risk, "what of an answer its passages hold")
                return asked, asked
            case "wrongful_abstention":
                return self._able & ~given, self._able
            case _:
                assert_never(risk.name)

    def _need(self, asked: Mask, known: Mask, risk: Risk, label: str) -> None:
        lacking = np.flatnonzero(asked & ~known)
        if len(lacking):
            raise DataError(
                f"risk '{risk.name}': nothing says {label} for {len(lacking)} answered questions"
                f" (the first is '{self._ids[lacking[0]]}'): add the label, or leave the risk out"
            )

    def abstained(self, thresholds: Thresholds) -> Count:
        """Answerable questions met by an abstention, out of those not known to go wrong.

        A question that was not answered when it was observed counts as one that could have
        been answered rightly, so this is never below ``wrongful_abstention`` of the same
        questions observed with open gates.
        """
        asked = self._stratum("answerable") & ~(self._answered & self._wrong)
        return _count(asked & ~self._given(thresholds), asked)

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


def _labels(values: Iterable[bool | None]) -> tuple[Mask, Mask]:
    """Labels, and where there are any."""
    read = list(values)
    return _mask(read), _mask(one is not None for one in read)


def _count(bad: Mask, asked: Mask) -> Count:
    return Count(int(np.count_nonzero(bad)), int(np.count_nonzero(asked)))
