"""Figures from per-query rows alone, so that finished evaluations can be compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from assay.evaluation.metrics import abstention, answers, cost, poison, rc_rag
from assay.evaluation.metrics.ranking import KEYS as RANKING_KEYS
from assay.evaluation.statistics.resampling import Statistic, mean, quantile, ratio

Row = Mapping[str, Any]
Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class RowMetric:
    """A figure over per-query rows.

    Args:
        key: as in ``metrics.json``.
        better: which way is better.
        statistic: makes the figure of one or several systems' rows; of two it makes the
            figure over both that ``Pairing`` compares.
        of_question: a row's own value, None where it has none; no function where the
            figure is no sum over questions, such as an area.
    """

    key: str
    better: Better
    statistic: Callable[[Sequence[Sequence[Row]]], Statistic]
    of_question: Callable[[Row], float | None] | None


def row_metrics() -> dict[str, RowMetric]:
    """Every figure that rows give, by its key, in the order of ``metrics.json``.

    ``cost.seconds`` is the mean, which ``metrics.json`` does not have.
    """
    found = [
        *(_mean(f"retrieval.{key}", "retrieval", key) for key in RANKING_KEYS),
        *(_mean(f"selection.{key}", "selection", key) for key in ("precision", "recall", "f1")),
        *(_mean(f"selection.{key}", "selection", key, "lower") for key in ("size", "empty")),
        _ratio("selection.span_recall", "higher", _span_words),
        _mean("selection.span_iou", "selection", "span_iou"),
        *(_mean(f"qa.{key}", "qa", key) for key in answers.REASONS),
        _ratio("abstention.coverage", "higher", _answered),
        _mean("abstention.risk", "abstention_metrics", "answered_wrong", "lower"),
        _mean("abstention.wrongful", "abstention_metrics", "wrongful", "lower"),
        *(_curve(key) for key in abstention.CURVE),
        *(_rc_rag(key) for key in rc_rag.FIGURES),
        *(_poison(key) for key in (*poison.CLASSES, *poison.SHARES)),
        *(_mean(f"cost.{key}", "cost", key, "lower") for key in (*cost.MEANS, "seconds")),
        _quantile("cost.seconds.p50", 0.50),
        _quantile("cost.seconds.p95", 0.95),
    ]
    return {one.key: one for one in found}


def number(row: Row, family: str, key: str) -> float | None:
    """A row's value, None where it has none; true and false are 1 and 0."""
    value = row[family].get(key)
    return float(value) if isinstance(value, int | float) else None


def _mean(key: str, family: str, name: str, better: Better = "higher") -> RowMetric:
    def of_question(row: Row) -> float | None:
        return number(row, family, name)

    def statistic(systems: Sequence[Sequence[Row]]) -> Statistic:
        return mean([of_question(row) for rows in systems for row in rows])

    return RowMetric(key, better, statistic, of_question)


def _ratio(
    key: str, better: Better, sides: Callable[[Row], tuple[float, float] | None]
) -> RowMetric:
    def statistic(systems: Sequence[Sequence[Row]]) -> Statistic:
        found = [sides(row) or (0.0, 0.0) for rows in systems for row in rows]
        return ratio([above for above, _ in found], [below for _, below in found])

    def of_question(row: Row) -> float | None:
        found = sides(row)
        return None if found is None or not found[1] else found[0] / found[1]

    return RowMetric(key, better, statistic, of_question)


def _answered(row: Row) -> tuple[float, float]:
    return float(row["outcome"] == "answered"), 1.0


def _span_words(row: Row) -> tuple[float, float] | None:
    found, words = (number(row, "selection", key) for key in ("span_words_found", "span_words"))
    return None if found is None or words is None else (found, words)


def _poison(key: str) -> RowMetric:
    good = key.endswith("correct")
    return _mean(f"poison.{key}", "poison", key, "higher" if good else "lower")


def _rc_rag(key: str) -> RowMetric:
    def statistic(systems: Sequence[Sequence[Row]]) -> Statistic:
        found = [row["abstention_metrics"].get("rcrag") for rows in systems for row in rows]
        return rc_rag.figure(found, key)

    return RowMetric(
        f"abstention.rcrag.{key}", "lower" if key == "risk" else "higher", statistic, None
    )


def _curve(key: str) -> RowMetric:
    """An area. Confidences become ranks within their system first.

    Two systems may measure confidence on different scales; what the area sees is the
    order, and in the swaps of a randomisation test orders can be mixed where scales
    cannot.
    """

    def statistic(systems: Sequence[Sequence[Row]]) -> Statistic:
        ranked = [
            one for rows in systems for one in _ranked([row["abstention_metrics"] for row in rows])
        ]
        known = any(
            one["candidate_wrong"] is not None and one["confidence"] is not None for one in ranked
        )
        if not known:
            return lambda weights: np.full(len(weights), np.nan)
        return abstention.CURVE[key](abstention.groups_of(ranked))

    lower = key in ("aurc", "eaurc", "augrc")
    return RowMetric(f"abstention.{key}", "lower" if lower else "higher", statistic, None)


def _ranked(rows: Sequence[Row]) -> list[Row]:
    values = sorted({row["confidence"] for row in rows if row.get("confidence") is not None})
    # Shares of all distinct values, so that ranks of two systems lie on one scale.
    place = {value: (rank + 1) / len(values) for rank, value in enumerate(values)}
    return [
        {
            "confidence": place.get(row.get("confidence")),
            "candidate_wrong": row.get("candidate_wrong"),
        }
        for row in rows
    ]


def _quantile(key: str, share: float) -> RowMetric:
    def statistic(systems: Sequence[Sequence[Row]]) -> Statistic:
        return quantile([number(row, "cost", "seconds") for rows in systems for row in rows], share)

    return RowMetric(key, "lower", statistic, None)
