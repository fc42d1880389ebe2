"""How much movement of the questions a certificate's figures would bear; printed, not promised."""

from __future__ import annotations

from collections.abc import Sequence

from assay.guards.risk.losses import Observation, Risk, Thresholds, answers, wrong
from assay.guards.risk.prevalence import Counts, wrong_given_answered
from assay.guards.risk.schema import DistanceRow, MixedRow, Sensitivity
from assay.guards.risk.shift import table
from assay.guards.risk.tally import Tally


def sensitivity(
    tally: Tally,
    observations: Sequence[Observation],
    risks: Sequence[Risk],
    thresholds: Thresholds,
    *,
    delta: float,
) -> Sensitivity:
    """Tables at the chosen thresholds, on the questions that chose them.

    Args:
        tally: of the observations.
        observations: of the certify fold, one a cluster.
        risks: for the table of distances.
        thresholds: chosen.
        delta: probability that a table would be wrong, had nothing been chosen before.
    """
    far = {}
    for risk in risks:
        losses = tally.losses(risk, thresholds)
        if len(losses) > 1:
            rows = table(losses, delta=delta)
            far[risk.name] = tuple(DistanceRow(distance=at, bound=bound) for at, bound in rows)
    return Sensitivity(prevalence=_mixed(observations, thresholds, delta), hellinger=far)


def _mixed(
    observations: Sequence[Observation], thresholds: Thresholds, delta: float
) -> tuple[MixedRow, ...]:
    able = [one for one in observations if one.stratum == "answerable"]
    unable = [one for one in observations if one.stratum == "unanswerable"]
    if not able or not unable:
        return ()
    given = [one for one in able if answers(one, thresholds)]
    counts = Counts(
        wrong=sum(wrong(one) for one in given),
        answered=len(given),
        answerable=len(able),
        false_answers=sum(answers(one, thresholds) for one in unable),
        unanswerable=len(unable),
    )
    return tuple(
        MixedRow(unanswerable=one.share, bound=one.bound, seen=one.plain)
        for one in wrong_given_answered(counts, delta)
    )
