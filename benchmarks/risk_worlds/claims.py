"""Worlds of one claim: clusters, sorted files, judges that overlook, mixes, counts, attempts.

Each yields labelled questions of which the risk is at the boundary or far above the level, so that
every claim "the risk keeps its level" is false. A procedure takes one draw and says whether it
claims that.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from assay.guards.risk.attempts import spending
from assay.guards.risk.betting import betting_p_value, in_given_order
from assay.guards.risk.binomial import clopper_pearson_upper, p_value
from assay.guards.risk.clusters import cluster_p_value
from assay.guards.risk.folds import CalibrationItem, one_per_cluster
from assay.guards.risk.judge_error import judged_risk, level_for_judge
from assay.guards.risk.prevalence import SHARES, Counts, wrong_given_answered
from benchmarks.risk_worlds.draws import Tried
from benchmarks.risk_worlds.mutants import mean_times_n, two_batches, two_sided_bets
from benchmarks.risk_worlds.worlds import BEYOND

Case = TypeVar("Case")
ALPHA = DELTA = 0.1

Losses = NDArray[np.float64]
"""Shape ``(n,)`` or, of clusters, ``(n_clusters, size)``."""


def claimed(cases: Iterable[Case], claims: Callable[[Case], bool]) -> Tried:
    """How often a procedure makes the false claim."""
    found = [claims(one) for one in cases]
    return Tried(len(found), sum(found), sum(found), tuple(float(one) for one in found))


CLUSTERS, SIZE = 120, 5
"""Documents, and questions of each."""


def clustered(
    trials: int, seed: int, *, correlation: float = 0.5, risk: float = ALPHA * BEYOND
) -> Iterator[Losses]:
    """W4. Questions of one document share fate: any two of a cluster with that correlation."""
    rng = np.random.default_rng(seed)
    for _ in range(trials):
        fates = rng.random((CLUSTERS, 1)) < risk
        own = rng.random((CLUSTERS, SIZE)) < risk
        shared = rng.random((CLUSTERS, SIZE)) < correlation**0.5
        yield np.where(shared, fates, own).astype(float)


def by_question(losses: Losses) -> bool:
    """Wrong: the exact test on all questions, as if they were independent."""
    return p_value(int(losses.sum()), losses.size, ALPHA) <= DELTA


def by_mean(losses: Losses) -> bool:
    """Ours: the bound for graded losses on the clusters' means."""
    means = {str(n): row for n, row in enumerate(losses.tolist())}
    return cluster_p_value(means, ALPHA) <= DELTA


@functools.cache
def picked() -> NDArray[np.bool_]:
    """Which question of each cluster ``assay calibrate`` tests, before anything is asked."""
    items = [
        CalibrationItem(f"q{row:03}{place}", "answerable", f"c{row:03}")
        for row in range(CLUSTERS)
        for place in range(SIZE)
    ]
    kept = {one.id for one in one_per_cluster(items, seed=0)}
    return np.array([one.id in kept for one in items]).reshape(CLUSTERS, SIZE)


def by_fold(losses: Losses) -> bool:
    """Ours, as ``assay calibrate`` does it: ``one_per_cluster``, then the exact test."""
    drawn = losses[picked()]
    return p_value(round(float(drawn.sum())), len(drawn), ALPHA) <= DELTA


@dataclass(frozen=True, slots=True)
class File:
    """Losses in the order of a file, and a seed that has nothing to do with them."""

    losses: Losses
    seed: int

    def shuffled(self) -> Losses:
        """For tests whose fault is another one than the order."""
        return np.random.default_rng(self.seed).permutation(self.losses)


def sorted_file(
    trials: int, seed: int, *, n: int = 200, risk: float = ALPHA * BEYOND
) -> Iterator[File]:
    """W5. A file with its errors at the end, as a log sorted by outcome has them."""
    rng = np.random.default_rng(seed)
    for number in range(trials):
        yield File(np.sort((rng.random(n) < risk).astype(float)), seed * trials + number)


def shuffled_bets(case: File) -> bool:
    """Ours: the betting test in the order of hashed ids, by one seed for all draws."""
    ids = np.random.default_rng(case.seed).permutation(len(case.losses))  # the file was sorted
    losses = {str(name): loss for name, loss in zip(ids, case.losses.tolist(), strict=True)}
    return betting_p_value(losses, ALPHA, delta=DELTA, seed=1) <= DELTA


def bets_in_file_order(case: File) -> bool:
    """Wrong: the betting test in the order of the file."""
    return in_given_order(case.losses.tolist(), ALPHA, delta=DELTA)[0] <= DELTA


def one_shuffle_for_all(case: File) -> bool:
    """Wrong: losses are sorted and shuffled by one seed, which puts the errors at fixed places."""
    shuffled = np.random.default_rng(1).permutation(np.sort(case.losses))
    return in_given_order(shuffled.tolist(), ALPHA, delta=DELTA)[0] <= DELTA


def two_sided(case: File) -> bool:
    """Wrong: half of the fortune is bet on more losses."""
    return two_sided_bets(case.shuffled().tolist(), ALPHA, delta=DELTA) <= DELTA


def in_two_batches(case: File) -> bool:
    """Wrong: the best moments of two halves are combined."""
    return two_batches(case.shuffled().tolist(), ALPHA, delta=DELTA) <= DELTA


@dataclass(frozen=True, slots=True)
class Judged:
    """W6. What a judge said: ``missed`` of ``checked`` wrong answers, ``wrong`` of ``n`` at all."""

    missed: int
    checked: int
    wrong: int
    n: int


def judged(
    trials: int,
    seed: int,
    *,
    overlooks: float = 0.05,
    risk: float = ALPHA * BEYOND,
    checked: int = 200,
    n: int = 2000,
) -> Iterator[Judged]:
    """W6. A judge that calls one in twenty of the wrong answers right."""
    rng = np.random.default_rng(seed)
    for _ in range(trials):
        missed = int(rng.binomial(checked, overlooks))
        yield Judged(missed, checked, int(rng.binomial(n, risk * (1 - overlooks))), n)


@functools.cache
def overlooked(missed: int, checked: int) -> float:
    """Upper bound on the share of wrong answers that the judge calls right."""
    return clopper_pearson_upper(missed, checked, DELTA / 2)


def with_checked_judge(case: Judged) -> bool:
    """Ours: the judge's labels must keep a lower level, by what it may overlook."""
    level = level_for_judge(ALPHA, overlooked(case.missed, case.checked))
    return p_value(case.wrong, case.n, level) <= DELTA / 2


def with_judged_risk(case: Judged) -> bool:
    """Ours, the same by its bound."""
    found = judged_risk(
        missed=case.missed, checked=case.checked, wrong=case.wrong, n=case.n, delta=DELTA
    )
    return found.bound <= ALPHA


def with_trusted_judge(case: Judged) -> bool:
    """Wrong: the judge's labels are taken for the truth."""
    return p_value(case.wrong, case.n, ALPHA) <= DELTA


def few_counts(
    trials: int, seed: int, *, risk: float = 0.05 * BEYOND, n: int = 49
) -> Iterator[tuple[int, int]]:
    """W8, counts: 49 questions, a level of .05; one loss is too many, and floats lose it."""
    rng = np.random.default_rng(seed)
    for k in rng.binomial(n, risk, trials).tolist():
        yield k, n


def by_count(case: tuple[int, int]) -> bool:
    """Ours: the exact test on integers."""
    return p_value(case[0], case[1], 0.05) <= DELTA


def by_float(case: tuple[int, int]) -> bool:
    """Wrong: the same test on the mean."""
    return mean_times_n(case[0], case[1], 0.05) <= DELTA


MIX = 0.1
"""Share of unanswerable questions where the labels come from; the service meets others."""
WRONG, ANSWERED, FALSE = 0.03, 0.8, 0.06
"""Truth: of answerable questions answered wrongly and at all; of unanswerable ones answered."""


def mixes(trials: int, seed: int, *, n: int = 300) -> Iterator[Counts]:
    """W9. Labelled questions of one mix; the service meets a larger share of unanswerable ones."""
    rng = np.random.default_rng(seed)
    for _ in range(trials):
        unanswerable = int(rng.binomial(n, MIX))
        parts = (WRONG, ANSWERED - WRONG, 1 - ANSWERED)
        wrong, right, _ = rng.multinomial(n - unanswerable, parts).tolist()
        false = int(rng.binomial(unanswerable, FALSE))
        yield Counts(wrong, wrong + right, n - unanswerable, false, unanswerable)


def true_share(mix: float) -> float:
    """Of the given answers, how many are wrong at a share of unanswerable questions."""
    bad = mix * FALSE + (1 - mix) * WRONG
    return bad / (bad + (1 - mix) * (ANSWERED - WRONG))


def bounds_of_all_mixes(case: Counts) -> bool:
    """Ours, wrong where any of its bounds lies below the truth."""
    found = wrong_given_answered(case, DELTA)
    return any(one.bound < true_share(one.share) for one in found)


def bound_of_one_mix(case: Counts) -> bool:
    """Wrong: the bound at the labels' mix is read as one for every mix."""
    wrong, given = case.wrong + case.false_answers, case.answered + case.false_answers
    bound = clopper_pearson_upper(wrong, given, DELTA)
    return any(bound < true_share(mix) for mix in SHARES)


def attempts(
    trials: int, seed: int, *, risk: float = ALPHA * BEYOND, n: int = 400, count: int = 10
) -> Iterator[tuple[tuple[int, int], ...]]:
    """Ten pipelines at the boundary, tried one after the other on the same certify fold."""
    rng = np.random.default_rng(seed)
    for row in rng.binomial(n, risk, (trials, count)).tolist():
        yield tuple((k, n) for k in row)


def spent(case: Sequence[tuple[int, int]]) -> bool:
    """Ours: the t-th attempt has its own share of ``delta``."""
    return any(
        p_value(k, n, ALPHA) <= spending(DELTA, number)
        for number, (k, n) in enumerate(case, start=1)
    )


def not_spent(case: Sequence[tuple[int, int]]) -> bool:
    """Wrong: each attempt has the full ``delta``."""
    return any(p_value(k, n, ALPHA) <= DELTA for k, n in case)
