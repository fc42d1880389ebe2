"""Whether the pipeline knows when to be silent."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from assay.evaluation.metrics import rc_rag, risk_curves
from assay.evaluation.metrics.risk_curves import Groups
from assay.evaluation.observation import Measures, Observation, each
from assay.evaluation.statistics.resampling import (
    Figure,
    Statistic,
    Values,
    Weights,
    divide,
    mean,
    ratio,
)
from assay.pipeline.errors import DataError

BINS = 10
PROBABILITY = "probability"
NO_CONFIDENCE = "answers carry no confidence: add a confidence stage such as abstain.confidence"
NO_LABELS = "the set does not say which answers are right"

CURVE: Mapping[str, Callable[[Groups], Statistic]] = {
    "auroc": risk_curves.auroc,
    "aurc": risk_curves.aurc,
    "eaurc": risk_curves.eaurc,
    "augrc": risk_curves.augrc,
    "coverage@risk05": lambda groups: risk_curves.coverage_at_risk(groups, 0.05),
    "coverage@risk10": lambda groups: risk_curves.coverage_at_risk(groups, 0.10),
}
"""The figures that order candidate answers by their confidence."""


def measure(observations: Sequence[Observation]) -> Measures:
    """``abstention.*``.

    ``coverage`` is the share of all questions that were answered, ``risk`` the share
    of wrong ones among these; an answer to an unanswerable question is wrong.
    ``wrongful`` is the share of abstentions among the answerable questions whose
    evidence was complete in the last selection that was made; where the set judges no
    passage, or the pipeline selects none, among all answerable questions.

    The curve figures order all questions that did not fail by their confidence. A
    question that the last gate refused keeps the answer it had, with its confidence;
    one that an earlier gate refused has no answer: it counts as an error below all
    others, or at the score it missed where this is of the answers' kind. ``eaurc`` is
    what ``aurc`` has over the best order of the same answers. ``ece``, only where the
    confidence is a probability, is the expected distance between confidence and share
    right over the bins of ``reliability``, cut once for all bootstrap samples.

    ``rcrag.*`` are those of ``rc_rag.py``.
    """
    each("abstention", observations, _check)
    kind = kind_of(observations)
    rows = each("abstention", observations, lambda one: _row(one, kind))
    for row, wrongful in zip(rows, _wrongful(observations), strict=True):
        row["wrongful"] = wrongful
    judged = any(one.relevant for one in observations if one.query.answerable and not one.failed)
    figures = {
        "abstention.coverage": Figure(
            ratio([float(one.answered) for one in observations], [1.0] * len(rows)),
            "there are no questions",
        ),
        "abstention.risk": Figure(
            ratio(
                [float(row["answered_wrong"] is True) for row in rows],
                [float(row["answered_wrong"] is not None) for row in rows],
            ),
            "no answer was given that could be scored",
        ),
        "abstention.wrongful": Figure(
            mean([row["wrongful"] for row in rows]),
            "no answerable question had all of its evidence selected"
            if judged and observations[0].plan.selections
            else "the set has no answerable question",
        ),
        "abstention.ece": Figure(_calibration_error(rows), NO_LABELS)
        if kind == PROBABILITY
        else Figure(mean([None] * len(rows)), _no_probability(kind)),
    }
    return Measures(figures | _curve(rows, kind) | rc_rag.figures(rows), rows)


def kind_of(observations: Sequence[Observation]) -> str | None:
    """The kind of most confidences; scores of two kinds are never compared."""
    found = Counter(
        one.candidate.kind
        for one in observations
        if not one.failed and one.candidate.text is not None and one.candidate.kind is not None
    )
    return found.most_common(1)[0][0] if found else None


def _check(one: Observation) -> None:
    """Refuse a confidence that is no number, or no probability though it says so."""
    confidence, kind = one.candidate.confidence, one.candidate.kind
    if confidence is not None and not math.isfinite(confidence):
        raise DataError(f"the confidence must be a finite number, found {confidence!r}")
    if confidence is not None and kind == PROBABILITY and not 0 <= confidence <= 1:
        raise DataError(f"a confidence of kind 'probability' is 0 to 1, found {confidence!r}")


def _row(one: Observation, kind: str | None) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(
        ("answered_wrong", "confidence", "candidate_wrong", "candidate", "rcrag")
    )
    if one.failed:
        return row
    candidate = one.candidate
    right: bool | None = None
    if one.text is not None:
        right = one.right(one.text)
        row["answered_wrong"] = None if right is None else not right
    comparable = candidate.kind == kind and candidate.confidence is not None
    row["confidence"] = candidate.confidence if comparable else None
    row["candidate"] = candidate.text
    # Of an answer that was given, the candidate is the answer.
    if one.text is None:
        right = False if candidate.text is None else one.right(candidate.text)
    unknown = one.query.answerable and not one.query.answers
    row["candidate_wrong"] = None if right is None or unknown else not right
    row["rcrag"] = rc_rag.class_of(one, right)
    return row


def _wrongful(observations: Sequence[Observation]) -> list[float | None]:
    """1 for an abstention and 0 for none, None where the question does not count."""
    able = [one for one in observations if one.query.answerable and not one.failed]
    by_evidence = any(one.relevant for one in able) and bool(observations[0].plan.selections)

    def value(one: Observation) -> float | None:
        if not one.query.answerable or one.failed:
            return None
        return float(one.abstained) if not by_evidence or one.complete(one.last_kept) else None

    return each("abstention.wrongful", observations, value)


def _curve(rows: Sequence[Mapping[str, object]], kind: str | None) -> dict[str, Figure]:
    known = [place for place, row in enumerate(rows) if row["candidate_wrong"] is not None]
    reason = NO_CONFIDENCE if kind is None else NO_LABELS
    if kind is None or not known:
        nothing: Statistic = lambda weights: np.full(len(weights), np.nan)  # noqa: E731
        return {f"abstention.{key}": Figure(nothing, reason) for key in CURVE}
    groups = groups_of(rows)
    both = "all candidate answers are right, or all are wrong"
    return {
        f"abstention.{key}": Figure(make(groups), both if key == "auroc" else reason)
        for key, make in CURVE.items()
    }


def _no_probability(kind: str | None) -> str:
    if kind is None:
        return NO_CONFIDENCE
    return f"the confidence is of kind '{kind}' and no probability: calibrate it first"


def _calibration_error(rows: Sequence[Mapping[str, object]]) -> Statistic:
    places, found = _scored(rows)
    if not len(places):
        return mean([None] * len(rows))
    bins = equal_mass(found[:, 0])
    # In a bin, share of items x |confidence - share right| is |sum of the differences| / all.
    gaps = found[:, 0] - found[:, 1]
    table = sparse.csr_array((gaps, (bins, places)), shape=(BINS, len(rows)))
    everything = np.zeros(len(rows))
    everything[places] = 1.0

    def statistic(weights: Weights) -> Values:
        return divide(np.abs(table @ weights.T).sum(axis=0), weights @ everything)

    return statistic


def groups_of(rows: Sequence[Mapping[str, object]]) -> Groups:
    """The candidate answers whose correctness is known, as the curve figures take them.

    Args:
        rows: as ``measure`` gives them.
    """
    places, confidences, errors = [], [], []
    for place, row in enumerate(rows):
        if row["candidate_wrong"] is not None:
            value = row["confidence"]
            places.append(place)
            confidences.append(float(value) if isinstance(value, int | float) else -np.inf)
            errors.append(float(row["candidate_wrong"] is True))
    return Groups(np.array(confidences), np.array(errors), np.array(places, dtype=np.intp))


def reliability(rows: Sequence[Mapping[str, object]]) -> list[tuple[float, float, int]]:
    """Bins of equal mass over the confidence: (mean confidence, share right, questions).

    Over the candidate answers that carry a confidence, given or held back, whose
    correctness is known; up to 10 bins, by rising confidence. Equal confidences stay in
    one bin, so there may be fewer.

    Source: Nguyen and O'Connor 2015 (adaptive bins), after Naeini et al. 2015.

    Args:
        rows: as ``measure`` gives them.
    """
    places, found = _scored(rows)
    if not len(places):
        return []
    bins = equal_mass(found[:, 0])
    return [
        (
            float(found[bins == one, 0].mean()),
            float(found[bins == one, 1].mean()),
            int((bins == one).sum()),
        )
        for one in np.unique(bins)
    ]


def _scored(rows: Sequence[Mapping[str, object]]) -> tuple[NDArray[np.intp], Values]:
    """Places of the candidates with a confidence; (confidence, 1 for right) of each."""
    places, found = [], []
    for place, row in enumerate(rows):
        confidence = row["confidence"]
        known = row["candidate_wrong"] is not None and row["candidate"] is not None
        if known and isinstance(confidence, int | float):
            places.append(place)
            found.append((float(confidence), float(row["candidate_wrong"] is False)))
    return np.array(places, dtype=np.intp), np.array(found).reshape(-1, 2)


def equal_mass(values: Values, bins: int = BINS) -> NDArray[np.intp]:
    """The bin of each value: as equal in size as ties allow, equal values together.

    >>> equal_mass(np.array([0.1, 0.9, 0.9, 0.9]), 2).tolist()
    [0, 1, 1, 1]
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    # Equal values take the bin of the middle one of them.
    first = np.searchsorted(ordered, values, side="left")
    last = np.searchsorted(ordered, values, side="right") - 1
    return ((first + last) * bins // (2 * len(values))).astype(np.intp)


def risk_coverage(rows: Sequence[dict[str, object]]) -> list[tuple[float, float]]:
    """Points (coverage, selective risk) at each threshold, for drawing.

    Args:
        rows: as ``measure`` gives them.
    """
    known = [row for row in rows if row["candidate_wrong"] is not None]
    scored = [
        (float(row["confidence"]), row["candidate_wrong"] is True)
        for row in known
        if isinstance(row["confidence"], int | float)
    ]
    scored.sort(key=lambda one: -one[0])
    points: list[tuple[float, float]] = []
    wrong = 0
    for place, (confidence, is_wrong) in enumerate(scored, 1):
        wrong += is_wrong
        if place == len(scored) or scored[place][0] != confidence:
            points.append((place / len(known), wrong / place))
    return points
