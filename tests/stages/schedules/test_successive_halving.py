from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from assay.stages.comparisons.aggregator import names
from assay.stages.schedules.schedule import Places, Schedule, demand, drive
from assay.stages.schedules.successive_halving import successive_halving
from assay.stages.windows.window import Ordered
from tests.stages.rerank.oracles import by_relevance, oracle_order


def begun(n: int, seed: int = 0, **settings: object) -> Schedule:
    return successive_halving(n, generator=np.random.default_rng(seed), **settings)  # type: ignore[arg-type]


def test_a_hundred_take_five_two_and_two_windows_and_a_thousand_eighty_six() -> None:
    for n, windows, rounds in ((100, 9, 3), (1000, 86, 6), (20, 2, 1), (21, 4, 2)):
        asked = demand(begun(n), lambda places: by_relevance([-float(one) for one in places]))
        assert (sum(asked.windows.values()), asked.rounds) == (windows, rounds)
        assert max(asked.windows) <= 20


def test_a_perfect_ranker_brings_the_best_ten_of_a_hundred_to_the_head_in_order() -> None:
    right = 0
    for seed in range(50):
        relevance = np.random.default_rng(seed).permutation(100).tolist()
        found = oracle_order(begun(100, seed), relevance)
        right += list(found[:10]) == np.argsort(-np.array(relevance))[:10].tolist()
    assert right >= 47


def mean_of_best(seed: int, **settings: object) -> float:
    """Mean relevance of the best ten by a ranker with noise of a spread of 30, of 0 to 99."""
    chance = np.random.default_rng(seed)
    relevance = chance.permutation(100)

    def said(places: Places) -> Ordered:
        noise = 30 * chance.standard_normal(len(places))
        return by_relevance((relevance[list(places)] + noise).tolist())

    (found,) = drive([begun(100, seed, **settings)], lambda asked: [said(one) for _, one in asked])
    return float(np.mean(relevance[list(found.order[:10])]))


def test_more_looks_help_a_noisy_ranker() -> None:
    few = np.mean([mean_of_best(seed) for seed in range(20)])
    many = np.mean([mean_of_best(seed, repeats=3, final=6) for seed in range(20)])
    assert many > few + 1


def test_windows_that_cannot_be_read_leave_the_first_stages_order() -> None:
    def silent(places: Places) -> Ordered:
        return Ordered(tuple(range(len(places))), failed=True)

    (found,) = drive([begun(50, repeats=3)], lambda asked: [silent(one) for _, one in asked])
    assert found.order == tuple(range(50))


@given(
    n=some.integers(0, 70),
    window=some.integers(2, 25),
    keep=some.floats(0.01, 0.99),
    repeats=some.integers(1, 3),
    final=some.integers(1, 3),
    combine=some.sampled_from(names()),
    seed=some.integers(0, 2**32),
)
def test_every_setting_gives_a_permutation_from_windows_without_repetition(
    n: int, window: int, keep: float, repeats: int, final: int, combine: str, seed: int
) -> None:
    combine = "win_rate" if combine == "tour" and n > 30 else combine  # slow, and says no more
    relevance = np.random.default_rng(seed).permutation(n)

    def ask(asked: object) -> list[Ordered]:
        answers = []
        for _, places in asked:  # type: ignore[attr-defined]
            assert 1 < len(set(places)) == len(places) <= window
            answers.append(by_relevance([float(relevance[one]) for one in places]))
        return answers

    settings = {"window": window, "keep": keep, "repeats": repeats, "final": final}
    (found,) = drive([begun(n, seed, combine=combine, **settings)], ask)
    assert sorted(found.order) == list(range(n))
