from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.stages.windows.attention_scores import kept_sum, passage_scores


def test_a_token_far_below_the_mean_is_left_out() -> None:
    assert kept_sum(np.array([0.01, 0.02, -0.01])) == pytest.approx(0.02)
    tokens = np.array([0.02] * 9 + [-0.5])
    assert tokens.sum() == pytest.approx(-0.32)
    assert kept_sum(tokens) == pytest.approx(0.18)


def test_passages_of_one_token_and_of_equal_tokens_keep_all() -> None:
    assert kept_sum(np.array([0.7])) == 0.7
    assert kept_sum(np.array([0.1] * 8)) == pytest.approx(0.8)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=5))
def test_of_five_tokens_or_fewer_none_is_left_out(tokens: list[float]) -> None:
    assert kept_sum(np.array(tokens)) == pytest.approx(sum(tokens), abs=1e-9)


def test_a_query_without_content_scores_nothing() -> None:
    looks = [np.array([0.3, 0.1]), np.array([0.2])]
    assert passage_scores(looks, looks, "calibrated") == [0.0, 0.0]
    assert passage_scores(looks, looks, "no_filter") == [0.0, 0.0]


def test_variants_are_what_they_say() -> None:
    looks = [np.array([0.5] * 9 + [-2.0]), np.array([0.9])]
    empty = [np.zeros(10), np.array([0.8])]
    assert passage_scores(looks, None, "query_only") == pytest.approx([2.5, 0.9])
    assert passage_scores(looks, empty, "bias_only") == pytest.approx([0.0, 0.8])
    assert passage_scores(looks, empty, "no_filter") == pytest.approx([2.5, 0.1])
    assert passage_scores(looks, empty, "calibrated") == pytest.approx([4.5, 0.1])


def test_what_comes_of_the_place_alone_is_taken_off() -> None:
    generator = np.random.default_rng(0)
    place = [np.full(6, 0.1 * k) for k in range(5)]
    looks = [one + generator.normal(0, 0.001, 6) for one in place]
    raw = passage_scores(looks, None, "query_only")
    calibrated = passage_scores(looks, place, "calibrated")
    assert np.ptp(calibrated) < 0.05 * np.ptp(raw)
