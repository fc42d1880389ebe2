"""Made worlds of which the truth is known: what is promised is kept, and not by never promising.

At the boundary every setting breaks its level by a hair, so each certificate is a violation. That
there are more than ``band`` of them in 1000 draws is, for a procedure that keeps its word, an
accident of one in a million.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from assay.guards.risk.prevalence import wrong_given_answered
from benchmarks.risk_worlds import claims, observed, procedures
from benchmarks.risk_worlds.draws import Procedure, Tried, band, tried
from benchmarks.risk_worlds.worlds import BEYOND, EmptyEnd, Independent, Nested, TwoGates

TRIALS, SEED = 1000, 20261124
NAMES = ("first", "second")
OURS: tuple[Procedure, ...] = (
    procedures.split_path,
    procedures.first_attempt,
    procedures.with_bonferroni,
    procedures.with_holm,
    procedures.with_fallback,
    procedures.with_graph,
)


def named(found: Callable[..., Any]) -> str:
    return found.__name__


@pytest.mark.parametrize(
    ("trials", "delta", "most", "usual"),
    [
        (200, 0.1, 43, 34),
        (500, 0.1, 85, 72),
        (1000, 0.1, 148, 130),
        (2000, 0.1, 267, 243),
        (1000, 0.05, 86, 73),
        (300, 0.2, 95, 82),
    ],
)
def test_the_bands_are_the_worked_ones(trials: int, delta: float, most: int, usual: int) -> None:
    assert band(trials, delta) == most
    assert band(trials, delta, 1e-3) == usual


@pytest.mark.parametrize("delta", [0.1, 0.05])
@pytest.mark.parametrize(
    ("world", "procedure"),
    [
        *(pytest.param(Independent(50), one, id=f"w1-50-{one.__name__}") for one in OURS),
        *(pytest.param(Nested(50), one, id=f"w2-{one.__name__}") for one in OURS),
        pytest.param(Independent(200), procedures.split_path, id="w1-200-split_path"),
        pytest.param(Independent(200), procedures.with_holm, id="w1-200-with_holm"),
    ],
)
def test_at_the_boundary_a_certificate_is_as_rare_as_promised(
    world: Independent | Nested, procedure: Procedure, delta: float
) -> None:
    found = tried(world.draws(TRIALS, SEED), procedure, world.risks, delta)
    assert found.violations == found.issued
    assert found.keeps(delta)


def test_at_the_boundary_the_split_path_uses_what_it_may() -> None:
    """A test of one hypothesis at the boundary errs nearly as often as it may, and so does this."""
    world = Independent(50)
    found = tried(world.draws(TRIALS, SEED), procedures.split_path, world.risks, 0.1)
    assert found.share > 0.05


@pytest.fixture(scope="module")
def gates() -> Tried:
    world = TwoGates()
    return tried(world.draws(TRIALS, SEED), procedures.first_attempt, world.risks, 0.1)


def test_a_pipeline_of_two_gates_keeps_three_levels_at_320_settings(gates: Tried) -> None:
    assert TwoGates().grid[0] * TwoGates().grid[1] == 320
    assert gates.keeps(0.1)


def test_in_the_easy_world_nearly_every_run_certifies_nearly_the_best_there_is(
    gates: Tried,
) -> None:
    assert gates.issued >= 0.9 * TRIALS
    assert gates.issues_of(TwoGates().best(), 0.9) >= 0.9


def test_the_counts_of_two_gates_are_those_of_their_observations() -> None:
    """The world counts in its own way; grid, measure, path and walk of the project judge likewise.

    Their draws differ, so only shares are compared.
    """
    world = TwoGates(size=600)
    trials = 40
    counted = tried(world.draws(trials, SEED), procedures.split_path, world.risks, 0.1)
    real = [
        observed.judged_gates(world, observed.certified(one, NAMES, world.risks, 0.1, size=18))
        for one in observed.two_gates(world, trials, SEED)
    ]
    assert sum(broken for broken, _ in real) <= band(trials, 0.1)
    worth = float(np.mean([one for _, one in real]))
    assert worth == pytest.approx(float(np.mean(counted.worths)), abs=0.08)
    assert worth > 0.4


def test_the_true_risks_of_two_gates_are_the_shares_of_a_large_sample() -> None:
    world = TwoGates()
    rng = np.random.default_rng(SEED)
    strata, right, planted = world.questions(rng, 400_000)
    scores = world.scores(rng, right)
    first, second = 0.3, 0.9
    given = (scores[0] >= first) & (scores[1] >= second)
    risks, worth = world.true_risks(np.array([first]), np.array([second]))
    assert (~right & given).sum() / given.sum() == pytest.approx(risks[0, 0], abs=0.003)
    for place, (mask, stratum) in enumerate(((given, 1), (given & planted, 2)), start=1):
        assert mask[strata == stratum].mean() == pytest.approx(risks[place, 0], abs=0.003)
    assert (right & given)[strata == 0].mean() == pytest.approx(worth[0], abs=0.003)


@pytest.mark.parametrize(
    "procedure",
    [procedures.split_path, procedures.first_attempt, procedures.with_holm],
    ids=named,
)
def test_a_strict_end_that_nobody_reaches_neither_passes_nor_hinders(procedure: Procedure) -> None:
    world = EmptyEnd()
    empty = next(world.draws(1, SEED)).certify.asked[0, -1]
    found = tried(world.draws(TRIALS, SEED), procedure, world.risks, 0.1)
    assert empty == 0
    assert found.keeps(0.1)
    assert found.issued >= 0.9 * TRIALS


def test_ties_are_counted_as_a_gate_lets_them_through() -> None:
    world = observed.Ties()
    found = [observed.at_or_above(one, 0.1) for one in world.draws(TRIALS, SEED)]
    issued = [one for one in found if one is not None]
    assert sum(not world.safe(one) for one in issued) <= band(TRIALS, 0.1)
    assert len(issued) >= 0.9 * TRIALS
    assert not world.safe({"gate": 2.0})
    assert world.safe({"gate": 3.0})


Draws = Callable[..., Iterator[Any]]
Claims = Callable[[Any], bool]


@pytest.mark.parametrize(
    ("draws", "claims_", "low"),
    [
        pytest.param(claims.clustered, claims.by_fold, 0.03, id="w4-fold"),
        pytest.param(claims.clustered, claims.by_mean, 0.02, id="w4-mean"),
        pytest.param(claims.sorted_file, claims.shuffled_bets, 0.02, id="w5"),
        pytest.param(claims.judged, claims.with_checked_judge, 0.05, id="w6"),
        pytest.param(claims.few_counts, claims.by_count, 0.001, id="w8-counts"),
        pytest.param(claims.attempts, claims.spent, 0.05, id="attempts"),
    ],
)
def test_a_false_claim_is_as_rare_as_promised_and_a_true_one_is_made(
    draws: Draws, claims_: Claims, low: float
) -> None:
    assert claims.claimed(draws(TRIALS, SEED), claims_).keeps(claims.DELTA)
    assert claims.claimed(draws(200, SEED, risk=low), claims_).share >= 0.9


def test_the_level_for_a_judge_claims_what_the_bound_for_a_judge_claims() -> None:
    for one in claims.judged(60, SEED, risk=0.08):
        assert claims.with_checked_judge(one) == claims.with_judged_risk(one)


def test_bounds_for_every_mix_hold_together_and_are_of_use() -> None:
    found = claims.claimed(claims.mixes(TRIALS, SEED), claims.bounds_of_all_mixes)
    assert found.keeps(claims.DELTA)
    case = next(claims.mixes(1, SEED))
    for one in wrong_given_answered(case, claims.DELTA):
        assert one.bound < claims.true_share(one.share) + 0.25


def test_two_questions_of_a_cluster_share_fate_as_the_world_says() -> None:
    losses = np.array(list(claims.clustered(400, SEED)))
    first, second = losses[:, :, 0].ravel(), losses[:, :, 1].ravel()
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0.5, abs=0.02)
    assert first.mean() == pytest.approx(0.1 * BEYOND, abs=0.005)
