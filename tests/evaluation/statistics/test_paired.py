"""Paired differences, randomisation tests, effect sizes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.evaluation.metrics.risk_curves import Groups, aurc
from assay.evaluation.statistics import paired
from assay.evaluation.statistics.paired import Pairing, both, paired_difference, standardised
from assay.evaluation.statistics.resampling import ratio

values = st.lists(st.tuples(*[st.sampled_from([0.0, 0.25, 1.0])] * 2), min_size=1, max_size=7)


@given(values, st.data())
def test_with_few_clusters_p_is_that_of_all_swaps(
    found: list[tuple[float, float]], data: st.DataObject
) -> None:
    first, second = [a for a, _ in found], [b for _, b in found]
    clusters = [data.draw(st.sampled_from("abc")) for _ in found]
    names = sorted(set(clusters))
    observed = abs(np.mean(second) - np.mean(first))
    far = 0
    for signs in itertools.product((1, -1), repeat=len(names)):
        sign = dict(zip(names, signs, strict=True))
        total = sum(sign[c] * (b - a) for c, (a, b) in zip(clusters, found, strict=True))
        far += int(abs(total) / len(found) >= observed - 1e-12)
    difference = paired_difference(first, second, clusters, resamples=10)
    assert difference.exact
    assert difference.p_value == pytest.approx(far / 2 ** len(names))
    assert difference.value == pytest.approx(np.mean(second) - np.mean(first))


def test_drawn_swaps_come_close_to_all_swaps() -> None:
    generator = np.random.default_rng(1)
    first, second = generator.random(12).tolist(), (generator.random(12) + 0.25).tolist()
    exact = paired_difference(first, second, resamples=10)
    drawn = paired_difference(first, second, resamples=10, randomisations=4000)
    assert (exact.exact, drawn.exact) == (True, False)
    assert drawn.p_value == pytest.approx(exact.p_value, abs=0.02)


def test_a_drawn_p_value_is_never_zero() -> None:
    found = paired_difference([0.0] * 40, [1.0] * 40, resamples=10, randomisations=99)
    assert found.p_value == 0.01


def test_two_systems_that_are_alike_are_told_apart_as_rarely_as_alpha_says() -> None:
    generator = np.random.default_rng(4)
    p_values = [
        paired_difference(
            generator.random(9).tolist(), generator.random(9).tolist(), resamples=5, seed=trial
        ).p_value
        for trial in range(300)
    ]
    share = np.mean([one is not None and one <= 0.1 for one in p_values])
    assert 0.05 < share < 0.15


def test_a_cluster_is_swapped_as_a_whole() -> None:
    first, second = [0.0] * 12, [1.0] * 12
    alone = paired_difference(first, second, resamples=10)
    together = paired_difference(first, second, ["a"] * 6 + ["b"] * 6, resamples=10)
    assert alone.p_value == 2 / 2**12
    assert together.p_value == 0.5


def test_the_interval_is_of_the_difference_and_not_of_the_systems() -> None:
    generator = np.random.default_rng(0)
    first = generator.random(200)
    found = paired_difference(first.tolist(), (first + 0.01).tolist())
    assert found.interval == pytest.approx((0.01, 0.01))


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_swapping_the_systems_turns_the_sign_and_nothing_else(seed: int) -> None:
    generator = np.random.default_rng(seed)
    first, second = generator.random((2, 20)).tolist()
    there = paired_difference(first, second, resamples=50, randomisations=50)
    back = paired_difference(second, first, resamples=50, randomisations=50)
    assert there.value == pytest.approx(-(back.value or math.nan))
    assert there.p_value == pytest.approx(back.p_value)
    assert there.interval is not None
    assert back.interval is not None
    assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]))


def test_ratios_and_areas_are_compared_in_the_same_way() -> None:
    clusters = [str(n) for n in range(8)]
    wrong = [ratio([1.0, 1, 0, 0, 0, 0, 0, 0], [1.0] * 8), ratio([0.0] * 8, [1.0] * 4 + [0.0] * 4)]
    confidence = np.linspace(1, 0.1, 8)
    errors = np.array([0.0, 0, 0, 0, 0, 1, 1, 1])
    groups = Groups(np.tile(confidence, 2), np.concatenate([errors, errors[::-1]]))
    found = Pairing(clusters, resamples=50).differences(
        {"risk": both(*wrong), "aurc": aurc(groups)}
    )
    assert (found["risk"].first, found["risk"].second) == (0.25, 0.0)
    own = [aurc(Groups(confidence, one))(np.ones((1, 8)))[0] for one in (errors, errors[::-1])]
    assert [found["aurc"].first, found["aurc"].second] == pytest.approx(own)
    assert found["aurc"].value == pytest.approx(own[1] - own[0])
    assert found["aurc"].p_value is not None


def test_what_is_undefined_for_one_system_has_no_difference() -> None:
    found = paired_difference([None, None], [1.0, 0.0])
    assert (found.first, found.second, found.value) == (None, 0.5, None)
    assert (found.p_value, found.interval) == (None, None)
    assert paired_difference([], []).value is None


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(2)
    first, second = generator.random((2, 30)).tolist()
    whole = paired_difference(first, second, resamples=20, randomisations=100)
    monkeypatch.setattr(paired, "_BLOCK", 90)
    assert paired_difference(first, second, resamples=20, randomisations=100) == whole


def test_the_effect_is_the_mean_over_the_spread_of_the_differences() -> None:
    assert standardised([2.0, 4.0, 6.0]) == pytest.approx(4 / 2)
    assert standardised([0.0, 0.0]) == 0.0
    assert standardised([0.5, 0.5]) is None
    assert standardised([0.5]) is None
