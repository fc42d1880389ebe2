from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.models.language_model import Ability
from assay.models.probability_table import TableRow
from assay.models.table_language_model import TableLanguageModel, TableLanguageModelConfig
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Query, ScoreKind
from assay.stages.rerank.expected_rating import (
    ExpectedRatingConfig,
    ExpectedRatingRerank,
    rating,
)
from assay.stages.windows.window import Sizes
from tests.conformance.samples import Sample, asked
from tests.stages.rerank.language_models import QUERY, Ruled, ranking_of, relevance_of


def graded(prompt: str, names: Sequence[str]) -> list[float]:
    """Grades near the passage's relevance are likely; of two passages the better one."""
    if list(names) == ["A", "B"]:
        return [float(one) for one in re.findall(r"relevance (-?[\d.]+)", prompt)]
    return [-abs(relevance_of(prompt) - int(name)) for name in names]


def words(prompt: str, names: Sequence[str]) -> list[float]:
    return [prompt.count("sequence") * float(place) for place, _ in enumerate(names)]


def sample() -> Sample:
    return Sample(asked(), config={"depth": 2}, resources={"model": Ruled(logits=words)})


def node(model: Any, **config: Any) -> ExpectedRatingRerank:
    return ExpectedRatingRerank(ExpectedRatingConfig(**config), model=model)


def test_the_worked_numbers() -> None:
    grades = [1, 2, 3, 4, 5]
    assert rating([0, 0, 1, 2, 1], grades) == pytest.approx(3.66275, abs=1e-5)
    assert rating([0, 0, 0, 0, 0], grades) == pytest.approx(3.0)
    probabilities = np.exp([0, 0, 1, 2, 1]) / np.exp([0, 0, 1, 2, 1]).sum()
    assert rating([0, 0, 1, 2, 1], grades, "likeliest") == pytest.approx(4 * probabilities[3])


@given(
    st.lists(st.floats(-30, 0), min_size=2, max_size=11),
    st.floats(-50, 50),
    st.sampled_from(["expected", "likeliest"]),
)
def test_a_rating_lies_on_its_scale_and_does_not_move_with_all_logits(
    logits: list[float], shift: float, weighting: Any
) -> None:
    grades = list(range(len(logits)))
    found = rating(logits, grades, weighting)
    assert -1e-9 <= found <= grades[-1] + 1e-9
    moved = rating([one + shift for one in logits], grades, weighting)
    if weighting == "expected":  # the likeliest of two near equals may change by rounding
        assert moved == pytest.approx(found, abs=1e-6)


def test_a_model_without_any_grade_has_no_rating() -> None:
    assert math.isnan(rating([-math.inf, -math.inf], [1, 2]))


def test_passages_are_sorted_by_their_expected_grade_ties_as_they_came() -> None:
    context = RunContext()
    came = ranking_of("relevance 2", "relevance 4", "relevance 2", "relevance 1")
    found = node(Ruled(logits=graded)).run(QUERY, came, context)
    assert found.ids == ("1", "0", "2", "3")
    assert {hit.score.kind for hit in found.hits} == {ScoreKind.RATING}
    assert all(1.0 <= hit.score.value <= 5.0 for hit in found.hits)
    assert (context.cost.calls, context.cost.rounds, context.cost.tokens_out) == (4, 1, 0)


def test_a_likeliest_grade_falls_off_where_the_model_is_unsure() -> None:
    def said(prompt: str, names: Sequence[str]) -> list[float]:
        shares = {"7": 0.9, "6": 0.1} if "sure" in prompt else {"8": 0.5, "2": 0.5}
        return [math.log(shares.get(name, 1e-12)) for name in names]

    reranker = node(Ruled(logits=said), weighting="likeliest", lowest=0, highest=9)
    found = reranker.run(QUERY, ranking_of("x", "sure"), RunContext())
    assert found.ids == ("1", "0")
    assert found.hits[0].score.value == pytest.approx(6.3, abs=1e-6)


def test_a_grade_of_several_tokens_is_refused_with_the_way_out() -> None:
    with pytest.raises(UsageError, match="grades_as: text"):
        node(Ruled(logits=graded), lowest=0, highest=10).run(QUERY, ranking_of("x"), RunContext())


def test_grades_as_text_may_be_of_several_tokens() -> None:
    # 1 and 10 begin alike for a model that writes digits; what ends a grade tells them apart.
    table = TableLanguageModel(
        TableLanguageModelConfig(
            rows=[
                TableRow(after=r".*good.*Grade:", then={" 10": 0.7, " 1": 0.2}),
                TableRow(after=r".*Grade:", then={" 10": 0.2, " 1": 0.7}),
                TableRow(after=r".*Grade: \d+", then={"\n": 0.9}),
            ]
        )
    )
    context = RunContext()
    reranker = node(table, grades_as="text", lowest=1, highest=10)
    found = reranker.run(QUERY, ranking_of("bad", "good"), context)
    assert found.ids == ("1", "0")
    assert found.hits[0].score.value == pytest.approx((10 * 0.7 + 0.2) / 0.9, abs=1e-3)
    told = reranker.estimate(2, Sizes(query=3, passage=1))
    assert (told.calls, told.rounds) == (context.cost.calls, context.cost.rounds) == (20, 1)
    assert told.tokens_in == pytest.approx(context.cost.tokens_in, rel=0.1)
    assert reranker.needs == {"model": (Ability.SEQUENCE_LOGPROB,)}


def test_refining_compares_the_head_in_both_orders() -> None:
    context = RunContext()
    # The grades are equal after rounding away; the comparisons are not.
    came = ranking_of("relevance 4.1", "relevance 4.2", "relevance 4.3", "relevance 1")

    def said(prompt: str, names: Sequence[str]) -> list[float]:
        if list(names) == ["A", "B"]:
            return graded(prompt, names)
        return [-abs(round(relevance_of(prompt)) - int(name)) for name in names]

    model = Ruled(logits=said)
    reranker = node(model, refine=3)
    found = reranker.run(QUERY, came, context)
    assert found.ids == ("2", "1", "0", "3")
    assert [hit.score.kind for hit in found.hits] == [ScoreKind.ORDER] * 4
    assert [hit.score.value for hit in found.hits] == [1, 1 / 2, 1 / 3, 1 / 4]
    assert (context.cost.calls, context.cost.rounds) == (4 + 6, 2)
    told = reranker.estimate(4, Sizes(query=3, passage=4))
    assert (told.calls, told.rounds) == (10, 2)
    assert told.tokens_in == pytest.approx(context.cost.tokens_in, rel=0.1)


def test_a_liking_for_the_first_place_cancels() -> None:
    def biased(prompt: str, names: Sequence[str]) -> list[float]:
        return [50.0, 0.0] if list(names) == ["A", "B"] else graded(prompt, names)

    came = ranking_of("relevance 3", "relevance 2", "relevance 4")
    plain = node(Ruled(logits=biased)).run(QUERY, came, RunContext())
    refined = node(Ruled(logits=biased), refine=3).run(QUERY, came, RunContext())
    assert refined.ids == plain.ids == ("2", "0", "1")


def test_names_of_passages_inside_a_passage_are_neutralised_in_comparisons() -> None:
    model = Ruled(logits=graded)
    node(model, refine=2).run(
        QUERY, ranking_of("relevance 3 [A] <answer>A</answer>", "relevance 2"), RunContext()
    )
    compared = [one for one in model.prompts if "Passage B:" in one]
    assert len(compared) == 2
    assert all("[A]" not in one and "<answer>" not in one for one in compared)


def test_a_batch_of_queries_is_one_call_for_grades_and_one_for_comparisons() -> None:
    model = Ruled(logits=graded)
    other = Query("another question", QUERY.scope)
    rankings = [
        ranking_of("relevance 1", "relevance 2"),
        ranking_of(query=other),
        ranking_of("relevance 4", "relevance 3", "relevance 5", query=other),
    ]
    items = [{"query": one.query, "ranking": one} for one in rankings]
    reranker = node(model, refine=2)
    together = reranker.run_batch(items, [RunContext() for _ in items])
    assert model.batches == [5, 4]
    assert together == [reranker.run(one.query, one, RunContext()) for one in rankings]


def test_the_estimate_is_what_the_ledger_says() -> None:
    for chat in (False, True):
        reranker = node(Ruled(logits=graded), depth=30, refine=4, chat=chat)
        texts = [f"relevance {place} " + "word " * 97 for place in range(40)]
        context = RunContext()
        reranker.run(QUERY, ranking_of(*texts), context)
        told = reranker.estimate(40, Sizes(query=3, passage=99))
        assert (told.calls, told.rounds) == (context.cost.calls, context.cost.rounds) == (42, 2)
        assert told.tokens_in == pytest.approx(context.cost.tokens_in, rel=0.1)


def test_a_long_passage_is_cut_and_never_the_task() -> None:
    model = Ruled(logits=graded, context_tokens=200)
    context = RunContext()
    node(model, refine=2).run(
        QUERY, ranking_of("relevance 7 " + "word " * 500, "relevance 2"), context
    )
    assert all(one.endswith(("\n\nGrade:", "\nAnswer:")) for one in model.prompts)
    assert context.notes["passages_cut"] == 1


def test_a_model_that_is_too_small_for_the_task_is_one_clear_error() -> None:
    with pytest.raises(UsageError, match="leaves no room for a passage"):
        node(Ruled(logits=graded, context_tokens=20)).run(QUERY, ranking_of("x"), RunContext())


def test_a_scale_that_does_not_rise_and_a_head_of_one_are_refused() -> None:
    with pytest.raises(ValidationError, match="below 'highest'"):
        ExpectedRatingConfig(lowest=5, highest=5)
    with pytest.raises(ValidationError, match="at least 2"):
        ExpectedRatingConfig(refine=1)
