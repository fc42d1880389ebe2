"""Whether the verifiers see planted passages, and what else they take out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from assay.evaluation.metrics.risk_curves import Groups, auroc, rate_at_rate
from assay.evaluation.observation import Observation, each
from assay.evaluation.statistics.resampling import Figure, Statistic, mean, ratio
from assay.pipeline.errors import DataError

CURVE: Mapping[str, Callable[[Groups], Statistic]] = {
    "auroc": auroc,
    "tpr@fpr01": lambda groups: rate_at_rate(groups, 0.01),
    "tpr@fpr05": lambda groups: rate_at_rate(groups, 0.05),
}
"""Figures of the strongest flag's score, whatever threshold the pipeline has."""

NO_VERIFIER = "no node of the pipeline verifies passages"
NO_REMOVAL = "no node drops passages by verdicts"
NOTHING_PLANTED = "no planted passage was verified"
NOTHING_CLEAN = "no clean passage was verified"


def measure(
    observations: Sequence[Observation],
    rows: Sequence[dict[str, Any]],
    is_planted: Callable[[str], bool],
) -> dict[str, Figure]:
    """``poison.detect.*``, ``poison.clean_removed`` and ``poison.gold_removed``.

    Over every verified passage, of attacked and clean questions alike, so that false
    alarms on clean questions count. ``detect.auroc`` is of the strongest flag's score (0
    without a flag); ``detect.tpr@fpr01`` and ``detect.tpr@fpr05`` are the largest shares
    of planted passages that a threshold on it finds where at most 1 or 5 % of the clean
    ones are above it, the threshold chosen on these very passages. As the pipeline is
    set: ``detect.tpr`` (recall) and ``detect.fpr``, the shares of planted and of clean
    passages that were refused (flagged, where no node drops passages by verdicts), with
    ``detect.precision`` and ``detect.f1``; ``clean_removed`` and ``gold_removed``, the
    shares of clean and of relevant passages that were taken out.

    Args:
        observations: the questions.
        rows: of the questions; each is told under ``planted_seen`` how many planted
            passages were verified.
        is_planted: whether a passage id is that of a planted passage.
    """
    plan = observations[0].plan
    keys = ("tp", "p", "fp", "n", "gold", "gold_removed")
    counts = {key: [0.0] * len(rows) for key in keys}
    items: dict[tuple[int, float, bool], int] = {}
    seen = each("poison.detect", observations, lambda one: _passages(one, is_planted))
    for place, passages in enumerate(seen):
        for score, bad, gold, hit in passages:
            items[place, score, bad] = items.get((place, score, bad), 0) + 1
            counts["p" if bad else "n"][place] += 1
            if hit:
                counts["tp" if bad else "fp"][place] += 1
            if gold:
                counts["gold"][place] += 1
                counts["gold_removed"][place] += hit
        rows[place]["planted_seen"] = counts["p"][place]
    reason = NOTHING_PLANTED if plan.verifies else NO_VERIFIER
    clean = NOTHING_CLEAN if plan.verifies else NO_VERIFIER
    tp, p, fp, n = (np.array(counts[key]) for key in keys[:4])
    removal = NO_REMOVAL if plan.verifies and not plan.refuses else None
    nothing = mean([None] * len(rows))
    figures = {
        "detect.tpr": Figure(ratio(tp, p), reason),
        "detect.fpr": Figure(ratio(fp, n), clean),
        "detect.precision": Figure(
            ratio(tp, tp + fp), "no passage was refused or flagged" if plan.verifies else reason
        ),
        "detect.f1": Figure(ratio(2 * tp, tp + fp + p), reason),
        "clean_removed": Figure(nothing if removal else ratio(fp, n), removal or clean),
        "gold_removed": Figure(
            nothing if removal else ratio(counts["gold_removed"], counts["gold"]),
            removal or ("no relevant passage was verified" if plan.verifies else NO_VERIFIER),
        ),
    }
    figures |= _curve(items, reason, nothing)
    return {f"poison.{key}": figure for key, figure in figures.items()}


def _passages(
    one: Observation, is_planted: Callable[[str], bool]
) -> list[tuple[float, bool, bool, bool]]:
    """Each verified passage: strongest score, planted, relevant, refused or flagged."""
    found = []
    for name, flags in one.verdicts.items():
        bad = is_planted(name)
        score = max((float(flag["score"]) for flag in flags), default=0.0)
        if not math.isfinite(score):
            raise DataError(f"a flag of passage '{name}' has the score {score!r}: no finite number")
        hit = name in one.refused if one.plan.refuses else bool(flags)
        found.append((score, bad, name in one.relevant and not bad, hit))
    return found


def _curve(
    items: Mapping[tuple[int, float, bool], int], reason: str, nothing: Statistic
) -> dict[str, Figure]:
    if not items:
        return {f"detect.{key}": Figure(nothing, reason) for key in CURVE}
    # A planted passage is to a detector what a right answer is to a confidence.
    groups = Groups(
        np.array([score for _, score, _ in items]),
        np.array([float(not bad) for _, _, bad in items]),
        np.array([place for place, _, _ in items], dtype=np.intp),
        counts=np.array(list(items.values()), dtype=float),
    )
    return {f"detect.{key}": Figure(make(groups), reason) for key, make in CURVE.items()}
