"""What a conformal selection is fitted to: where the needed passages stand, as arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.stages.select.conformal_rule import Loss, Measure, values
from assay.training.labelled_rankings import LabelledRankings


@dataclass(frozen=True, slots=True)
class Evidence:
    """Values of passages, larger is better, of n questions that each need m_i passages.

    Args:
        worst: of each question the value of its worst needed passage, minus infinity where one
            has no value, shape ``(n,)``.
        needed: values of all needed passages, minus infinity where there is none, ``(sum m_i,)``.
        share: of each of them ``1 / m_i``, the same shape.
        owner: of each of them the question's place, the same shape.
        all: values of all passages that have one, rising, any number.
    """

    worst: NDArray[np.float64]
    needed: NDArray[np.float64]
    share: NDArray[np.float64]
    owner: NDArray[np.intp]
    all: NDArray[np.float64]

    @property
    def n(self) -> int:
        """Number of questions."""
        return len(self.worst)

    @property
    def single(self) -> bool:
        """Whether every question needs one passage, so that every loss is 0 or 1."""
        return len(self.needed) == self.n

    def size(self, threshold: float) -> float:
        """Mean number of passages kept by a threshold on values."""
        return (len(self.all) - int(np.searchsorted(self.all, threshold, side="left"))) / self.n


def evidence_of(
    examples: Sequence[LabelledRankings], measure: Measure, *, ranking: str = "ranking"
) -> Evidence:
    """The values of a ranking's passages, as ``ConformalRule`` measures them, turned upwards.

    Args:
        examples: each with at least one needed passage.
        measure: see ``ConformalRule``.
        ranking: name of the ranking that is selected from.
    """
    sign = 1.0 if measure == "score" else -1.0
    worst, needed, share, owner = [], [], [], []
    found: list[float] = []
    for place, one in enumerate(examples):
        given = one.rankings[ranking]
        known = {
            name: sign * value
            for name, value in zip(
                given.ids, values(given.hits, len(given.alike), measure), strict=True
            )
            if value is not None
        }
        found += known.values()
        own = [known.get(name, -math.inf) for name in sorted(one.needed)]
        worst.append(min(own))
        needed += own
        share += [1 / len(own)] * len(own)
        owner += [place] * len(own)
    return Evidence(
        np.array(worst),
        np.array(needed),
        np.array(share),
        np.array(owner, dtype=np.intp),
        np.sort(np.array(found)),
    )


def threshold_of(evidence: Evidence, loss: Loss, allowed: float) -> float | None:
    """The highest threshold on values at which the losses sum up to at most ``allowed``.

    Args:
        evidence: of the calibration questions.
        loss: see ``ConformalRule``.
        allowed: see ``allowed_with_confidence``.

    Returns:
        The value of a needed passage; None where even keeping everything loses more.
    """
    if loss == "all":
        step, shares = evidence.worst, np.ones(evidence.n)
    else:
        step, shares = evidence.needed, evidence.share
    order = np.argsort(step, kind="stable")
    step, shares = step[order], shares[order]
    before = np.concatenate([[0.0], np.cumsum(shares)])[np.searchsorted(step, step, side="left")]
    good = np.isfinite(step) & (before <= allowed + 1e-9)
    return float(step[np.nonzero(good)[0][-1]]) if bool(good.any()) else None
