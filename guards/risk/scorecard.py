"""A confidence that an auditor can add up by hand: a few conditions, a few points each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from pydantic import Field

from assay.guards.risk.signal_calibrator import CalibratorConfig, SignalCalibrator
from assay.models.calibrators.fitting import Values, labelled, logistic, squash
from assay.pipeline.component import register
from assay.pipeline.errors import DataError, UsageError

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""
CUTS = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Quantiles of a signal at which a condition may cut."""
SCALES = tuple(0.25 * n for n in range(1, 41))
"""Factors that are tried before the weights are rounded."""
RIDGE = 0.5
"""On the weights while conditions are chosen, so that a small fold does not separate."""


@dataclass(frozen=True, slots=True)
class Item:
    """``points`` if a signal is at least ``at_least``, otherwise none."""

    signal: str
    at_least: float
    points: int


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Conditions with whole points, and what a sum of points is worth.

    Args:
        items: the conditions.
        slope: of the logit, per point; 0 or more.
        shift: logit of no points.
        loss: mean log-loss (nats) on the fold that it was fitted on.
        full_loss: that of a logistic regression on all signals, unrounded, on the same fold.
    """

    items: tuple[Item, ...]
    slope: float
    shift: float
    loss: float
    full_loss: float

    def points(self, signals: Mapping[str, float]) -> int:
        """The sum that a person gets.

        Raises:
            UsageError: if a signal is missing.
        """
        missing = {item.signal for item in self.items} - set(signals)
        if missing:
            raise UsageError(f"the scorecard was fitted on signals that are missing: {missing}")
        return sum(item.points for item in self.items if signals[item.signal] >= item.at_least)

    def probability(self, signals: Mapping[str, float]) -> float:
        """What the sum is worth, strictly between 0 and 1."""
        return float(squash(np.array([self.slope * self.points(signals) + self.shift]))[0])

    def lines(self) -> tuple[str, ...]:
        """The card as a person reads it: conditions first, then what each sum is worth."""
        conditions = [
            f"{item.points:+d}  {item.signal} >= {item.at_least:g}" for item in self.items
        ]
        low = sum(min(0, item.points) for item in self.items)
        high = sum(max(0, item.points) for item in self.items)
        sums = np.arange(low, high + 1, dtype=np.float64)
        worth = [
            f"{total:+.0f} points: {chance:.2f}"
            for total, chance in zip(sums, squash(self.slope * sums + self.shift), strict=True)
        ]
        return (*conditions, *worth)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"items": [asdict(item) for item in self.items]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Scorecard:
        """The card that ``to_json`` wrote.

        Raises:
            DataError: if it wrote something else.
        """
        try:
            items = tuple(Item(**one) for one in data["items"])
            return cls(**{**data, "items": items})
        except (TypeError, KeyError) as error:
            raise DataError(f"this is no scorecard ({error}): fit it again") from error


def fit_scorecard(
    rows: Sequence[Mapping[str, float]],
    right: Sequence[bool],
    *,
    most_items: int = 6,
    most_points: int = 5,
) -> Scorecard:
    """Learn a card: choose conditions one by one, round their weights, polish the points.

    Source: Ustun and Rudin, Learning optimized risk scores (2019); the order of the steps as in
    FasterRisk (Liu and others 2022). Differs: conditions are chosen greedily, and the points by a
    search over scales and single steps, not by integer programming: the folds are small and the
    result is certified like any other score. Deterministic. Cost: no model calls.

    Args:
        rows: signals of each answer; all with the same names, finite.
        right: whether the answer was right.
        most_items: conditions, at least 1.
        most_points: for or against, of one condition.

    Raises:
        UsageError: if the labels teach nothing, or rows differ in their signals.
    """
    if not rows or any(set(row) != set(rows[0]) for row in rows):
        raise UsageError("expected rows that all have the same signals, one at least")
    names = sorted(rows[0])
    matrix = np.array([[row[name] for name in names] for row in rows], dtype=np.float64)
    if not np.all(np.isfinite(matrix)):
        raise UsageError("a signal of a scorecard must be finite")
    _, labels = labelled(np.zeros(len(rows)), right)
    conditions = [
        (name, cut)
        for place, name in enumerate(names)
        for cut in sorted(set(np.quantile(matrix[:, place], CUTS, method="lower").tolist()))
    ]
    columns = np.column_stack(
        [matrix[:, names.index(name)] >= cut for name, cut in conditions]
    ).astype(np.float64)
    taken = _chosen(columns, labels, most_items)
    points = _points(columns[:, taken], labels, most_points)
    items = tuple(
        Item(*conditions[place], points=int(worth))
        for place, worth in zip(taken, points, strict=True)
        if worth
    )
    total = columns[:, taken] @ points
    slope, shift, loss = _line(total, labels)
    scales = np.where(matrix.std(axis=0) > 1e-12, matrix.std(axis=0), 1.0)
    full = _with_ones((matrix - matrix.mean(axis=0)) / scales)
    full_loss = _loss(full @ logistic(full, labels, ridge=RIDGE), labels)
    return Scorecard(items, slope, shift, loss, full_loss)


class ScorecardConfig(CalibratorConfig):
    """Settings of ``risk.scorecard@1``."""

    max_items: int = Field(6, ge=1, le=20, description="most conditions on the card")
    max_points: int = Field(5, ge=1, le=20, description="most points for or against a condition")


@register("risk.scorecard@1")
class ScorecardCalibrator(SignalCalibrator):
    """A card of points in the place of a regression; see ``fit_scorecard``.

    The file that a fit writes shows the card (``lines``), its mean log-loss on the tune fold and
    that of the regression on all signals (``loss``, ``full_loss``).
    """

    Config = ScorecardConfig
    schema = "assay-scorecard/1"

    def __init__(self, config: ScorecardConfig) -> None:
        super().__init__(config)
        self.card: Scorecard | None = None

    def probability(self, signals: Mapping[str, float]) -> float:
        """What the answer's sum of points is worth, strictly between 0 and 1.

        Raises:
            UsageError: if a signal of the card is missing, or there is no card.
        """
        if self.card is None:
            raise UsageError(f"{self.name} is not fitted: run 'assay calibrate run'")
        return self.card.probability(signals)

    def learned(
        self, rows: Sequence[Mapping[str, float]], right: Sequence[bool]
    ) -> Mapping[str, Any]:
        """The card, and its lines for whoever opens the file."""
        card = fit_scorecard(
            rows, right, most_items=self.config.max_items, most_points=self.config.max_points
        )
        return card.to_json() | {"lines": list(card.lines())}

    def use(self, model: Mapping[str, Any]) -> None:
        """Take over the card."""
        kept = ("items", "slope", "shift", "loss", "full_loss")
        self.card = Scorecard.from_json({name: model[name] for name in kept})

    def lines(self) -> tuple[str, ...]:
        """The card, and what it loses against the regression."""
        if self.card is None or not self.fitted:
            return ()
        card = self.card
        return (
            *card.lines(),
            f"log-loss on the tune fold {card.loss:.4f}; of all signals, unrounded,"
            f" {card.full_loss:.4f}",
        )


def _chosen(columns: Values, labels: Values, most: int) -> list[int]:
    ones = np.ones((len(labels), 1))
    loss = _loss(ones @ logistic(ones, labels), labels)
    # Twice what Schwarz (1978) asks of a further parameter, for the best of many is taken.
    least = math.log(len(labels)) / len(labels)
    taken: list[int] = []
    varied = [place for place in range(columns.shape[1]) if columns[:, place].std() > 0]
    while len(taken) < most:
        found = []
        for place in varied:
            if place not in taken:
                design = _with_ones(columns[:, [*taken, place]])
                found.append((_loss(design @ logistic(design, labels, ridge=RIDGE), labels), place))
        if not found or loss - min(found)[0] < least:
            return taken
        loss, best = min(found)
        taken.append(best)
    return taken


def _points(columns: Values, labels: Values, most: int) -> Values:
    if not columns.shape[1]:
        return np.zeros(0)
    design = _with_ones(columns)
    weights = logistic(design, labels, ridge=RIDGE)[:-1]
    tried = {tuple(np.clip(np.rint(scale * weights), -most, most).tolist()) for scale in SCALES}
    best = min(tried, key=lambda one: (_line(columns @ np.array(one), labels)[2], one))
    while True:
        steps = {
            (*best[:place], best[place] + step, *best[place + 1 :])
            for place in range(len(best))
            for step in (-1.0, 1.0)
            if abs(best[place] + step) <= most
        }
        better = min(steps, key=lambda one: (_line(columns @ np.array(one), labels)[2], one))
        gained = _line(columns @ np.array(best), labels)[2]
        if _line(columns @ np.array(better), labels)[2] >= gained - 1e-9:
            return np.array(best)
        best = better


def _line(total: Values, labels: Values) -> tuple[float, float, float]:
    """Slope (0 or more), shift and mean loss of the best squashed line through sums of points."""
    design = _with_ones(total[:, None])
    slope, shift = logistic(design, labels, ridge=1e-3).tolist()
    if slope < 0:
        (shift,) = logistic(design[:, 1:], labels).tolist()
        slope = 0.0
    return slope, shift, _loss(slope * total + shift, labels)


def _with_ones(columns: Values) -> Values:
    return np.column_stack([columns, np.ones(len(columns))])


def _loss(margins: Values, labels: Values) -> float:
    return float(np.mean(np.logaddexp(0.0, margins) - labels * margins))
