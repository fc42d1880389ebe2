"""The pointwise rerankers on a real, small model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assay.models.files.store import default_store
from assay.models.llama_cpp import LlamaCpp, LlamaCppConfig
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError
from assay.pipeline.words import Query
from assay.stages.rerank.expected_rating import ExpectedRatingConfig, ExpectedRatingRerank
from assay.stages.rerank.pointwise import PointwiseRerank
from assay.stages.rerank.query_likelihood import QueryLikelihoodConfig, QueryLikelihoodRerank
from assay.stages.rerank.reasoning import ReasoningConfig, ReasoningRerank
from assay.stages.rerank.token_logit import TokenLogitConfig, TokenLogitRerank
from assay.stages.windows.window import Sizes
from tests.stages.rerank.language_models import QUERY, ranking_of

pytestmark = pytest.mark.models

KEY = "smollm2-135m-instruct-q4_1"
EIFFEL = "The Eiffel Tower in Paris was finished in 1889 by the company of Gustave Eiffel."
SOUP = "Cook the carrots for twenty minutes, then add salt, pepper and a spoon of cream."
ASKED = Query("who built the Eiffel Tower", QUERY.scope)


@pytest.fixture(scope="module")
def model() -> Iterator[LlamaCpp]:
    try:
        default_store().locate(KEY)
    except ModelError as error:
        pytest.skip(str(error))
    found = LlamaCpp(LlamaCppConfig(model=KEY, context_tokens=1024, threads=1))
    found.start()
    yield found
    found.close()


@pytest.mark.parametrize("template", ["upr", "examples"])
def test_the_passage_about_the_question_is_the_likelier_one(model: LlamaCpp, template: str) -> None:
    config = QueryLikelihoodConfig.model_validate({"template": template, "subtract_prior": True})
    node = QueryLikelihoodRerank(config, model=model)
    found = node.run(ASKED, ranking_of(SOUP, EIFFEL, query=ASKED), RunContext())
    assert found.ids == ("1", "0")
    assert found.hits[0].score.value > 0.0


def nodes(model: LlamaCpp) -> dict[str, PointwiseRerank]:
    """Each with a config that reads, or writes, little."""
    return {
        "logit": TokenLogitRerank(TokenLogitConfig(), model=model),
        "rating": ExpectedRatingRerank(ExpectedRatingConfig(refine=2), model=model),
        "text": ExpectedRatingRerank(
            ExpectedRatingConfig(highest=10, grades_as="text"), model=model
        ),
        "erank": ReasoningRerank(
            ReasoningConfig(style="erank", reasoning_tokens=16, expected_tokens=40), model=model
        ),
    }


@pytest.mark.parametrize("name", ["logit", "rating", "text", "erank"])
def test_calls_and_tokens_of_a_real_model_are_what_was_told(model: LlamaCpp, name: str) -> None:
    node, context = nodes(model)[name], RunContext()
    found = node.run(query=ASKED, ranking=ranking_of(SOUP, EIFFEL, query=ASKED), context=context)
    assert sorted(found.ids) == ["0", "1"]
    passage = (model.count_tokens(SOUP) + model.count_tokens(EIFFEL)) // 2
    told = node.estimate(2, Sizes(query=model.count_tokens(ASKED.text), passage=passage))
    assert (told.calls, told.rounds) == (context.cost.calls, context.cost.rounds)
    assert told.tokens_in == pytest.approx(context.cost.tokens_in, rel=0.1)
