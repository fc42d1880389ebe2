"""Fit the rule of ``select.conformal``: keep so much that evidence is missed only so often."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from assay.guards.risk.binomial import clopper_pearson_upper
from assay.guards.risk.conformal import (
    allowed_in_expectation,
    allowed_with_confidence,
)
from assay.guards.risk.mean_bounds import hoeffding_bentkus_upper
from assay.pipeline.canonical import digest
from assay.pipeline.errors import DataError, UsageError
from assay.pipeline.words import ScoreKind
from assay.stages.select.conformal_rule import (
    ConformalRule,
    Guarantee,
    Loss,
    Measure,
    origin,
    require_measure,
    usual_measure,
)
from assay.training.conformal_evidence import Evidence, evidence_of, threshold_of
from assay.training.labelled_rankings import LabelledRankings

MOST_QUESTIONS = 100_000
"""Where the search for a number of questions that would do gives up."""


def fit(
    examples: Sequence[LabelledRankings],
    *,
    alpha: float = 0.1,
    delta: float = 0.1,
    guarantee: Guarantee = "confidence",
    loss: Loss = "all",
    measure: Measure | None = None,
    ranking: str = "ranking",
    whole_clusters: bool = False,
    seed: int = 0,
    upstream: str = "",
    chosen_on: Sequence[str] = (),
) -> ConformalRule:
    """The rule that keeps least and keeps its promise.

    Questions to which nothing is needed lose nothing whatever is kept; they are left out, so that
    they cannot dilute the promise. Of a cluster one question is taken, since those of one cluster
    are not independent: the promise is then about a question drawn by first drawing a cluster.

    ``confidence``: the loss falls with every passage that is kept, so that a test of each threshold
    by itself is enough: exact binomial where each loss is 0 or 1, Hoeffding and Bentkus where it is
    graded (Bates and others 2021). ``expectation``: split conformal, for graded losses conformal
    risk control (Angelopoulos and others 2024). A passage that retrieval missed is missed at every
    threshold. Cost: no model calls; a sort of the needed passages.

    Args:
        examples: the calibration questions; nothing else may have been chosen on them.
        alpha: level of the loss, in (0, 1).
        delta: how often, over calibration sets, the level may fail to hold; for ``confidence``.
        guarantee: see ``ConformalRule``.
        loss: see ``ConformalRule``.
        measure: see ``ConformalRule``; None takes the score where those of two questions can be
            compared, else the place.
        ranking: name of the ranking that is selected from.
        whole_clusters: take all questions of a cluster, as if they were independent.
        seed: of the choice within clusters.
        upstream: see ``ConformalRule``.
        chosen_on: see ``ConformalRule``.

    Raises:
        UsageError: if the level cannot be promised, with the lowest that can and how many questions
            it takes; if a measure does not fit the scores, or a level is none.
        DataError: if no question needs a passage, no ranking holds any, or rankings differ in what
            scored them.
    """
    if not (0.0 < alpha < 1.0 and 0.0 < delta < 1.0):
        raise UsageError(f"alpha and delta must lie in (0, 1), found {alpha=}, {delta=}")
    used, left_out = _questions(examples, ranking, whole_clusters, seed)
    kind, source = _origin(used, ranking)
    measure = measure or usual_measure(kind)
    require_measure(measure, kind)
    evidence = evidence_of(used, measure, ranking=ranking)
    binary = loss == "all" or evidence.single
    allowed = _allowed(guarantee, evidence.n, alpha, delta, binary)
    threshold = threshold_of(evidence, loss, allowed)
    if threshold is None:
        raise UsageError(_refusal(evidence, loss, guarantee, alpha, delta, binary, left_out))
    lost = (
        float((evidence.worst < threshold).sum())
        if loss == "all"
        else float(evidence.share[evidence.needed < threshold].sum())
    )
    return ConformalRule(
        alpha=alpha,
        delta=delta if guarantee == "confidence" else None,
        guarantee=guarantee,
        loss=loss,
        measure=measure,
        threshold=threshold if measure == "score" else abs(threshold),
        kind=kind,
        source=source,
        n=evidence.n,
        missed_by_retrieval=int(np.isneginf(evidence.worst).sum()),
        lost=lost,
        size=evidence.size(threshold),
        left_out=left_out,
        data=digest(
            sorted([one.rankings[ranking].query.text, *sorted(one.needed)] for one in used)
        ),
        name=", ".join(sorted({one.group for one in used if one.group})),
        upstream=upstream,
        chosen_on=tuple(chosen_on),
    )


def _questions(
    examples: Sequence[LabelledRankings], ranking: str, whole_clusters: bool, seed: int
) -> tuple[list[LabelledRankings], dict[str, int]]:
    """The questions that are used, and how many are not, by reason."""
    for one in examples:
        if ranking not in one.rankings:
            raise UsageError(
                f"a question has no ranking '{ranking}', only {', '.join(sorted(one.rankings))}:"
                " name the one that is selected from"
            )
    needing = [one for one in examples if one.needed]
    if not needing:
        raise DataError(
            f"none of the {len(examples)} calibration questions needs a passage: there is no"
            " evidence that could be missed"
        )
    taken = needing
    if not whole_clusters:
        first: dict[str, tuple[str, int]] = {}
        for place, one in enumerate(needing):
            query = one.rankings[ranking].query
            # By a hash of the question, so that neither order nor outcome decides.
            mine = hashlib.sha256(f"{seed}|{query.id}|{query.text}".encode()).hexdigest()
            cluster = f"c:{one.group}:{one.cluster}" if one.cluster else f"q:{place}"
            first[cluster] = min(first.get(cluster, (mine, place)), (mine, place))
        taken = [needing[place] for place in sorted(place for _, place in first.values())]
    left_out = {
        "nothing is needed": len(examples) - len(needing),
        "another question of the cluster is taken": len(needing) - len(taken),
    }
    return taken, {reason: count for reason, count in left_out.items() if count}


def _origin(used: Sequence[LabelledRankings], ranking: str) -> tuple[ScoreKind, str]:
    """What scored the rankings: of all of them the same."""
    found = dict.fromkeys(
        one for one in (origin(each.rankings[ranking]) for each in used) if one is not None
    )
    if not found:
        raise DataError(
            f"none of the {len(used)} calibration questions has a passage in the ranking"
            f" '{ranking}': there is nothing to select from"
        )
    if len(found) > 1:
        (kind, source), (other, maker) = list(found)[:2]
        raise DataError(
            f"some rankings have scores of kind '{kind}' from {source}, others of kind '{other}'"
            f" from {maker}: a selection is fitted to the scores of one"
        )
    return next(iter(found))


def _allowed(guarantee: Guarantee, n: int, alpha: float, delta: float, binary: bool) -> float:
    if guarantee == "expectation":
        return allowed_in_expectation(n, alpha)
    return allowed_with_confidence(n, alpha, delta, binary=binary)


def _refusal(
    evidence: Evidence,
    loss: Loss,
    guarantee: Guarantee,
    alpha: float,
    delta: float,
    binary: bool,
    left_out: Mapping[str, int],
) -> str:
    """Why a level cannot be promised, which one can, and what it takes."""
    n = evidence.n
    missed = int(np.isneginf(evidence.worst).sum())
    lost = (
        float(missed)
        if loss == "all"
        else float(evidence.share[np.isneginf(evidence.needed)].sum())
    )
    if guarantee == "expectation":
        lowest = (lost + 1) / (n + 1)
    elif binary:
        lowest = clopper_pearson_upper(round(lost), n, delta)
    else:
        lowest = hoeffding_bentkus_upper(lost, n, delta)
    why = f", since the ranking lacks a needed passage of {missed} of them" if missed else ""
    left = "".join(f"; {count} more are left out: {reason}" for reason, count in left_out.items())
    said = (
        f"alpha {alpha:g} cannot be promised from {n} questions{left}. With everything kept the"
        f" lowest alpha is {math.ceil(lowest * 1e4) / 1e4:g}{why}."
    )
    enough = _enough(
        lost / n, alpha, lambda size: _allowed(guarantee, size, alpha, delta, binary), binary
    )
    if enough is None:
        return f"{said} More questions do not help: rank more passages, or ask for a higher alpha"
    return f"{said} It takes about {enough} questions, a higher alpha, or more passages ranked"


def _enough(rate: float, alpha: float, allowed: Callable[[int], float], binary: bool) -> int | None:
    """Smallest number of questions that would do if keeping everything loses at this rate."""

    def does(n: int) -> bool:
        lost = rate * n
        return (math.ceil(lost - 1e-9) if binary else lost) <= allowed(n) + 1e-9

    if rate >= alpha:
        return None
    low, high = 0, 1
    while not does(high):
        low, high = high, 2 * high
        if high > MOST_QUESTIONS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if does(middle) else (middle, high)
    return high
