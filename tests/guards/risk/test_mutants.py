"""Thirteen errors that were found in published code or are easy to make: the worlds catch each.

A mutant is caught if it breaks its word in a world where ours keeps it, or certifies nothing where
ours certifies. Were one not caught, the same error in ours would pass too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from assay.guards.risk.binomial import p_value
from assay.guards.risk.losses import passes
from benchmarks.risk_worlds import claims, mutants, observed, procedures
from benchmarks.risk_worlds.draws import Procedure, band, tried
from benchmarks.risk_worlds.worlds import EmptyEnd, Independent

TRIALS, SEED, DELTA = 1000, 20261125, 0.1


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(mutants.no_split, id="no split"),
        pytest.param(mutants.no_stop, id="no stop"),
        pytest.param(mutants.sorted_by_certify, id="path sorted by the certify fold"),
        pytest.param(mutants.uncorrected, id="uncorrected grid"),
        pytest.param(mutants.empirical, id="empirical risk instead of p"),
    ],
)
def test_a_wrong_search_breaks_its_word_at_the_boundary(mutant: Procedure) -> None:
    world = Independent(50)
    ours = tried(world.draws(TRIALS, SEED), procedures.split_path, world.risks, DELTA)
    theirs = tried(world.draws(TRIALS, SEED), mutant, world.risks, DELTA)
    assert ours.keeps(DELTA)
    assert not theirs.keeps(DELTA)


def false_claims(draws: Iterator[Any], claim: Callable[[Any], bool]) -> int:
    return claims.claimed(draws, claim).violations


FAR = 0.3
"""A risk three times the level."""


@pytest.mark.parametrize(
    ("draws", "ours", "mutant", "changes"),
    [
        pytest.param(claims.few_counts, claims.by_count, claims.by_float, {}, id="float n*mean"),
        pytest.param(
            claims.clustered, claims.by_fold, claims.by_question, {}, id="clusters as questions"
        ),
        pytest.param(
            claims.sorted_file,
            claims.shuffled_bets,
            claims.bets_in_file_order,
            {},
            id="bets unshuffled",
        ),
        pytest.param(
            claims.sorted_file,
            claims.shuffled_bets,
            claims.two_sided,
            {"risk": FAR},
            id="bets two-sided",
        ),
        pytest.param(
            claims.sorted_file,
            claims.shuffled_bets,
            claims.in_two_batches,
            {},
            id="bets in two batches",
        ),
        pytest.param(claims.attempts, claims.spent, claims.not_spent, {}, id="attempts not spent"),
        pytest.param(
            claims.sorted_file,
            claims.shuffled_bets,
            claims.one_shuffle_for_all,
            {},
            id="also: one shuffle for all files",
        ),
        pytest.param(
            claims.judged,
            claims.with_checked_judge,
            claims.with_trusted_judge,
            {},
            id="also: a trusted judge",
        ),
    ],
)
def test_a_wrong_test_makes_false_claims(
    draws: Callable[..., Iterator[Any]],
    ours: Callable[[Any], bool],
    mutant: Callable[[Any], bool],
    changes: dict[str, float],
) -> None:
    most = band(TRIALS, DELTA)
    assert false_claims(draws(TRIALS, SEED, **changes), ours) <= most
    assert false_claims(draws(TRIALS, SEED, **changes), mutant) > most


def test_a_bound_for_one_mix_is_none_for_others() -> None:
    assert false_claims(claims.mixes(100, SEED), claims.bounds_of_all_mixes) <= band(100, DELTA)
    assert false_claims(claims.mixes(100, SEED), claims.bound_of_one_mix) > band(100, DELTA)


def test_a_calibration_that_counts_above_what_the_gate_lets_through_at_is_caught() -> None:
    world = observed.Ties()
    broken = {observed.at_or_above: 0, observed.above: 0}
    for folds in world.draws(TRIALS, SEED):
        for procedure in broken:
            found = procedure(folds, DELTA)
            broken[procedure] += found is not None and not world.safe(found)
    assert broken[observed.at_or_above] <= band(TRIALS, DELTA) < broken[observed.above]
    assert passes(2.0, 2.0)


def test_a_nan_that_is_the_least_p_value_ends_the_search_before_it_began() -> None:
    world = EmptyEnd()
    ours = tried(world.draws(TRIALS, SEED), procedures.with_holm, world.risks, DELTA)
    theirs = tried(world.draws(TRIALS, SEED), mutants.nan_is_least, world.risks, DELTA)
    assert ours.issued >= 0.9 * TRIALS
    assert theirs.issued <= 0.2 * TRIALS


def test_a_nan_that_is_not_above_delta_certifies_what_nobody_saw() -> None:
    world = EmptyEnd()
    theirs = tried(world.draws(TRIALS, SEED), mutants.nan_passes, world.risks, DELTA)
    assert not theirs.keeps(DELTA)


def test_a_mean_loses_a_count() -> None:
    assert mutants.mean_times_n(1, 49, 0.1) == pytest.approx(0.005726, abs=1e-6)
    assert p_value(1, 49, 0.1) == pytest.approx(0.036904, abs=1e-6)
    lost = sum(math.floor(n * (k / n)) != k for n in range(1, 300) for k in range(n + 1))
    assert lost == 1403


def test_bets_on_more_losses_certify_what_always_fails() -> None:
    assert mutants.two_sided_bets([1.0] * 100, 0.1, delta=0.05) < 1e-6
    assert np.isclose(mutants.two_batches([1.0] * 100, 0.1, delta=0.05), 1.0)
