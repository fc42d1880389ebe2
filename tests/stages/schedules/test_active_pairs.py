from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.stages.schedules.active_pairs import active_pairs
from assay.stages.schedules.certain_places import undecided
from assay.stages.schedules.mean_bounds import MeanBounds
from assay.stages.schedules.schedule import Arrangement, Places, drive
from assay.stages.windows.window import Ordered


def win_chances(n: int, spread: float, generator: np.random.Generator) -> np.ndarray:
    strength = generator.normal(size=n) * spread
    return np.asarray(1 / (1 + np.exp(strength[None, :] - strength[:, None])))


def means(table: np.ndarray) -> np.ndarray:
    own = table.copy()
    np.fill_diagonal(own, 0.0)
    return np.asarray(own.sum(axis=1) / (len(own) - 1))


def is_best(order: Places, top: int, truth: np.ndarray) -> bool:
    chosen = sum(float(truth[one]) for one in order[:top])
    return chosen >= float(np.sort(truth)[::-1][:top].sum()) - 1e-9


def run(n: int, table: np.ndarray, draws: np.random.Generator | None, **options: object) -> tuple[Arrangement, list[Places]]:  # fmt: skip
    """A ranker that draws each answer anew, or one that reads it off a table of 0 and 1."""
    asked: list[Places] = []

    def answer(places: Places) -> Ordered:
        asked.append(places)
        one, other = places
        chance = float(table[one, other])
        wins = chance > 0.5 if draws is None else draws.random() < chance
        return Ordered((0, 1) if wins else (1, 0))

    schedule = active_pairs(n, both_orders=False, **options)  # type: ignore[arg-type]
    (found,) = drive([schedule], lambda some: [answer(places) for _, places in some])
    return found, asked


def tournament(n: int, spread: float, generator: np.random.Generator) -> np.ndarray:
    """A fixed answer for each pair, consistent with the other side's."""
    drawn = np.triu(generator.random((n, n)) < win_chances(n, spread, generator), 1)
    return np.asarray(drawn + np.tril(1 - drawn.T, -1), dtype=np.float64)


def test_with_answers_that_repeat_what_is_certain_is_wrong_at_most_delta_of_the_time() -> None:
    delta, wrong, certain, windows = 0.2, 0, 0, 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        table = tournament(16, 4.0, generator)
        found, asked = run(16, table, None, generator=generator, top=4, delta=delta)
        certain += bool(found.notes["top_is_certain"])
        wrong += not is_best(found.order, 4, means(table))
        windows += len(asked)
        assert len({tuple(sorted(one)) for one in asked}) == len(asked)
    assert certain == 200  # all pairs are the most there can be, and they settle everything
    assert wrong <= delta * 200
    assert windows < 0.9 * 200 * 120


def test_with_independent_draws_what_is_certain_is_wrong_at_most_delta_of_the_time() -> None:
    delta, wrong, certain = 0.2, 0, 0
    for seed in range(30):
        generator = np.random.default_rng(seed)
        table = win_chances(6, 3.0, generator)
        found, _ = run(
            6,
            table,
            generator,
            generator=generator,
            top=2,
            delta=delta,
            repeats=True,
            most_windows=2500,
        )
        if found.notes["top_is_certain"]:
            certain += 1
            wrong += not is_best(found.order, 2, means(table))
    assert certain >= 20
    assert wrong <= delta * certain


@pytest.mark.parametrize("size", [None, 40])
def test_bounds_hold_at_all_times_together_for_all_populations(size: int | None) -> None:
    missed, runs, miss = 0, 150, 0.2
    for seed in range(runs):
        generator = np.random.default_rng(seed)
        values = (generator.random((3, 40)) < [[0.5], [0.05], [0.9]]).astype(float)
        truth = np.array([0.5, 0.05, 0.9]) if size is None else values.mean(axis=1)
        bounds = MeanBounds(3, size=size, miss=miss)
        broken = False
        for step in range(40):
            bounds.add([0, 1, 2], values[:, step].tolist())
            broken |= bool(
                (bounds.lower > truth + 1e-9).any() or (bounds.upper < truth - 1e-9).any()
            )
        missed += broken
        assert (bounds.upper - bounds.lower).max() < 0.8
    assert missed <= miss * runs


def test_all_values_of_a_population_leave_no_doubt() -> None:
    bounds = MeanBounds(2, size=3, miss=0.1)
    for values in ([1.0, 0.25], [0.0, 0.25], [1.0, 0.5]):
        bounds.add([0, 1], values)
    assert bounds.lower == pytest.approx([2 / 3, 1 / 3])
    assert bounds.upper == pytest.approx([2 / 3, 1 / 3])
    with pytest.raises(ValueError, match="all 3 values"):
        bounds.add([0], [1.0])
    with pytest.raises(ValueError, match="values in"):
        MeanBounds(1, size=None, miss=0.1).add([0], [float("nan")])


def test_many_draws_of_the_same_do_not_leave_the_numbers() -> None:
    bounds = MeanBounds(2, size=None, miss=0.1)
    for _ in range(3000):
        bounds.add([0, 1], [1.0, 0.0])
    assert bounds.lower.tolist() == [0.99, 0.0]
    assert bounds.upper == pytest.approx([1.0, 0.01])


def test_who_reaches_everybody_elses_upper_bound_is_decided() -> None:
    lower, upper = np.array([0.6, 0.5, 0.1, 0.0]), np.array([0.9, 0.7, 0.5, 0.2])
    assert undecided(lower, upper, [2]).tolist() == [False] * 4
    assert undecided(lower, upper, [1]).tolist() == [True, True, False, False]
    assert undecided(lower, upper, [3]).tolist() == [False, False, True, True]
    assert undecided(lower, upper, [0, 4, 9]).tolist() == [False] * 4
    same = np.full(3, 0.4)
    assert undecided(same, same, [1, 2]).tolist() == [False] * 3


def test_the_order_among_the_best_is_certain_too_where_that_is_asked() -> None:
    generator = np.random.default_rng(5)
    table = tournament(20, 8.0, generator)
    found, asked = run(20, table, None, generator=generator, top=5, in_order=True)
    truth = means(table)
    assert [truth[one] for one in found.order[:5]] == sorted(truth, reverse=True)[:5]
    fewer, less = run(20, table, None, generator=np.random.default_rng(5), top=5)
    assert is_best(fewer.order, 5, truth)
    assert len(less) < len(asked)


def test_pairs_that_cannot_be_read_leave_the_first_stage_as_it_was() -> None:
    for both in (True, False):
        schedule = active_pairs(
            12, generator=np.random.default_rng(0), top=3, both_orders=both, beam=2
        )
        (found,) = drive([schedule], lambda some: [Ordered((0, 1), failed=True) for _ in some])
        assert found.order == tuple(range(12))


@settings(deadline=None)
@given(
    n=st.integers(0, 14),
    top=st.integers(1, 16),
    seed=st.integers(0, 999),
    beam=st.integers(1, 9),
    both=st.booleans(),
    repeats=st.booleans(),
)
def test_any_table_and_any_options_give_a_permutation_within_the_budget(
    n: int, top: int, seed: int, beam: int, both: bool, repeats: bool
) -> None:
    generator = np.random.default_rng(seed)
    table = generator.random((n, n))
    asked: list[Places] = []

    def answer(places: Places) -> Ordered:
        asked.append(places)
        odds = float(table[places] * 6 - 3)
        return Ordered((0, 1) if odds > 0 else (1, 0), (odds, 0.0))

    schedule = active_pairs(
        n,
        generator=generator,
        top=top,
        both_orders=both,
        repeats=repeats,
        beam=beam,
        most_windows=300,
    )
    (found,) = drive([schedule], lambda some: [answer(places) for _, places in some])
    assert sorted(found.order) == list(range(n))
    assert len(asked) <= 300
    assert found.notes["pairs"] == len(asked) // (2 if both else 1)
    if not repeats and found.notes["top_is_certain"] is False:
        assert len(asked) + n * beam * (2 if both else 1) > 300
