from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.models.language_model import Ability
from assay.models.probability_table import TableRow
from assay.models.table_language_model import TableLanguageModel, TableLanguageModelConfig
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError
from assay.pipeline.words import Passage, Query, ScoreKind
from assay.stages.rerank.query_likelihood import QueryLikelihoodConfig, QueryLikelihoodRerank
from assay.stages.rerank.question_uncertainty import cut_off, draws_of
from assay.stages.windows.window import Sizes
from tests.conformance.samples import Sample, asked
from tests.stages.rerank.language_models import QUERY, Unigrams, laplace, ranking_of

WORDS = st.lists(st.sampled_from(["who", "built", "it", "a", "b"]), min_size=1, max_size=8)


def sample() -> Sample:
    return Sample(asked(), config={"depth": 2}, resources={"model": Unigrams()})


def node(model: Any, **config: Any) -> QueryLikelihoodRerank:
    return QueryLikelihoodRerank(QueryLikelihoodConfig(**config), model=model)


def table(**rows: dict[str, float]) -> TableLanguageModel:
    """A model that tells the next word by the passage's last word."""
    return TableLanguageModel(
        TableLanguageModelConfig(
            rows=[TableRow(after=f".*{word}\\b.*", then=then) for word, then in rows.items()],
            vocabulary=50,
        )
    )


@given(WORDS, st.lists(WORDS, min_size=1, max_size=5))
def test_after_unigrams_it_is_query_likelihood_with_laplace_smoothing(
    question: list[str], passages: list[list[str]]
) -> None:
    query = Query(" ".join(question), QUERY.scope)
    came = ranking_of(*[" ".join(one) for one in passages], query=query)
    found = node(Unigrams(), reduction="sum").run(query, came, RunContext())
    for hit in found.hits:
        assert hit.score.value == pytest.approx(laplace(query.text, hit.passage.text))
    mean = node(Unigrams()).run(query, came, RunContext())
    assert mean.ids == found.ids
    for one, other in zip(mean.hits, found.hits, strict=True):
        assert one.score.value * len(question) == pytest.approx(other.score.value)


def test_ties_stay_as_they_came_and_the_kind_is_told() -> None:
    came = ranking_of("x y", "who built it", "y x")
    context = RunContext()
    found = node(Unigrams()).run(QUERY, came, context)
    assert found.ids == ("1", "0", "2")
    assert {hit.score.kind for hit in found.hits} == {ScoreKind.LIKELIHOOD}
    assert (context.cost.calls, context.cost.rounds, context.cost.tokens_out) == (3, 1, 0)
    assert node(Unigrams(), reduction="sum").kind is ScoreKind.LOGIT
    assert node(Unigrams(), subtract_prior=True).kind is ScoreKind.LOGIT


def test_the_prior_is_what_the_question_has_after_an_empty_passage() -> None:
    context, model = RunContext(), Unigrams()
    found = node(model, subtract_prior=True, reduction="sum").run(
        QUERY, ranking_of("who built it", "x"), context
    )
    expected = laplace(QUERY.text, "who built it") - laplace(QUERY.text, "")
    assert found.hits[0].score.value == pytest.approx(expected)
    assert found.hits[0].score.value > 0.0
    assert (context.cost.calls, context.cost.rounds) == (3, 1)
    assert [text.split(" Please")[0] for text, _ in model.pairs] == [
        "Passage: who built it",
        "Passage: x",
        "Passage:",
    ]


def test_each_question_of_a_batch_has_its_own_prior_and_pays_for_it() -> None:
    other = Query("it it a", QUERY.scope)
    rankings = [ranking_of("who built it", "x"), ranking_of("it", "a", query=other)]
    items = [{"query": one.query, "ranking": one} for one in rankings]
    contexts = [RunContext(), RunContext()]
    reranker = node(Unigrams(), subtract_prior=True)
    together = reranker.run_batch(items, contexts)
    assert together == [reranker.run(one.query, one, RunContext()) for one in rankings]
    assert [one.cost.calls for one in contexts] == [3, 3]


def test_equal_passages_of_a_batch_stand_side_by_side() -> None:
    other = Query("it it a", QUERY.scope)
    rankings = [ranking_of("x", "y"), ranking_of("x", "y", query=other)]
    items = [{"query": one.query, "ranking": one} for one in rankings]
    model = Unigrams()
    node(model).run_batch(items, [RunContext(), RunContext()])
    assert [text.split(" Please")[0][-1] for text, _ in model.pairs] == ["x", "x", "y", "y"]


def test_a_long_question_is_scored_by_its_beginning() -> None:
    long = Query(" ".join(["who", *["built"] * 200]), QUERY.scope)
    context, model = RunContext(), Unigrams()
    found = node(model, reduction="sum").run(long, ranking_of("who", query=long), context)
    kept = " ".join(long.text.split()[:128])
    assert model.pairs[0][1] == f" {kept}"
    assert found.hits[0].score.value == pytest.approx(laplace(kept, "who"))
    assert context.notes["queries_cut"] == 1


def test_a_long_passage_is_cut_to_its_beginning_and_the_request_stays() -> None:
    context, model = RunContext(), Unigrams()
    node(model, passage_tokens=20).run(QUERY, ranking_of("who " * 100), context)
    assert model.pairs[0][0] == "Passage: " + " ".join(["who"] * 20) + (
        " Please write a question based on this passage."
    )
    assert context.notes["passages_cut"] == 1


def test_a_title_is_read_before_the_text() -> None:
    model = Unigrams()
    came = ranking_of("text")
    titled = came.hits[0].passage
    hit = type(came.hits[0])(
        Passage("0", "d", titled.text, titled.scope, title="Head"), came.hits[0].score
    )
    node(model).run(QUERY, type(came)(QUERY, (hit,), "first"), RunContext())
    assert model.pairs[0][0].startswith("Passage: Head text Please")


@pytest.mark.parametrize("template", ["upr", "chat", "examples"])
@pytest.mark.parametrize("prior", [True, False])
def test_the_estimate_is_what_the_ledger_says(template: str, prior: bool) -> None:
    model = table(word={" who": 0.3, " built": 0.3, " it": 0.3})
    reranker = node(model, template=template, subtract_prior=prior, depth=12)
    texts = [f"{place} " + "word " * 60 for place in range(15)]
    context = RunContext()
    reranker.run(QUERY, ranking_of(*texts), context)
    told = reranker.estimate(15, Sizes(query=3, passage=61))
    assert (told.calls, told.rounds) == (context.cost.calls, context.cost.rounds)
    assert told.tokens_in == pytest.approx(context.cost.tokens_in, rel=0.1)


def test_worked_examples_are_computed_once_for_all_passages() -> None:
    model = table(word={" who": 0.3, " built": 0.3, " it": 0.3})
    context = RunContext()
    node(model, template="examples").run(
        QUERY, ranking_of(*[f"{place} word" for place in range(10)]), context
    )
    assert context.cost.tokens_cached > 0.7 * context.cost.tokens_in


def test_a_question_that_is_impossible_is_one_clear_error() -> None:
    model = table(x={"never": 1.0})
    with pytest.raises(ModelError, match="no probability at all"):
        node(model).run(QUERY, ranking_of("x"), RunContext())


# -- uncertainty ----------------------------------------------------------------


def test_a_sure_model_has_no_entropy_and_an_undecided_one_that_of_its_words() -> None:
    sure = TableLanguageModel(
        TableLanguageModelConfig(
            rows=[
                TableRow(after=".*passage\\.", then={" who": 1.0}),
                TableRow(after=".*who", then={" built": 1.0}),
                TableRow(after=".*built", then={" it": 1.0}),
            ]
        )
    )
    context = RunContext()
    node(sure, uncertainty_samples=6).run(QUERY, ranking_of("x"), context)
    assert context.notes["uncertainty"] == 0.0
    even = TableLanguageModel(
        TableLanguageModelConfig(
            rows=[
                TableRow(after=".*", then={f" {one}": 0.25 for one in ("who", "built", "it", "z")})
            ]
        )
    )
    context = RunContext()
    node(even, uncertainty_samples=6).run(QUERY, ranking_of("x"), context)
    assert context.notes["uncertainty"] == pytest.approx(math.log(4), abs=1e-5)


def test_the_estimate_of_an_entropy_has_no_bias() -> None:
    uneven = TableLanguageModel(
        TableLanguageModelConfig(
            rows=[TableRow(after=".*", then={" who": 0.9, " built": 0.05, " it": 0.05})]
        )
    )
    context = RunContext(seed=3)
    many = ranking_of(*[f"x{place}" for place in range(40)])
    node(uneven, uncertainty_samples=30).run(QUERY, many, context)
    entropy = -(0.9 * math.log(0.9) + 2 * 0.05 * math.log(0.05))
    assert context.notes["uncertainty"] == pytest.approx(entropy, abs=0.07)


def mixed() -> TableLanguageModel:
    """Sure after ``even`` of nothing, and after ``sure`` of the wrong words."""
    some = {" who": 0.2, " built": 0.2, " it": 0.2, " z": 0.2, " y": 0.2}
    wrong = {" who": 0.08, " built": 0.08, " it": 0.08, " z": 0.76}
    return TableLanguageModel(
        TableLanguageModelConfig(
            rows=[
                TableRow(after=".*even.*", then=some),
                TableRow(after=".*sure.*", then=wrong),
            ]
        )
    )


def test_a_weight_of_0_is_plain_query_likelihood() -> None:
    came = ranking_of("sure", "even", "sure too")
    plain = node(mixed()).run(QUERY, came, RunContext())
    context = RunContext()
    weighed = node(mixed(), uncertainty_samples=4).run(QUERY, came, context)
    assert weighed == plain
    assert weighed.ids == ("1", "0", "2")
    assert (context.cost.calls, context.cost.rounds) == (3 + 3 * 4, 2)
    assert node(mixed(), uncertainty_samples=4).kind is ScoreKind.LIKELIHOOD


def test_a_negative_weight_puts_what_is_unsure_behind() -> None:
    came = ranking_of("sure", "even")
    reranker = node(mixed(), uncertainty_samples=12, uncertainty_weight=-3.0)
    found = reranker.run(QUERY, came, RunContext())
    assert found.ids == ("0", "1")
    assert reranker.kind is ScoreKind.LOGIT
    assert found == reranker.run(QUERY, came, RunContext())


def test_the_cost_of_uncertainty_is_told_before() -> None:
    context, reranker = RunContext(), node(mixed(), uncertainty_samples=3)
    came = ranking_of(*["sure " + "word " * 30] * 8)
    reranker.run(QUERY, came, context)
    told = reranker.estimate(8, Sizes(query=3, passage=31))
    assert (told.calls, told.rounds, told.tokens_out) == (8 + 24, 2, 24)
    assert (context.cost.calls, context.cost.rounds, context.cost.tokens_out) == (32, 2, 24)
    assert told.tokens_in == pytest.approx(context.cost.tokens_in, rel=0.1)


def test_a_model_that_tells_no_probabilities_of_its_words_is_refused() -> None:
    class Silent(Unigrams):
        def answer(self, prompt: str) -> str:
            return "word"

    with pytest.raises(ModelError, match="uncertainty_samples: 0"):
        node(Silent(), uncertainty_samples=2).run(QUERY, ranking_of("x"), RunContext())


def test_a_weight_without_samples_is_refused_and_needs_follow_the_config() -> None:
    with pytest.raises(ValidationError, match="needs 'uncertainty_samples'"):
        QueryLikelihoodConfig(uncertainty_weight=1.0)
    assert node(Unigrams()).needs == {"model": (Ability.SEQUENCE_LOGPROB,)}
    assert Ability.GENERATE in node(mixed(), uncertainty_samples=1).needs["model"]


def test_the_cut_off_is_noted_and_the_ranking_stays_whole() -> None:
    context = RunContext()
    came = ranking_of("x " * 60, "who built it", "who built")
    found = node(Unigrams(), cut_off_margin=1.0).run(QUERY, came, context)
    assert len(found.hits) == 3
    assert context.notes["cut_off"] == 2


@given(
    st.lists(st.floats(-10, 0), min_size=1, max_size=8),
    st.floats(0, 5),
    st.floats(0, 2),
)
def test_a_cut_off_keeps_the_best_and_grows_with_its_margin(
    values: list[float], margin: float, weight: float
) -> None:
    ranked = sorted(values, reverse=True)
    unsure = [abs(one) for one in ranked]
    kept = cut_off(ranked, unsure, weight=weight, margin=margin)
    assert 1 <= kept <= cut_off(ranked, unsure, weight=weight, margin=margin + 1) <= len(ranked)


@given(WORDS, st.integers(1, 30))
def test_draws_are_spread_over_all_words_and_differ(words: list[str], samples: int) -> None:
    found = draws_of(" ".join(words), samples)
    assert len(found) == samples
    lengths = [len(one.split()) for one, _ in found]
    assert lengths == sorted(lengths) and lengths[0] == 0
    if samples >= len(words):
        assert set(lengths) == set(range(len(words)))
    assert len(set(found)) == samples
