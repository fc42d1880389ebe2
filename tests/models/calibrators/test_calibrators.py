"""Calibrators of one score: worked numbers, and what all of them promise."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.models.calibrators.beta import Beta
from assay.models.calibrators.calibrator import (
    METHODS,
    fit,
    from_json,
    to_json,
)
from assay.models.calibrators.isotonic import Isotonic
from assay.models.calibrators.platt import Platt
from assay.models.calibrators.temperature import Temperature
from assay.models.calibrators.venn_abers import VennAbers
from assay.pipeline.errors import DataError, UsageError

P = [0.05 + 0.1 * n for n in range(10)]
Y = [bool(one) for one in (0, 0, 1, 0, 0, 1, 0, 1, 1, 1)]


def test_worked_example() -> None:
    assert Temperature.fit(P, Y).temperature == pytest.approx(0.886557, abs=1e-6)
    platt = Platt.fit(P, Y)
    assert (platt.slope, platt.shift) == pytest.approx((3.320215, -1.660108), abs=1e-6)
    beta = Beta.fit(P, Y)
    assert (beta.low, beta.high, beta.shift) == pytest.approx(
        (0.272606, 2.174931, -1.556761), abs=1e-6
    )
    third = 1 / 3
    assert Isotonic.fit(P, Y).shares == pytest.approx(
        (0, 0, third, third, third, 0.5, 0.5, 1, 1, 1)
    )


@pytest.mark.parametrize(
    ("score", "low", "high", "point"),
    [(0.2, 0, 0.5, 1 / 3), (0.5, 0.25, 2 / 3, 0.470588), (0.9, 2 / 3, 1, 0.75)],
)
def test_worked_venn_abers(score: float, low: float, high: float, point: float) -> None:
    found = VennAbers.fit(P, Y)
    assert found.interval(score) == pytest.approx((low, high), abs=1e-6)
    assert found.probabilities([score])[0] == pytest.approx(point, abs=1e-6)


@given(
    st.sampled_from(sorted(METHODS)),
    st.lists(st.tuples(st.floats(0.01, 0.99), st.booleans()), min_size=4, max_size=25),
)
def test_every_calibrator_rises_stays_in_range_and_survives_its_file(
    method: str, rows: list[tuple[float, bool]]
) -> None:
    rows = [(0.2, False), (0.3, True), *rows]
    made = fit(method, [score for score, _ in rows], [right for _, right in rows])
    grid = np.linspace(0, 1, 23)
    found = made.probabilities(grid)
    assert np.all((found >= 0) & (found <= 1))
    assert np.all(np.diff(found) >= -1e-9)
    again = from_json(json.loads(json.dumps(to_json(made))))
    assert np.array_equal(again.probabilities(grid), found)


def distance(values: np.ndarray, right: np.ndarray) -> float:
    """Mean distance of probability and share of right answers over ten bins, by their size."""
    places = np.minimum((values * 10).astype(int), 9)
    gaps = [abs((values[places == one] - right[places == one]).sum()) for one in range(10)]
    return float(sum(gaps)) / len(values)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_calibrator_makes_overconfident_scores_honest(method: str) -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(1500)
    right = rng.random(1500) < truth
    too_sure = 1 / (1 + np.exp(-3 * np.log(truth / (1 - truth))))
    made = fit(method, too_sure[:1000].tolist(), right[:1000].tolist())
    after = distance(made.probabilities(too_sure[1000:]), right[1000:])
    assert after < distance(too_sure[1000:], right[1000:]) / 2


def test_labels_that_teach_nothing_and_scores_that_are_none_are_refused() -> None:
    with pytest.raises(UsageError, match="some of both"):
        fit("platt", [0.1, 0.2], [True, True])
    with pytest.raises(UsageError, match="finite"):
        fit("isotonic", [0.1, float("nan")], [True, False])
    with pytest.raises(UsageError, match="as many labels"):
        fit("beta", [0.1, 0.2], [True])
    with pytest.raises(UsageError, match="no calibrator 'plat'"):
        fit("plat", [0.1, 0.2], [True, False])


def test_a_broken_file_is_refused() -> None:
    with pytest.raises(DataError, match="no fitted calibrator"):
        from_json({"method": "platt", "slope": 1.0})
    with pytest.raises(DataError, match="no fitted calibrator"):
        from_json({"method": "isotonic", "scores": [], "shares": []})
