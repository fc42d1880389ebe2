from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.models.probability_table import TableRow
from assay.models.table_language_model import TableLanguageModel, TableLanguageModelConfig
from assay.models.token_logit_scorer import TokenLogitScorer, TokenLogitScorerConfig
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Query, ScoreKind
from assay.stages.rerank.cross_encoder import CrossEncoderConfig, CrossEncoderRerank
from assay.stages.rerank.token_logit import TokenLogitConfig, TokenLogitRerank, sigmoid
from assay.stages.windows.window import Sizes
from tests.conformance.samples import Sample, asked
from tests.stages.rerank.language_models import QUERY, Ruled, ranking_of, relevance_of


def said(prompt: str, names: Sequence[str]) -> list[float]:
    return [relevance_of(prompt), 0.0]


def words(prompt: str, names: Sequence[str]) -> list[float]:
    return [float(prompt.count("sequence")), 0.0]


def sample() -> Sample:
    return Sample(asked(), config={"depth": 2}, resources={"model": Ruled(logits=words)})


def node(model: Ruled, **config: Any) -> TokenLogitRerank:
    return TokenLogitRerank(TokenLogitConfig(**config), model=model)


def test_a_score_is_the_difference_of_the_logits_and_sorts_the_passages() -> None:
    context = RunContext()
    came = ranking_of("relevance -1.5", "relevance 3", "relevance 0.25")
    found = node(Ruled(logits=said)).run(QUERY, came, context)
    assert found.ids == ("1", "2", "0")
    assert [hit.score.value for hit in found.hits] == pytest.approx([3.0, 0.25, -1.5], abs=1e-6)
    assert {hit.score.kind for hit in found.hits} == {ScoreKind.LOGIT}
    assert (context.cost.calls, context.cost.rounds, context.cost.tokens_out) == (3, 1, 0)


def test_the_published_transforms_give_their_worked_numbers() -> None:
    zerank = node(Ruled(logits=said), transform="sigmoid", temperature=5.0)
    assert zerank.transformed(10.0) == pytest.approx(0.88080, abs=1e-5)
    rank1 = node(Ruled(logits=said), transform="softmax")
    assert rank1.transformed(2.0 - -1.0) == pytest.approx(0.95257, abs=1e-5)
    assert node(Ruled(logits=said)).transformed(10.0) == 10.0
    found = zerank.run(QUERY, ranking_of("relevance 10"), RunContext()).hits[0].score
    assert found.value == pytest.approx(0.88080, abs=1e-4)
    assert found.kind is ScoreKind.RATING


@given(st.floats(allow_nan=False))
def test_the_logistic_function_lies_between_0_and_1_for_any_number(logit: float) -> None:
    assert 0.0 <= sigmoid(logit) <= 1.0
    assert sigmoid(logit) + sigmoid(-logit) == pytest.approx(1.0)


@pytest.mark.parametrize("transform", ["identity", "softmax", "sigmoid"])
def test_every_transform_keeps_the_order(transform: str) -> None:
    came = ranking_of(*[f"relevance {one}" for one in (0.5, 4, -2, 1, 0.5)])
    found = node(Ruled(logits=said), transform=transform).run(QUERY, came, RunContext())
    assert found.ids == ("1", "3", "0", "4", "2")


def test_a_temperature_without_its_transform_is_refused() -> None:
    with pytest.raises(ValidationError, match="belongs to 'transform: sigmoid'"):
        TokenLogitConfig(temperature=5.0, transform="softmax")


@pytest.mark.parametrize("form", ["plain", "qwen3", "mxbai", "zerank", "monot5"])
def test_a_long_passage_is_cut_and_never_the_task(form: str) -> None:
    model = Ruled(logits=said, context_tokens=400)
    context = RunContext()
    long = "relevance 7 " + "and so it goes on " * 500
    node(model, form=form).run(QUERY, ranking_of(long), context)
    (prompt,) = model.prompts
    (short,) = (one for one in _prompts(form, "relevance 7"))
    tail = short.split("relevance 7")[1]
    assert prompt.endswith(tail) and prompt.startswith(short.split("relevance 7")[0])
    assert context.notes["passages_cut"] == 1
    assert len(model.prompts) == 1


def _prompts(form: str, text: str) -> list[str]:
    model = Ruled(logits=said)
    node(model, form=form).run(QUERY, ranking_of(text), RunContext())
    return model.prompts


def test_windows_cost_a_call_each_and_the_estimate_knows_it() -> None:
    model = Ruled(logits=said, context_tokens=300)
    reranker = node(model, form="monot5", too_long="windows")
    context = RunContext()
    reranker.run(QUERY, ranking_of("go on " * 300), context)
    assert context.cost.calls > 1
    told = reranker.estimate(1, Sizes(query=3, passage=600))
    assert abs(told.calls - context.cost.calls) <= 1


def test_a_batch_of_queries_is_one_call_and_each_gets_what_it_gets_alone() -> None:
    model = Ruled(logits=said)
    reranker = node(model)
    other = Query("another question", QUERY.scope)
    rankings = [
        ranking_of("relevance 1", "relevance 2"),
        ranking_of("relevance 4", "relevance 3", query=other),
    ]
    items = [{"query": one.query, "ranking": one} for one in rankings]
    together = reranker.run_batch(items, [RunContext(), RunContext()])
    assert model.batches == [4]
    assert together == [reranker.run(one.query, one, RunContext()) for one in rankings]


def test_the_estimate_is_what_the_ledger_says() -> None:
    for form in ("plain", "qwen3", "mxbai", "zerank", "monot5"):
        model = Ruled(logits=said)
        reranker = node(model, form=form, depth=30)
        texts = [f"relevance {place} " + "word " * 97 for place in range(40)]
        context = RunContext()
        reranker.run(QUERY, ranking_of(*texts), context)
        told = reranker.estimate(40, Sizes(query=3, passage=99))
        assert (told.calls, told.rounds) == (context.cost.calls, context.cost.rounds) == (30, 1)
        assert told.tokens_in == pytest.approx(context.cost.tokens_in, rel=0.1)


def test_an_answer_of_several_tokens_is_one_clear_error() -> None:
    table = TableLanguageModel(
        TableLanguageModelConfig(rows=[TableRow(after=".*", then={" yes": 0.5, " no": 0.3})])
    )
    custom = {
        "user": ["Query: {query}\n", "Passage: {passage}\nAnswer:"],
        "yes": ["fully relevant"],
        "no": [" no"],
        "chat": False,
    }
    config = TokenLogitConfig.model_validate({"form": "custom", "custom": custom})
    with pytest.raises(UsageError, match="more than one token"):
        TokenLogitRerank(config, model=table).run(QUERY, ranking_of("a"), RunContext())


def test_the_fingerprint_knows_the_form_that_is_asked() -> None:
    model = Ruled(logits=said)
    plain, qwen = node(model).parts(), node(model, form="qwen3").parts()
    assert plain["scorer"] != qwen["scorer"]
    assert plain["code"] == qwen["code"]


def test_the_scores_are_those_of_the_scorer_behind_a_cross_encoder_node() -> None:
    model = Ruled(logits=said)
    came = ranking_of("relevance -1.5", "relevance 3", "relevance 0.25")
    scorer = TokenLogitScorer(TokenLogitScorerConfig(form="qwen3"), model=model)
    other = CrossEncoderRerank(CrossEncoderConfig(), model=scorer).run(QUERY, came, RunContext())
    own = node(model, form="qwen3").run(QUERY, came, RunContext())
    assert [(hit.passage.id, hit.score.value, hit.score.kind) for hit in own.hits] == [
        (hit.passage.id, hit.score.value, hit.score.kind) for hit in other.hits
    ]
