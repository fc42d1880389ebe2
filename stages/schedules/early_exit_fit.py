"""Half-widths for early exit out of questions for which all levels were scored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.pipeline.errors import DataError, UsageError
from assay.stages.comparisons.comparisons import Matrix
from assay.stages.schedules.early_exit import early_exit

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

NARROWEST = 1e-9
"""Least half-width before scaling, for a level that predicts the last one without any error."""


@dataclass(frozen=True, slots=True)
class FittedLevel:
    """How a level's score predicts the last level's: ``slope * score + intercept``.

    Args:
        slope: of the line.
        intercept: of the line.
        half_width: how far the prediction may be off; 0 for the last level.
        reached: mean share of candidates that early exit scored at this level.
    """

    slope: float
    intercept: float
    half_width: float
    reached: float


def fit_levels(
    fitting: Sequence[Matrix],
    calibration: Sequence[Matrix],
    *,
    top: int,
    alpha: float = 0.1,
    beam: int = 1,
) -> list[FittedLevel]:
    """Fit lines and half-widths so that early exit rarely chooses others than full compute.

    Lines are least squares on the first questions, half-widths the root mean square of their
    residuals. Both are then frozen, and the half-widths are multiplied by the conformal quantile
    over the other questions of each one's worst excess. So for a new question that is
    exchangeable with those of ``calibration``, all its scores are within their half-widths, and
    its best ``top`` those of full compute, with probability 1 - alpha at least.

    Source: split conformal prediction (Vovk et al. 2005; Lei et al. 2018) on the largest residual
    of a question.

    Args:
        fitting: for each question the scores, shape ``(n_candidates, n_levels)``, the last level
            in the last column, all as the node would see them.
        calibration: the same for other questions.
        top: candidates that are looked for.
        alpha: probability that a question is outside, in (0, 1).
        beam: as in the node; for ``reached`` only.

    Raises:
        UsageError: if there are too few calibration questions for alpha.
        DataError: if matrices are empty, differ in levels, or hold what is not finite.
    """
    levels = _levels_of(fitting, calibration)
    rows = np.concatenate([np.asarray(one, dtype=np.float64) for one in fitting])
    final = rows[:, -1]
    lines = [_line(rows[:, level], final) for level in range(levels - 1)] + [(1.0, 0.0)]
    base = [
        max(NARROWEST, float(np.sqrt(np.mean((slope * rows[:, level] + shift - final) ** 2))))
        for level, (slope, shift) in enumerate(lines[:-1])
    ]
    predicted = [_predicted(one, lines) for one in calibration]
    worst = [
        float((np.abs(one[:, :-1] - one[:, -1:]) / np.asarray(base)).max()) for one in predicted
    ]
    factor = conformal_quantile(worst, alpha=alpha)
    widths = [width * factor for width in base] + [0.0]
    reached = np.mean([_reached(one, widths, top, beam) for one in predicted], axis=0)
    return [
        FittedLevel(slope, shift, width, float(share))
        for (slope, shift), width, share in zip(lines, widths, reached, strict=True)
    ]


def conformal_quantile(values: Sequence[float], *, alpha: float) -> float:
    """The ceil((n + 1) (1 - alpha))-th smallest value.

    A further value that is exchangeable with these is at most this, with probability 1 - alpha
    at least.

    Args:
        values: one for each calibration question.
        alpha: in (0, 1).

    Raises:
        UsageError: if there are too few values.

    >>> conformal_quantile([0.5, 0.7, 0.9, 1, 1.2, 1.3, 1.6, 2, 2.4], alpha=0.2)
    2
    """
    place = math.ceil((len(values) + 1) * (1 - alpha) - 1e-9)
    if place > len(values):
        need = math.ceil(1 / alpha - 1e-9) - 1
        raise UsageError(
            f"alpha {alpha} needs at least {need} calibration questions, got {len(values)}: give"
            " more, or raise alpha"
        )
    return sorted(values)[place - 1]


def _levels_of(fitting: Sequence[Matrix], calibration: Sequence[Matrix]) -> int:
    if not fitting or not calibration:
        raise DataError("early exit is fitted on two sets of questions, and one of them is empty")
    levels = np.shape(fitting[0])[-1] if np.ndim(fitting[0]) == 2 else 0
    for name, questions in (("fitting", fitting), ("calibration", calibration)):
        for number, one in enumerate(questions):
            shape = np.shape(one)
            if len(shape) != 2 or shape[1] != levels or shape[0] < 1 or levels < 2:
                raise DataError(
                    f"{name} question {number}: expected scores of shape (candidates, levels) with"
                    f" at least 1 candidate and the same 2 or more levels everywhere, got {shape}"
                )
            if not np.isfinite(one).all():
                raise DataError(f"{name} question {number}: a score is not a finite number")
    return levels


def _line(scores: Matrix, final: Matrix) -> tuple[float, float]:
    spread = float(np.var(scores))
    if spread == 0.0:
        return 0.0, float(final.mean())
    slope = float(np.mean((scores - scores.mean()) * (final - final.mean()))) / spread
    return slope, float(final.mean() - slope * scores.mean())


def _predicted(scores: Matrix, lines: Sequence[tuple[float, float]]) -> Matrix:
    slopes, shifts = np.array(lines).T
    found: Matrix = np.asarray(scores, dtype=np.float64) * slopes + shifts
    return found


def _reached(scores: Matrix, widths: Sequence[float], top: int, beam: int) -> Matrix:
    """Share of a question's candidates that are scored at each level."""
    run = early_exit(len(scores), half_widths=widths, top=top, beam=beam)
    asked = next(run)
    while True:
        try:
            asked = run.send([float(scores[place, level]) for place, level in asked])
        except StopIteration as end:
            levels = np.asarray(end.value.levels)
            return np.array([(levels >= level).mean() for level in range(len(widths))])
