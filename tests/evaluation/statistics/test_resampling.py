"""Bootstrap samples and intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.evaluation.statistics import resampling
from assay.evaluation.statistics.resampling import (
    BestOf,
    Resampler,
    Statistic,
    mean,
    quantile,
    ratio,
)


def test_a_sample_draws_as_many_clusters_as_there_are_and_whole_ones() -> None:
    clusters = ["a", "b", "a", "c", "a"]
    weights = np.concatenate(list(Resampler(clusters, resamples=500).samples()))
    assert weights.shape == (500, 5)
    assert np.array_equal(weights[:, 0], weights[:, 2])
    assert np.array_equal(weights[:, 0], weights[:, 4])
    assert np.all(weights[:, 0] + weights[:, 1] + weights[:, 3] == 3)
    assert weights.mean(axis=0) == pytest.approx([1] * 5, abs=0.15)


def test_samples_do_not_depend_on_how_many_are_held_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = mean([float(place % 3) for place in range(30)])
    names = [str(place) for place in range(30)]
    kept = Resampler(names, resamples=50, seed=3).estimate(values)
    monkeypatch.setattr(resampling, "_BLOCK", 70)
    monkeypatch.setattr(resampling, "_KEPT", 0)
    monkeypatch.setattr(resampling, "_FINE", 30)
    median = quantile([float(place) for place in range(30)], 0.5)
    small = Resampler(names, resamples=50, seed=3)
    assert small.estimate(values) == kept
    assert len(list(small.samples())) == 25
    monkeypatch.undo()
    assert small.estimate(median) == Resampler(names, resamples=50, seed=3).estimate(median)


@settings(max_examples=30)
@given(st.lists(st.none() | st.floats(-5, 5), min_size=2, max_size=20), st.integers(0, 5))
def test_many_figures_at_once_are_each_what_they_are_alone(
    values: list[float | None], seed: int
) -> None:
    resampler = Resampler([str(n // 2) for n in range(len(values))], resamples=40, seed=seed)
    first, second = mean(values), ratio([1.0] * len(values), [2.0] * len(values))
    figures: dict[str, Statistic] = {
        "a": first,
        "b": second,
        "best": BestOf((first, second)),
        "q": quantile(values, 0.5),
    }
    together = resampler.estimates(figures)
    for key, figure in figures.items():
        alone = resampler.estimate(figure)
        assert together[key].value == pytest.approx(alone.value)
        assert together[key].interval == (
            None if alone.interval is None else pytest.approx(alone.interval, abs=1e-12)
        )


def test_the_interval_of_a_mean_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        sample = (generator.random(60) < 0.4).astype(float).tolist()
        interval = (
            Resampler([str(n) for n in range(60)], resamples=150, seed=trial)
            .estimate(mean(sample))
            .interval
        )
        assert interval is not None
        covered += interval[0] <= 0.4 <= interval[1]
    assert 176 <= covered <= 199  # 95 % of 200, less what percentile intervals fall short


def test_nothing_to_estimate_is_unknown() -> None:
    assert Resampler([]).estimate(mean([])).value is None
    one = Resampler(["a", "a"]).estimate(mean([1.0, 0.0]))
    assert (one.value, one.interval) == (0.5, None)
    rare = mean([1.0, *[None] * 9])
    # In a third of the samples the only known value is not drawn; that is still a figure.
    assert Resampler([str(n) for n in range(10)]).estimate(rare).interval == (1.0, 1.0)
