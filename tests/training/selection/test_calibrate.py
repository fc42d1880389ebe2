"""The map from logits to probabilities mends what is wrong and leaves what is right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.models.calibrators.beta import Beta
from assay.training.selection.calibrate import fit_calibration, quality


def drawn(sharp: float, shift: float, n: int = 40_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(2)
    true = generator.normal(-1, 1.5, n)
    needed = (generator.uniform(size=n) < 1 / (1 + np.exp(-true))).astype(np.float64)
    return true * sharp + shift, needed, np.ones(n)


@pytest.mark.parametrize(("sharp", "shift"), [(3.0, 0.0), (0.4, 0.0), (1.0, 2.0)])
def test_overconfidence_timidity_and_bias_are_mended(sharp: float, shift: float) -> None:
    logits, needed, weights = drawn(sharp, shift)
    made = fit_calibration(logits, needed, weights)
    before = quality(Beta().of_logits(logits), needed, weights)
    after = quality(made.of_logits(logits), needed, weights)
    assert after["ece"] < 0.015 < before["ece"]
    assert after["brier"] < before["brier"]


def test_what_is_right_stays_about_as_it_is() -> None:
    logits, needed, weights = drawn(1.0, 0.0)
    made = fit_calibration(logits, needed, weights)
    assert np.abs(made.of_logits(logits) - Beta().of_logits(logits)).max() < 0.05


def test_one_passage_cannot_pull_the_map_to_certainty() -> None:
    made = fit_calibration(np.array([0.5]), np.array([1.0]), np.ones(1))
    assert float(made.of_logits(np.array([0.5]))[0]) < 1.0


@given(
    st.lists(st.floats(-700, 700), min_size=2, max_size=20),
    st.floats(0, 20),
    st.floats(0, 20),
    st.floats(-20, 20),
)
@settings(max_examples=50)
def test_the_map_never_falls_and_stays_within_0_and_1(
    values: list[float], left: float, right: float, shift: float
) -> None:
    found = Beta(left, right, shift).of_logits(np.sort(np.array(values)))
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found) >= -1e-12).all()


def test_quality_by_hand() -> None:
    found = quality(np.array([1.0, 0.0, 0.5, 0.5]), np.array([1.0, 0.0, 1.0, 0.0]), np.ones(4))
    assert found["brier"] == pytest.approx(0.125)
    assert found["log_loss"] == pytest.approx(np.log(2) / 2, abs=1e-5)
