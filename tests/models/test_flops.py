"""The worked numbers of the published estimator, and what the switches change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.models.flops import (
    TransformerShape,
    decoder,
    decoder_weights,
    encoder,
    encoder_decoder,
)

TOY = TransformerShape(2, 4, 8)
GROUPED = TransformerShape(2, 4, 8, heads_per_key=2, grouped_scores=True)
SEVEN_BILLION = TransformerShape(28, 3584, 18944, heads_per_key=7, gated=True, vocabulary=152_064)


def test_the_toy_decoder_without_grouping_costs_what_the_formula_says() -> None:
    assert decoder_weights(TOY) == 256
    assert decoder(TOY, 10, 0) == 8320
    assert decoder(TOY, 10, 2) == 10016


def test_the_toy_decoder_with_grouping_costs_what_the_formula_says() -> None:
    assert decoder_weights(GROUPED) == 224
    assert decoder(GROUPED, 10, 0) == 6080
    assert decoder(GROUPED, 10, 2) == 7312


def test_the_toy_encoder_decoder_costs_what_the_formula_says() -> None:
    assert encoder(TOY, 10) == 8320
    assert encoder_decoder(TOY, 10, 1) == 10560


def test_a_seven_billion_decoder_counted_as_published_has_the_published_cost() -> None:
    shape = SEVEN_BILLION.as_published()
    assert decoder_weights(shape) == pytest.approx(4.62422e9, rel=1e-5)
    assert decoder(shape, 200, 0) == pytest.approx(1.85198e12, rel=1e-5)
    assert decoder(shape, 200, 1) == pytest.approx(1.86124e12, rel=1e-5)


def test_counting_three_gated_matrices_gives_the_true_number_of_weights() -> None:
    assert decoder_weights(SEVEN_BILLION) == pytest.approx(6.53e9, rel=1e-3)


def test_the_output_layer_is_counted_once_for_each_generated_token() -> None:
    with_head = TransformerShape(2, 4, 8, vocabulary=100)
    assert decoder(with_head, 10, 3) - decoder(TOY, 10, 3) == 3 * 2 * 4 * 100


def test_ungrouped_scores_cost_more_than_the_paper_counts() -> None:
    full = TransformerShape(2, 4, 8, heads_per_key=2)
    assert decoder(full, 10, 0) - decoder(GROUPED, 10, 0) == 4 * 2 * 100 * (4 - 2)


@given(st.integers(1, 500), st.integers(0, 500), st.integers(0, 50))
def test_a_cached_prefix_and_its_rest_cost_together_what_the_whole_prompt_costs(
    rest: int, prefix: int, out: int
) -> None:
    whole = decoder(GROUPED, prefix + rest, out)
    saved = decoder(GROUPED, prefix, 0)
    assert decoder(GROUPED, prefix + rest, out, cached=prefix) == pytest.approx(whole - saved)
