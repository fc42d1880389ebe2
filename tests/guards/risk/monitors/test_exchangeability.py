"""The monitor without labels."""

from __future__ import annotations

import numpy as np
import pytest

from assay.guards.risk.monitors.exchangeability import ExchangeabilityMartingale, wealth_of
from assay.pipeline.errors import UsageError


def test_worked_wealth() -> None:
    found = wealth_of([0.9, 0.5, 0.02, 0.01, 0.03, 0.005])
    assert found == pytest.approx(
        [0.519836, 0.403440, 0.984013, 3.972294, 10.914746, 92.197695], abs=1e-6
    )


def ever(stream_of: object, streams: int) -> int:
    """Streams on which the wealth reaches 20."""
    count = 0
    for number in range(streams):
        rng = np.random.default_rng(number)
        monitor = ExchangeabilityMartingale(rng.random(150).tolist(), seed=number)
        stream = stream_of(rng)  # type: ignore[operator]
        count += any(monitor.add(one) >= 20 for one in stream.tolist())
    return count


def test_scores_of_the_same_kind_alarm_as_rarely_as_promised() -> None:
    assert ever(lambda rng: rng.random(300), 200) <= 27  # 5 % of 200: 1e-6 band


@pytest.mark.parametrize("low", [0.0, 0.5])
def test_scores_that_fall_or_rise_are_noticed(low: float) -> None:
    assert ever(lambda rng: low + rng.random(300) / 2, 20) == 20


def test_equal_scores_are_ranked_fairly() -> None:
    monitor = ExchangeabilityMartingale([0.5] * 100, seed=1)
    for _ in range(300):
        monitor.add(0.5)
    assert monitor.value < 20
    assert monitor.seen == 300


def test_nan_is_refused() -> None:
    with pytest.raises(UsageError, match="NaN"):
        ExchangeabilityMartingale([float("nan")], seed=0)
    with pytest.raises(UsageError, match="NaN"):
        ExchangeabilityMartingale([0.1], seed=0).add(float("nan"))
