from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.guards.risk.attempts import spending
from assay.guards.risk.binomial import binomial_cdf, max_failures, p_value
from assay.guards.risk.fixed_sequence import fixed_sequence
from assay.guards.risk.folds import Stratum
from assay.guards.risk.losses import Count, Observation, Risk, max_p_value
from assay.guards.risk.path import (
    PathPoint,
    frozen_path,
    grid,
    loosest,
    measure,
    pareto_path,
    predicted_power,
    thawed_path,
    walk,
)
from assay.pipeline.errors import DataError, UsageError

WORKED = (
    ((1, 90), (1, 150), (1, 150), (96, 300), 0.004052),
    ((3, 150), (3, 150), (2, 150), (90, 300), 0.018154),
    ((8, 205), (6, 150), (3, 150), (84, 300), 0.054770),
    ((15, 240), (11, 150), (3, 150), (78, 300), 0.170896),
    ((30, 280), (22, 150), (4, 150), (60, 300), 0.974360),
)
LEVELS = (
    Risk("hallucination", 0.10),
    Risk("false_answer", 0.10),
    Risk("poison_admitted", 0.05),
    Risk("wrongful_abstention", 0.40),
)
P_VALUES = [max_p_value(LEVELS, [Count(*one) for one in row[:4]]) for row in WORKED]


def test_the_worked_path_has_the_worked_p_values() -> None:
    assert pytest.approx([row[4] for row in WORKED], abs=1e-6) == P_VALUES
    assert p_value(15, 240, 0.10) == pytest.approx(0.027948, abs=1e-6)
    assert p_value(90, 300, 0.40) == pytest.approx(0.000205, abs=1e-6)


def test_the_worked_path_is_certified_up_to_its_third_point() -> None:
    result = fixed_sequence(P_VALUES, 0.10)
    assert result.rejected == 3
    assert result.stopped_at == 3


def test_a_second_attempt_certifies_only_the_first_point() -> None:
    assert fixed_sequence(P_VALUES, spending(0.10, 2)).rejected == 1


def test_the_sequence_stops_although_a_later_p_value_is_small() -> None:
    assert fixed_sequence([0.001, 0.004, 0.012, 0.030, 0.060, 0.020], 0.05).rejected == 4


def test_nothing_is_looked_at_beyond_the_first_failure() -> None:
    seen = []

    def lazily() -> Iterator[float]:
        for p in (0.01, 0.2, 0.001):
            seen.append(p)
            yield p

    assert fixed_sequence(lazily(), 0.1).tested == (0.01, 0.2)
    assert seen == [0.01, 0.2]


def test_nan_is_a_failure_and_a_p_value_at_delta_is_none() -> None:
    assert fixed_sequence([math.nan, 0.0], 0.1).rejected == 0
    assert fixed_sequence([0.1, 0.1], 0.1).rejected == 2
    assert fixed_sequence([0.1, 0.1], 0.1).stopped_at is None
    assert fixed_sequence([], 0.1).rejected == 0
    with pytest.raises(UsageError):
        fixed_sequence([0.1], 0.0)


@given(st.lists(st.floats(0, 1)), st.floats(0.01, 0.5))
def test_what_is_rejected_is_a_prefix(p_values: list[float], delta: float) -> None:
    result = fixed_sequence(p_values, delta)
    assert all(p <= delta for p in p_values[: result.rejected])
    if result.stopped_at is not None:
        assert p_values[result.stopped_at] > delta
    else:
        assert result.rejected == len(p_values)


def point(power: float, utility: float, threshold: float = 0.0) -> PathPoint:
    return PathPoint({"gate": threshold}, power, utility)


def test_the_path_goes_from_sure_to_useful_without_dominated_points() -> None:
    points = [point(0.7, 0.9), point(0.99, 0.2), point(0.8, 0.4), point(0.9, 0.5), point(0.6, 0.9)]
    assert [(one.power, one.utility) for one in pareto_path(points)] == [
        (0.99, 0.2),
        (0.9, 0.5),
        (0.7, 0.9),
    ]


def test_ties_go_to_the_stricter_thresholds_whatever_the_order() -> None:
    points = [point(0.1, 0.5, 0.0), point(0.1, 0.5, 0.7), point(0.1, 0.5, 0.3)]
    for order in (points, points[::-1]):
        assert [one.thresholds["gate"] for one in pareto_path(order)] == [0.7]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=60), st.integers(2, 9))
def test_a_path_is_increasing_short_and_keeps_its_ends(
    pairs: list[tuple[float, float]], cap: int
) -> None:
    points = [point(*pair) for pair in pairs]
    full, short = pareto_path(points, cap=1000), pareto_path(points, cap=cap)
    assert len(short) <= cap
    assert {one.utility for one in short} <= {one.utility for one in full}
    assert [one.utility for one in short] == sorted({one.utility for one in short})
    powers = [one.power for one in short]
    assert powers == sorted(powers, reverse=True)
    if points:
        assert (short[0], short[-1]) == (full[0], full[-1])
        assert max(one.utility for one in points) == full[-1].utility


def observation(name: str, score: float | None, *, right: bool = True) -> Observation:
    return Observation(name, "answerable", name, score is not None, right, {"gate": score})


def test_grid_values_are_scores_that_occurred_so_that_ties_stay_together() -> None:
    scores = [0.5] * 6 + [0.2, 0.9]
    seen = [observation(str(i), score) for i, score in enumerate(scores)]
    values = [one["gate"] for one in grid(seen, ["gate"], 4)]
    assert values == [0.2, 0.5]
    assert [one["gate"] for one in grid(seen, ["gate"], 8)] == [0.2, 0.5, 0.9]


def test_a_gate_without_scores_is_named() -> None:
    with pytest.raises(UsageError, match="'gate'"):
        grid([observation("a", None)], ["gate"], 4)


def test_a_pipeline_without_thresholds_is_a_grid_of_one_point() -> None:
    assert grid([observation("a", 0.5)], [], 4) == ({},)
    assert loosest([{}]) == {}


def test_the_loosest_gates_let_every_point_of_the_path_through() -> None:
    assert loosest([{"a": 3.0, "b": 0.0}, {"a": 1.0, "b": 2.0}]) == {"a": 1.0, "b": 0.0}


def test_a_frozen_path_comes_back_bit_for_bit() -> None:
    points = [
        PathPoint({"a": 0.1, "b": -0.0}, 0.2, 0.3),
        PathPoint({"a": 1 / 3, "b": 5e-324}, 1, 1),
    ]
    data = frozen_path(points, {"seed": 1})
    assert thawed_path(data) == tuple(one.thresholds for one in points)
    assert data == frozen_path(points, {"seed": 1})
    with pytest.raises(DataError):
        thawed_path(b"[]")


def test_a_walk_certifies_up_to_the_last_safe_threshold() -> None:
    good = [observation(f"g{i}", 0.9) for i in range(60)]
    bad = [observation(f"b{i}", 0.4, right=False) for i in range(60)]
    path = [{"gate": 0.9}, {"gate": 0.8}, {"gate": 0.4}, {"gate": 0.95}]
    walked = walk(path, good + bad, [Risk("hallucination", 0.1)], 0.1)
    assert walked.rejected == 2
    assert walked.chosen is not None
    assert walked.chosen.thresholds == {"gate": 0.8}
    assert [step.counts[0] for step in walked.steps] == [Count(0, 60), Count(0, 60), Count(60, 120)]


def worst_band(trials: int, delta: float) -> int:
    """Smallest q with P(Bin(trials, delta) > q) <= 1e-6."""
    return next(q for q in range(trials) if 1 - binomial_cdf(q, trials, delta) <= 1e-6)


def test_the_band_is_the_worked_one() -> None:
    assert [worst_band(200, 0.1), worst_band(500, 0.1), worst_band(1000, 0.1)] == [43, 85, 148]


def test_false_certificates_stay_within_delta_at_the_boundary_and_stopping_is_why() -> None:
    trials, delta, alpha = 500, 0.1, 0.1
    generator = np.random.default_rng(20260102)
    risk = alpha * 1.0001
    ours = no_stop = same_data = 0
    table = {n: [p_value(k, n, alpha) for k in range(n + 1)] for n in (200, 400)}
    for _ in range(trials):
        tune = generator.binomial(200, risk, 50)
        certify = generator.binomial(400, risk, 50)
        utilities = tune + generator.random(50)
        points = [
            PathPoint({"at": float(i)}, -table[200][k], float(utilities[i]))
            for i, k in enumerate(tune)
        ]
        path = [int(one.thresholds["at"]) for one in pareto_path(points)]
        tested = [table[400][certify[i]] for i in path]
        ours += fixed_sequence(tested, delta).rejected > 0
        no_stop += any(p <= delta for p in tested)
        same_data += any(table[400][k] <= delta for k in sorted(certify))
    band = worst_band(trials, delta)
    assert 0 < ours <= band
    assert no_stop > 2 * band
    assert same_data > 2 * band


def test_spending_all_attempts_on_one_fold_stays_within_delta() -> None:
    trials, delta, alpha, n = 400, 0.1, 0.1, 400
    generator = np.random.default_rng(7)
    spent = full = 0
    table = [p_value(k, n, alpha) for k in range(n + 1)]
    for _ in range(trials):
        p_values = [table[k] for k in generator.binomial(n, alpha * 1.0001, 10)]
        spent += any(p <= spending(delta, t) for t, p in enumerate(p_values, start=1))
        full += any(p <= delta for p in p_values)
    assert spent <= worst_band(trials, delta) < full
    assert sum(spending(delta, t) for t in range(1, 5000)) < delta


def fold(
    answered: list[tuple[float, bool]], attacks: int = 12, silent: int = 0
) -> list[Observation]:
    """Answerable questions with score and rightness, attacked ones, and ones without an answer."""
    seen = [observation(f"a{i}", score, right=right) for i, (score, right) in enumerate(answered)]
    seen += [
        Observation(f"p{i}", "poisoned", f"p{i}", False, None, {"gate": None})
        for i in range(attacks)
    ]
    return seen + [observation(f"s{i}", None) for i in range(silent)]


TESTED: dict[Stratum, int] = {"answerable": 100, "poisoned": 12}


def test_a_risk_that_cannot_look_better_does_not_hide_the_order_of_the_others() -> None:
    """None of 12 attacks admitted has one p-value at each point; the surest must still lead."""
    seen = fold([(0.9, True)] * 40 + [(0.7, True)] * 7 + [(0.7, False)] * 3 + [(0.5, False)] * 9)
    risks = [Risk("hallucination", 0.25), Risk("poison_admitted", 0.25)]
    points = measure(
        seen, [{"gate": at} for at in (0.5, 0.7, 0.9)], risks, tested=TESTED, delta=0.1
    )
    assert max_p_value(risks, [Count(0, 40), Count(0, 12)]) == pytest.approx(0.75**12)
    assert points[2].power > points[1].power > points[0].power
    assert [one.thresholds["gate"] for one in pareto_path(points)] == [0.9, 0.7]


def test_luck_on_few_answers_does_not_lead_the_path() -> None:
    """No wrong answer of 15 is worth less than 1 of 40: the test will need answers to count."""
    seen = fold([(0.9, True)] * 15 + [(0.8, True)] * 24 + [(0.8, False)], attacks=0, silent=60)
    risk = Risk("hallucination", 0.25)
    few, many = measure(
        seen, [{"gate": 0.9}, {"gate": 0.8}], [risk], tested={"answerable": 100}, delta=0.06
    )
    assert many.power > few.power
    assert [one.thresholds["gate"] for one in pareto_path([few, many])] == [0.8]


def test_predicted_power_is_the_share_of_worlds_that_pass() -> None:
    generator = np.random.default_rng(5)
    risks = generator.beta(3.5, 37.5, 200_000)
    most = max_failures(50, 0.2, 0.1)
    assert most is not None
    share = (generator.binomial(50, risks) <= most).mean()
    assert predicted_power(Count(3, 40), 50, 0.2, 0.1) == pytest.approx(share, abs=0.004)


def test_a_test_that_is_too_small_to_pass_has_no_power() -> None:
    assert predicted_power(Count(0, 1000), 5, 0.1, 0.1) == 0.0
