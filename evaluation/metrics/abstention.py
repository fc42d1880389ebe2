"""Whether the pipeline knows when to be silent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from assay.evaluation.observation import Measures, Observation
from assay.evaluation.statistics.resampling import Figure, Statistic, Values, Weights, ratio

NO_CONFIDENCE = "answers carry no confidence: add a confidence stage such as abstain.confidence"
NO_LABELS = "the set does not say which answers are right"


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
    others, or at the score it missed where this is of the answers' kind.
    """
    kind = _kind(observations)
    rows = [_row(one, kind) for one in observations]
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
        "abstention.wrongful": _wrongful(observations),
    }
    return Measures(figures | _curve(rows, kind), rows)


def _kind(observations: Sequence[Observation]) -> str | None:
    """The kind of most confidences; scores of two kinds are never compared."""
    found = Counter(
        one.candidate.kind
        for one in observations
        if not one.failed and one.candidate.text is not None and one.candidate.kind is not None
    )
    return found.most_common(1)[0][0] if found else None


def _row(one: Observation, kind: str | None) -> dict[str, object]:
    row: dict[str, object] = {
        "answered_wrong": None,
        "confidence": None,
        "candidate_wrong": None,
        "candidate": None,
    }
    if one.failed:
        return row
    candidate = one.candidate
    if one.text is not None:
        right = one.right(one.text)
        row["answered_wrong"] = None if right is None else not right
    comparable = candidate.kind == kind and candidate.confidence is not None
    row["confidence"] = candidate.confidence if comparable else None
    row["candidate"] = candidate.text
    right = False if candidate.text is None else one.right(candidate.text)
    unknown = one.query.answerable and not one.query.answers
    row["candidate_wrong"] = None if right is None or unknown else not right
    return row


def _wrongful(observations: Sequence[Observation]) -> Figure:
    answerable = [one.query.answerable and not one.failed for one in observations]
    complete = [
        able and one.complete(one.last_kept)
        for able, one in zip(answerable, observations, strict=True)
    ]
    judged = any(able and one.relevant for able, one in zip(answerable, observations, strict=True))
    counted = complete if judged and observations[0].plan.selections else answerable
    reason = (
        "no answerable question had all of its evidence selected"
        if counted is complete
        else "the set has no answerable question"
    )
    silent = [float(use and one.abstained) for use, one in zip(counted, observations, strict=True)]
    return Figure(ratio(silent, [float(use) for use in counted]), reason)


def _curve(rows: Sequence[dict[str, object]], kind: str | None) -> dict[str, Figure]:
    known = [place for place, row in enumerate(rows) if row["candidate_wrong"] is not None]
    errors = [float(rows[place]["candidate_wrong"] is True) for place in known]
    confidences = []
    for place in known:
        value = rows[place]["confidence"]
        confidences.append(float(value) if isinstance(value, int | float) else -np.inf)
    reason = NO_CONFIDENCE if kind is None else NO_LABELS
    one_class = "all candidate answers are right, or all are wrong" if known else reason
    makers: dict[str, tuple[Callable[[Values, Values], Statistic], str]] = {
        "auroc": (auroc, one_class),
        "aurc": (aurc, reason),
        "augrc": (augrc, reason),
        "coverage@risk05": (lambda c, e: coverage_at_risk(c, e, 0.05), reason),
        "coverage@risk10": (lambda c, e: coverage_at_risk(c, e, 0.10), reason),
    }
    figures = {}
    for key, (make, why) in makers.items():
        if kind is None or not known:
            statistic: Statistic = lambda weights: np.full(len(weights), np.nan)  # noqa: E731
        else:
            statistic = _over(known, make(np.array(confidences), np.array(errors)))
        figures[f"abstention.{key}"] = Figure(statistic, reason if kind is None else why)
    return figures


def _over(places: Sequence[int], inner: Statistic) -> Statistic:
    chosen = np.array(places, dtype=int)
    return lambda weights: inner(weights[:, chosen])


class _Groups:
    """Items by falling confidence, ties together; sums per group for each sample."""

    def __init__(self, confidences: Values, errors: Values) -> None:
        order = np.argsort(-confidences, kind="stable")
        self._order = order
        self._errors = errors[order]
        ordered = confidences[order]
        self._starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        self.confidences = ordered[self._starts]

    def sums(self, weights: Weights) -> tuple[Values, Values]:
        """Items and errors of each group, both of shape ``(n_samples, n_groups)``."""
        ordered = weights[:, self._order]
        items = np.add.reduceat(ordered, self._starts, axis=1)
        wrong = np.add.reduceat(ordered * self._errors, self._starts, axis=1)
        return items, wrong


def auroc(confidences: Values, errors: Values) -> Statistic:
    """Chance that a right item has a higher confidence than a wrong one; ties count half.

    Args:
        confidences: shape ``(n_items,)``; minus infinity for none.
        errors: 1 for wrong, 0 for right, shape ``(n_items,)``.
    """
    groups = _Groups(confidences, errors)

    def statistic(weights: Weights) -> Values:
        items, wrong = groups.sums(weights)
        right = items - wrong
        below = wrong.sum(axis=1, keepdims=True) - np.cumsum(wrong, axis=1)
        pairs = right.sum(axis=1) * wrong.sum(axis=1)
        won = (right * (below + wrong / 2)).sum(axis=1)
        result: Values = np.where(pairs > 0, won / np.where(pairs > 0, pairs, 1), np.nan)
        return result

    return statistic


def aurc(confidences: Values, errors: Values) -> Statistic:
    """Area under the risk-coverage curve: mean selective risk over all coverages.

    Ties are expected over all their orders, which has a closed form: with E errors
    among the N items above a group of m items with e errors, the group adds
    ``e + (E - e N / m) (H(N + m) - H(N))``, H the harmonic numbers.

    Source: Geifman, Uziel and El-Yaniv 2019.
    """
    groups = _Groups(confidences, errors)
    # A sample of clusters may hold more items than there are.
    harmonic = np.zeros(1)

    def statistic(weights: Weights) -> Values:
        nonlocal harmonic
        items, wrong = groups.sums(weights)
        ends = np.cumsum(items, axis=1)
        total = ends[:, -1]
        size = int(total.max(initial=0)) + 1
        if len(harmonic) < size:
            harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, size))])
        before, errors_before = ends - items, np.cumsum(wrong, axis=1) - wrong
        rate = wrong / np.where(items > 0, items, 1)
        steps = harmonic[ends.astype(int)] - harmonic[before.astype(int)]
        area = (wrong + (errors_before - rate * before) * steps).sum(axis=1)
        result: Values = np.where(total > 0, area / np.where(total > 0, total, 1), np.nan)
        return result

    return statistic


def augrc(confidences: Values, errors: Values) -> Statistic:
    """Area under the generalised risk-coverage curve: mean of coverage times risk.

    The average risk of an error that goes unnoticed. Ties are expected over all
    their orders.

    Source: Traub et al. 2024 (arXiv 2407.01032).
    """
    groups = _Groups(confidences, errors)

    def statistic(weights: Weights) -> Values:
        items, wrong = groups.sums(weights)
        total = items.sum(axis=1)
        errors_before = np.cumsum(wrong, axis=1) - wrong
        area = (items * errors_before + wrong * (items + 1) / 2).sum(axis=1)
        area = np.where(items.sum(axis=1) > 0, area, np.nan)
        result: Values = area / np.where(total > 0, total, 1) ** 2
        return result

    return statistic


def coverage_at_risk(confidences: Values, errors: Values, risk: float) -> Statistic:
    """Largest coverage that a threshold reaches with a selective risk of at most ``risk``.

    Chosen on these very questions: it shows what is possible, it promises nothing.
    Ties are admitted together, items without a confidence never; 0 where no
    threshold will do.
    """
    groups = _Groups(confidences, errors)
    possible = np.isfinite(groups.confidences)

    def statistic(weights: Weights) -> Values:
        items, wrong = groups.sums(weights)
        covered, errors_within = np.cumsum(items, axis=1), np.cumsum(wrong, axis=1)
        total = covered[:, -1]
        good = possible & (errors_within <= risk * covered + 1e-9)
        best = np.where(good, covered, 0.0).max(axis=1)
        result: Values = np.where(total > 0, best / np.where(total > 0, total, 1), np.nan)
        return result

    return statistic


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
