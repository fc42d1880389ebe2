from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from assay.stages.comparisons.aggregator import AggregatorName, aggregator, names
from assay.stages.comparisons.aggregators import kemeny, pagerank, tour, win_rate
from assay.stages.comparisons.comparisons import Comparisons, by_score


def any_generator() -> np.random.Generator:
    return np.random.default_rng(0)


def order(name: str, comparisons: Comparisons) -> tuple[int, ...]:
    return by_score(aggregator(name)(comparisons, any_generator()))


def of_preferences(matrix: list[list[float]]) -> Comparisons:
    """Every ordered pair asked once: matrix[i][j] is P(i beats j)."""
    found = Comparisons(len(matrix))
    for i, j in itertools.permutations(range(len(matrix)), 2):
        found.add(i, j, matrix[i][j])
    return found


THREE = of_preferences([[0.0, 0.9, 0.6], [0.2, 0.0, 0.7], [0.4, 0.1, 0.0]])

LATIN = Comparisons(9)
for _block in ([0, 2, 1], [4, 3, 5], [7, 8, 6], [0, 3, 6], [4, 7, 1], [2, 8, 5]):
    LATIN.add_order(_block)


def test_all_aggregators_of_the_notes_are_there() -> None:
    assert set(names()) >= {
        *("win_rate", "bradley_terry", "greedy", "pagerank", "kwik_sort", "kemeny", "tour"),
        *("elo", "eigenvector", "rank_centrality"),
    }


def test_an_unknown_aggregator_is_refused_with_the_nearest_name() -> None:
    class Model(BaseModel):
        aggregator: AggregatorName

    with pytest.raises(ValidationError, match="pagerank"):
        Model(aggregator="page_rank")


def test_additive_scores_of_three() -> None:
    assert THREE.wins.sum(axis=1) == pytest.approx([2.9, 1.9, 1.2], abs=1e-9)
    assert THREE.wins.sum() == pytest.approx(6)
    assert order("greedy", THREE) == (0, 1, 2)


def test_win_rates_and_pagerank_of_a_latin_square() -> None:
    rates = win_rate.scores(LATIN, any_generator())
    assert rates == pytest.approx([1, 0, 0.75, 0.5, 1, 0, 0, 0.75, 0.5], abs=1e-9)
    expected = [0.2156, 0.0574, 0.1165, 0.0818, 0.2156, 0.0574, 0.0574, 0.1165, 0.0818]
    assert pagerank.scores(LATIN, any_generator()) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", names())
@given(seed=st.integers(0, 200), n=st.integers(1, 9))
def test_complete_consistent_comparisons_give_the_true_order(name: str, seed: int, n: int) -> None:
    true = tuple(int(one) for one in np.random.default_rng(seed).permutation(n))
    assert order(name, Comparisons(n).add_order(true)) == true


@pytest.mark.parametrize("name", names())
def test_scores_are_finite_for_nothing_for_one_and_without_comparisons(name: str) -> None:
    for n in (0, 1, 5):
        found = aggregator(name)(Comparisons(n), any_generator())
        assert found.shape == (n,)
        assert np.isfinite(found).all()
        assert by_score(found)[:1] == tuple(range(min(n, 1)))


@pytest.mark.parametrize("name", sorted({*names()} - {"elo", "kwik_sort"}))
def test_a_relabelling_of_candidates_permutes_the_order(name: str) -> None:
    generator = np.random.default_rng(3)
    n = 8
    games = [
        (int(i), int(j), float(p))
        for (i, j), p in zip(
            itertools.combinations(range(n), 2), generator.uniform(0.1, 0.9, 28), strict=True
        )
    ]
    plain, turned = Comparisons(n), Comparisons(n)
    label = generator.permutation(n)
    for i, j, p in games:
        plain.add(i, j, p)
        turned.add(int(label[i]), int(label[j]), p)
    assert tuple(int(label[one]) for one in order(name, plain)) == order(name, turned)


@pytest.mark.parametrize("name", sorted({*names()} - {"elo", "kemeny", "tour"}))
def test_a_thousand_candidates_are_no_burden(name: str) -> None:
    generator = np.random.default_rng(0)
    comparisons = Comparisons(1000)
    for _ in range(30):
        comparisons.add_order(generator.permutation(1000)[:100].tolist())
    begin = time.process_time()
    aggregator(name)(comparisons, any_generator())
    assert time.process_time() - begin < 20


def test_kemeny_differs_from_borda_where_three_agree() -> None:
    votes = Comparisons(3)
    for vote in [[0, 1, 2]] * 3 + [[1, 2, 0]] * 2:
        votes.add_order(vote)
    assert order("kemeny", votes) == (0, 1, 2)
    assert kemeny.disagreement(votes, [0, 1, 2]) == 4
    assert order("win_rate", votes) == (1, 0, 2)


def test_kemeny_of_three_votes() -> None:
    votes = Comparisons(4)
    for vote in ([1, 2, 0, 3], [1, 2, 3, 0], [1, 2, 0, 3]):
        votes.add_order(vote)
    assert order("kemeny", votes) == (1, 2, 0, 3)
    assert kemeny.disagreement(votes, [1, 2, 0, 3]) == 1


@given(st.integers(0, 500), st.integers(2, 6))
def test_kemeny_is_the_best_of_all_orders(seed: int, n: int) -> None:
    comparisons = Comparisons(n)
    generator = np.random.default_rng(seed)
    for i, j in itertools.combinations(range(n), 2):
        comparisons.add(i, j, float(generator.integers(0, 11)) / 10)
    found = kemeny.disagreement(comparisons, list(order("kemeny", comparisons)))
    least = min(
        kemeny.disagreement(comparisons, list(one)) for one in itertools.permutations(range(n))
    )
    assert found == pytest.approx(least, abs=1e-9)


def test_the_local_search_of_kemeny_is_close_to_the_exact_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worse = 0.0
    for seed in range(20):
        generator = np.random.default_rng(seed)
        comparisons = Comparisons(9)
        for i, j in itertools.combinations(range(9), 2):
            comparisons.add(i, j, float(generator.uniform()))
        exact = kemeny.disagreement(comparisons, list(order("kemeny", comparisons)))
        with monkeypatch.context() as patch:
            patch.setattr(kemeny, "EXACT", 1)
            near = kemeny.disagreement(comparisons, list(order("kemeny", comparisons)))
        assert near >= exact - 1e-9
        worse += near / exact - 1
    assert worse / 20 < 0.02


def test_the_tour_follows_neighbours_exactly_and_beyond() -> None:
    for n in (6, 14):
        true = np.random.default_rng(n).permutation(n).tolist()
        comparisons = Comparisons(n)
        for i, j in itertools.permutations(range(n), 2):
            comparisons.wins[i, j] = 1.0
        for first, second in itertools.pairwise(true):
            comparisons.wins[first, second] = 9.0
        found = list(by_score(tour.scores(comparisons, any_generator())))
        if n <= tour.EXACT:
            assert found == true
        else:
            hits = sum(pair in set(itertools.pairwise(true)) for pair in itertools.pairwise(found))
            assert hits >= n - 4


def test_bradley_terry_has_finite_strengths_for_consistent_orders() -> None:
    found = aggregator("bradley_terry")(Comparisons(20).add_order(range(20)), any_generator())
    assert np.isfinite(found).all()
    assert np.all(np.diff(found) < 0)


def test_comparisons_refuse_what_is_none() -> None:
    with pytest.raises(ValueError, match="no comparison"):
        Comparisons(2).add(1, 1)
    with pytest.raises(ValueError, match="no comparison"):
        Comparisons(2).add(0, 1, 1.5)
