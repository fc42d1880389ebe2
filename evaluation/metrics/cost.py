"""What the answers cost, and what quality a given amount of computing buys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assay.evaluation.observation import Measures, Observation, each
from assay.evaluation.statistics.resampling import (
    Figure,
    Statistic,
    Values,
    Weights,
    mean,
    quantile,
    ratio,
)

PETA = 1e15
MEANS = ("calls", "rounds", "tokens_in", "tokens_out", "tokens_cached", "flops")
NO_FLOPS = "no ranking node reports floating-point operations"


def measure(observations: Sequence[Observation], ndcg: Sequence[float | None]) -> Measures:
    """``cost.*``, over the questions that did not fail.

    Means per question of calls, rounds, tokens and FLOPs; the median and the 95th
    percentile of wall seconds. For the last ranking and the ranking nodes before it,
    with C the FLOPs that they spend on a question: ``rpp`` is the mean of
    nDCG@10 / (C / 1e15), ``qpp`` is 1e15 / mean C.

    Source: E2R-FLOPs (Peng et al. 2025).

    Args:
        observations: the questions.
        ndcg: nDCG@10 of the last ranking, None where it is unknown.
    """
    rows = each("cost", observations, _row)
    failed = "every question failed"
    figures = {f"cost.{key}": Figure(mean([row.get(key) for row in rows]), failed) for key in MEANS}
    seconds = [row.get("seconds") for row in rows]
    figures["cost.seconds.p50"] = Figure(quantile(seconds, 0.50), failed)
    figures["cost.seconds.p95"] = Figure(quantile(seconds, 0.95), failed)
    spent = [row.get("ranking_flops") for row in rows]
    per_peta = [
        value / (flops / PETA) if value is not None and flops else None
        for value, flops in zip(ndcg, spent, strict=True)
    ]
    unjudged = "no question has a passage judged relevant" if any(spent) else NO_FLOPS
    figures["cost.rpp"] = Figure(mean(per_peta), unjudged)
    figures["cost.qpp"] = Figure(_inverse(spent), NO_FLOPS)
    return Measures(figures, rows)


def _row(one: Observation) -> dict[str, float]:
    if one.failed:
        return {}
    cost: Mapping[str, Any] = one.record["cost"]
    row = {key: float(cost[key]) for key in (*MEANS, "seconds")}
    if one.plan.ranking is not None:
        nodes = one.plan.rankings[: one.plan.rankings.index(one.plan.ranking) + 1]
        by_node = cost.get("by_node", {})
        row["ranking_flops"] = sum(float(by_node.get(name, {}).get("flops", 0)) for name in nodes)
    return row


def _inverse(spent: Sequence[float | None]) -> Statistic:
    inner = ratio([value or 0.0 for value in spent], [float(value is not None) for value in spent])

    def statistic(weights: Weights) -> Values:
        average = inner(weights)
        result: Values = np.where(average > 0, PETA / np.where(average > 0, average, 1), np.nan)
        return result

    return statistic
