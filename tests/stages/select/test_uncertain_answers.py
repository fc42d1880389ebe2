"""How far answers lie apart, in the figures of the source."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Unpack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from assay.models.echo import Scripted
from assay.models.language_model import Generation, WritingOptions
from assay.models.prompt import Message, Prompt
from assay.models.table_language_model import TableLanguageModel, TableLanguageModelConfig
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError
from assay.stages.select.uncertain_answers import (
    ALPHA,
    SampledAnswers,
    UncertaintyEstimator,
    disagreement,
    dispersion,
    mean_token_entropy,
)
from tests.stages.rerank.language_models import Ruled

ROWS = arrays(np.float64, (5, 8), elements=st.floats(-10, 10, allow_nan=False))


def equal_rows(squares: float, k: int) -> float:
    """The closed form for k equal rows with a centred squared length."""
    return ((k - 1) * math.log(ALPHA) + math.log(k * squares + ALPHA)) / k


@pytest.mark.parametrize(("dimension", "figure"), [(64, -6.20), (4096, -5.998)])
def test_equal_rows_have_the_closed_form_which_grows_with_the_dimension(
    dimension: int, figure: float
) -> None:
    row = np.random.default_rng(0).standard_normal(dimension)
    centred = row - row.mean()
    found = dispersion(np.tile(row, (20, 1)))
    assert found == pytest.approx(equal_rows(float(centred @ centred), 20), abs=1e-6)
    assert found == pytest.approx(figure, abs=0.02)


def test_a_zero_matrix_has_the_logarithm_of_alpha() -> None:
    assert dispersion(np.zeros((20, 64))) == pytest.approx(-6.9078, abs=1e-4)
    assert dispersion(np.full((3, 4), 7.0)) == pytest.approx(math.log(ALPHA))


def test_rows_that_diverge_are_far_over_equal_ones() -> None:
    rows = np.random.default_rng(0).standard_normal((20, 64))
    assert dispersion(rows) == pytest.approx(3.93, abs=0.1)
    assert dispersion(rows) > dispersion(np.tile(rows[0], (20, 1))) + 9


@given(ROWS, st.floats(-100, 100))
def test_a_number_added_to_all_components_and_the_order_of_rows_change_nothing(
    rows: NDArray[np.float64], shift: float
) -> None:
    expected = dispersion(rows)
    assert dispersion(rows + shift) == pytest.approx(expected, abs=1e-4)
    assert dispersion(rows[::-1]) == pytest.approx(expected, abs=1e-6)
    sign, logdet = np.linalg.slogdet(
        (centred := rows - rows.mean(axis=1, keepdims=True)) @ centred.T + ALPHA * np.eye(5)
    )
    assert sign > 0
    assert expected == pytest.approx(logdet / 5, abs=1e-4)


def test_states_that_are_not_finite_are_the_models_failure() -> None:
    with pytest.raises(ModelError, match="not finite"):
        dispersion(np.array([[np.inf, 1.0]]))
    with pytest.raises(ModelError, match="not finite"):
        mean_token_entropy([-math.inf])


@pytest.mark.parametrize(
    ("answers", "share"),
    [
        (["In Bergen.", "bergen", "Oslo", "Bergen!"], 0.25),
        (["a b c"], 0.0),
        (["one", "two", "three", "four"], 0.75),
        (["", " ", "?", "?"], 0.5),
        (["the", "of"], 0.5),
    ],
)
def test_disagreement_is_the_share_of_those_who_do_not_say_what_most_say(
    answers: list[str], share: float
) -> None:
    assert disagreement(answers) == share


@given(st.lists(st.text(max_size=20), min_size=1, max_size=20))
def test_disagreement_is_below_one_for_any_answers(answers: list[str]) -> None:
    assert 0.0 <= disagreement(answers) <= 1 - 1 / len(answers)


def table(**config: object) -> TableLanguageModel:
    return TableLanguageModel(TableLanguageModelConfig.model_validate(config))


def answers(model: TableLanguageModel | Scripted, measure: str, **more: object) -> SampledAnswers:
    settings = {"samples": 8, "tokens": 4, "temperature": 1.0} | more
    return SampledAnswers(model, measure=measure, **settings)  # type: ignore[arg-type]


SURE = {"rows": [{"after": ".*sure: ", "then": {"Bergen": 1.0}}], "otherwise": {"": 1.0}}
UNSURE = {
    "rows": [{"after": ".*sure: ", "then": {"Bergen": 0.4, "Oslo": 0.3, "Voss": 0.3}}],
    "otherwise": {"": 1.0},
}


@pytest.mark.parametrize("measure", ["dispersion", "agreement", "entropy"])
def test_every_measure_is_larger_where_the_model_is_less_sure(measure: str) -> None:
    sure = answers(table(**SURE), measure).uncertainties(["sure: "], [RunContext()])
    unsure = answers(table(**UNSURE), measure).uncertainties(["sure: "], [RunContext()])
    assert sure[0] < unsure[0]


def test_entropy_is_minus_the_mean_log_probability_of_what_was_drawn() -> None:
    half = {"rows": [{"after": "sure: ", "then": {"a": 0.5, "b": 0.5}}], "otherwise": {"": 1.0}}
    found = answers(table(**half), "entropy").uncertainties(["sure: "], [RunContext()])
    assert found[0] == pytest.approx(math.log(2) / 2)  # one token of two, then a certain end


def test_each_answer_is_a_draw_of_its_own_under_one_seed() -> None:
    context = RunContext(seed=3)
    model = table(**UNSURE)
    first = answers(model, "agreement", samples=30).uncertainties(["sure: "], [context])
    again = answers(model, "agreement", samples=30).uncertainties(["sure: "], [RunContext(seed=3)])
    assert first == again
    assert 0 < first[0] < 0.9
    assert (context.cost.calls, context.cost.rounds) == (30, 1)


def test_the_last_state_of_each_answer_is_read_in_a_second_round() -> None:
    context = RunContext()
    model = table(**SURE)
    begun = (Message("user", "why"), Message("assistant", "sure: "))
    prompts: list[Prompt] = ["sure: ", begun]
    found = answers(model, "dispersion", layer=0).uncertainties(prompts, [context] * 2)
    assert context.cost.rounds == 2
    assert context.cost.calls == 32
    state = model.hidden_states(["sure: Bergen"], [RunContext()], layer=0)[0][-1].astype(float)
    centred = state - state.mean()
    expected = equal_rows(float(centred @ centred), 8)
    assert found == pytest.approx([expected, expected], abs=1e-6)


def test_a_model_that_tells_no_log_probabilities_cannot_give_an_entropy() -> None:
    with pytest.raises(ModelError, match="'agreement'"):
        answers(Ruled(lambda prompt: "yes"), "entropy").uncertainties(["why"], [RunContext()])


class Silent(Scripted):
    """Writes nothing at all."""

    Config = Config

    def __init__(self) -> None:
        super().__init__(Config())

    @property
    def context_length(self) -> int:
        return 100

    def answer(self, prompt: str) -> str:
        return ""

    def stream(
        self, prompt: Prompt, context: RunContext, **options: Unpack[WritingOptions]
    ) -> Iterator[str | Generation]:
        yield Generation("", 1, 1, ())


def test_a_model_that_writes_nothing_is_sure_of_it() -> None:
    for measure in ("agreement", "entropy"):
        estimator: UncertaintyEstimator = answers(Silent(), measure)
        assert estimator.uncertainties(["why"], [RunContext()]) == [0.0]
