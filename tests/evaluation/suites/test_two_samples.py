from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import energy_distance, mannwhitneyu

from assay.evaluation.suites.domain_verdict import detectable
from assay.evaluation.suites.two_samples import (
    distances_of,
    energy_apart,
    neighbours_alike,
    neighbours_apart,
    permutation_p,
    superiority,
)

SAMPLES = st.lists(st.integers(-5, 5).map(float), min_size=2, max_size=8)


def labels(first: int, second: int) -> list[bool]:
    return [True] * first + [False] * second


@given(SAMPLES, SAMPLES)
def test_the_energy_statistic_is_scipys_squared(first: list[float], second: list[float]) -> None:
    values = np.array([*first, *second])
    apart = energy_apart(distances_of(values[:, None]))
    marks = np.array([labels(len(first), len(second))], dtype=float)
    expected = energy_distance(first, second) ** 2
    assert float(apart(marks)[0]) == pytest.approx(expected, abs=1e-9)


@given(SAMPLES, SAMPLES)
def test_superiority_is_twice_the_auroc_less_one(first: list[float], second: list[float]) -> None:
    statistic = superiority([*first, *second, None], [*labels(len(first), len(second)), True])
    found = float(statistic(np.ones((1, len(first) + len(second) + 1)))[0])
    auroc = mannwhitneyu(first, second).statistic / (len(first) * len(second))
    assert found == pytest.approx(2 * auroc - 1)


def test_weights_count_items_as_often_as_they_say() -> None:
    twice = superiority([3.0, 0.0, 1.0], [True, True, False])
    assert twice(np.array([[2.0, 1.0, 1.0]])).tolist() == pytest.approx([1 / 3])
    assert np.isnan(twice(np.array([[0.0, 0.0, 1.0]]))[0])


def p_of(
    values: list[float], marks: list[bool], clusters: list[str], permutations: int = 199
) -> float:
    return permutation_p(
        energy_apart(distances_of(np.array(values)[:, None])),
        clusters,
        marks,
        permutations=permutations,
        generator=np.random.default_rng(0),
    )


def test_samples_far_apart_have_the_smallest_p_and_alike_ones_a_large_one() -> None:
    marks = labels(20, 20)
    names = [str(number) for number in range(40)]
    assert p_of([*range(20), *range(100, 120)], marks, names) == 1 / 200
    assert p_of([*range(20), *range(20)], marks, names) == 1.0
    # The same mean and another spread: a test of means would see nothing.
    wide = [-10.0, 10.0] * 10
    assert p_of([*([0.0] * 20), *wide], marks, names) == 1 / 200


def test_under_the_null_hypothesis_p_is_small_as_seldom_as_it_says() -> None:
    generator = np.random.default_rng(1)
    names = [str(number) for number in range(24)]
    found = [
        p_of(generator.standard_normal(24).tolist(), labels(12, 12), names, 99) for _ in range(200)
    ]
    share = np.mean(np.array(found) <= 0.1)
    assert 0.04 < share < 0.17  # .1, give or take three standard errors


def test_clusters_are_relabelled_as_wholes() -> None:
    values = [*([0.0] * 20), *([100.0] * 20)]
    four = [name for name in "abcd" for _ in range(10)]
    # Six ways to choose two clusters of four, and two of them are as far apart.
    assert p_of(values, labels(20, 20), four, 999) == pytest.approx(1 / 3, abs=0.06)


def test_neighbours_of_the_own_cluster_are_passed_over() -> None:
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    marks = [True, True, False, False]
    assert neighbours_alike(vectors, marks, ["a", "b", "c", "d"], 1) == [1.0, 1.0, 0.0, 0.0]
    assert neighbours_alike(vectors, marks, ["a", "a", "c", "d"], 1) == [0.0, 0.0, 0.0, 0.0]
    assert neighbours_alike(vectors, marks, ["a", "a", "a", "a"], 1) == [0.5] * 4


def test_two_clouds_are_told_apart_by_their_neighbours() -> None:
    generator = np.random.default_rng(0)
    centre = np.repeat([[1.0, 0, 0], [0, 1.0, 0]], 15, axis=0)
    vectors = centre + 0.1 * generator.standard_normal((30, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [str(number) for number in range(30)]
    apart = neighbours_apart(vectors, names, 5)
    assert float(apart(np.array([labels(15, 15)], dtype=float))[0]) == 1.0
    mixed = np.array([[place % 2 == 0 for place in range(30)]], dtype=float)
    assert float(apart(mixed)[0]) < 0.7


def test_more_questions_detect_smaller_effects() -> None:
    assert detectable(1000, 1000, 1) < detectable(100, 100, 1) < detectable(100, 100, 8)
    assert detectable(2, 2, 8) == 1.0
