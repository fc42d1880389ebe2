"""As deep as the budget admits, never deeper, and the rest as it came."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.pipeline.builder import build_text
from assay.pipeline.component import Config, Resource
from assay.pipeline.context import Budget, BudgetExceeded, Cost, RunContext
from assay.pipeline.errors import BuildError, UsageError
from assay.pipeline.words import Query, Ranking, ScoreKind
from assay.stages.rerank.affordable import Limits, deepest
from assay.stages.rerank.depth_by_budget import DepthByBudget, DepthByBudgetConfig
from assay.stages.windows.window import Sizes
from tests.conformance.samples import Sample, asked
from tests.stages.rerank.language_models import Ruled, relevance_of
from tests.stages.rerank.language_models import ranking_of as texts_of
from tests.stages.rerank.oracles import QUESTION, OracleRanker, ranking_of
from tests.stages.rerank.told_vectors import ToldVectors

WINDOWS = "rerank.sliding_window@1"
PAIRS = "rerank.cross_encoder@1"
LOGITS = "rerank.token_logit@1"


def sample() -> Sample:
    return Sample(
        asked(),
        config={"reranker": PAIRS, "settings": {"depth": 3}, "calls": 2},
        resources={"model": OverlapCrossEncoder(Config())},
    )


def node(
    reranker: str = WINDOWS, settings: dict[str, Any] | None = None, **config: Any
) -> DepthByBudget:
    """A node over an oracle for windows, over a model for pairs."""
    resource: dict[str, Resource] = {"ranker": OracleRanker()}
    if reranker == PAIRS:
        resource = {"model": OverlapCrossEncoder(Config())}
    if reranker == LOGITS:
        resource = {"model": Ruled(logits=lambda prompt, names: [relevance_of(prompt), 0.0])}
    given = {"reranker": reranker, "settings": settings or {}, **config}
    made = DepthByBudget(DepthByBudgetConfig.model_validate(given), **resource)  # type: ignore[arg-type]
    made.start()
    return made


def deep(context: RunContext) -> int:
    depth = context.notes["depth"]
    assert isinstance(depth, int)
    return depth


def rising(n: int) -> Ranking:
    """The most relevant passage stands last."""
    return ranking_of([float(one) for one in range(n)])


def test_the_depth_is_the_deepest_that_the_calls_admit() -> None:
    # Windows of 10 in steps of 5 over n passages: ceil((n - 10) / 5) + 1 calls.
    context = RunContext()
    found = node(settings={"window": 10, "step": 5}, calls=4).run(QUESTION, rising(60), context)
    assert context.cost.calls == 4
    assert context.notes["depth"] == 25
    assert context.notes["limited_by"] == "calls"
    assert context.notes["unscored"] == 35
    assert found.ids[:2] == ("24", "23")
    assert found.ids[25:] == tuple(str(one) for one in range(25, 60))
    assert [hit.score.value for hit in found.hits] == [1 / place for place in range(1, 61)]
    assert {hit.score.kind for hit in found.hits} == {ScoreKind.ORDER}


def test_a_budget_that_is_large_enough_changes_nothing() -> None:
    context = RunContext()
    made = node(calls=1000, tokens=10**6)
    whole = made.run(QUESTION, rising(40), context)
    assert whole.ids == made._inner.run(QUESTION, rising(40), RunContext()).ids
    assert whole.ids[:2] == ("39", "38")
    assert context.notes["depth"] == 40
    assert "limited_by" not in context.notes and "unaffordable" not in context.notes


def test_what_is_behind_keeps_the_scores_that_it_had() -> None:
    ranking = rising(6)
    found = node(PAIRS, calls=4).run(QUESTION, ranking, RunContext())
    assert [hit.score.kind for hit in found.hits] == [ScoreKind.LOGIT] * 4 + [ScoreKind.BM25] * 2
    assert found.hits[4:] == ranking.hits[4:]


@pytest.mark.parametrize("calls", [0, 1])
def test_where_not_two_are_affordable_all_stay_and_it_is_counted(calls: int) -> None:
    context, ranking = RunContext(), rising(6)
    found = node(PAIRS, calls=calls).run(QUESTION, ranking, context)
    assert found.hits == ranking.hits
    assert context.cost == Cost()
    assert context.notes == {"limited_by": "calls", "unaffordable": 1, "depth": 0, "unscored": 6}


def test_tokens_are_counted_by_passage_so_long_ones_end_it_sooner() -> None:
    short, long_ = "relevance 1 " + "word " * 10, "relevance 2 " + "word " * 400
    spent = {}
    for name, texts in (("short first", [short] * 9 + [long_]), ("long first", [long_] * 10)):
        context = RunContext()
        made = node(LOGITS, tokens=2000)
        made.run(texts_of("x").query, texts_of(*texts), context)
        spent[name] = (deep(context), context.cost.tokens_in)
        assert context.cost.tokens_in <= 2000
        assert context.notes["depth"] == 10 or context.notes["limited_by"] == "tokens"
    assert spent["short first"][0] == 10
    assert spent["long first"][0] == 3


def test_seconds_are_told_by_the_two_speeds() -> None:
    # A pass of windows of 2 in steps of 1 over n passages has n - 1 rounds.
    settings = {"window": 2, "step": 1}
    context = RunContext()
    made = node(settings=settings, seconds=5.0, seconds_per_round=0.5, margin=0.0)
    made.run(QUESTION, rising(30), context)
    assert (context.notes["depth"], context.cost.rounds) == (11, 10)
    assert context.notes["limited_by"] == "seconds"
    # The oracle reads 10 tokens a passage: 20 a window; 9 windows are 180 tokens.
    context = RunContext()
    made = node(settings=settings, seconds=2.0, tokens_per_second=100.0, margin=0.1)
    made.run(QUESTION, rising(30), context)
    assert (context.notes["depth"], context.cost.tokens_in) == (10, 180)


def test_what_the_request_has_left_counts_where_it_is_less() -> None:
    settings = {"window": 10, "step": 5}
    context = RunContext(budget=Budget(calls=6))
    context.spend(calls=3)
    node(settings=settings, calls=100).run(QUESTION, rising(60), context)
    assert context.cost.calls == 6
    context = RunContext(budget=Budget(tokens=1000), cost=Cost(tokens_in=400, tokens_out=100))
    node(settings=settings, margin=0.0).run(QUESTION, rising(60), context)
    assert context.cost.tokens_in == 400 + 500
    context = RunContext(deadline=10.0, clock=lambda: 8.0)
    node(settings=settings, seconds_per_round=0.5, margin=0.0).run(QUESTION, rising(60), context)
    assert context.cost.rounds == 4


def test_without_a_depth_by_budget_the_same_budget_ends_the_node() -> None:
    context = RunContext(budget=Budget(calls=3))
    with pytest.raises(BudgetExceeded):
        node(PAIRS)._inner.run(QUESTION, rising(10), context)
    context = RunContext(budget=Budget(calls=3))
    assert node(PAIRS).run(QUESTION, rising(10), context).ids[3:] == tuple("3456789")


def test_where_the_cost_depends_on_the_answers_some_calls_are_left_over() -> None:
    heaps = "rerank.setwise_heapsort@1"
    settings = {"children": 2, "top": 3}
    spent = []
    for margin in (0.0, 0.3):
        context = RunContext()
        made = node(heaps, settings, calls=40, margin=margin)
        made.run(QUESTION, rising(80), context)
        assert made.estimate_note(80).startswith("within 40 calls; mean, by the answers")
        spent.append(deep(context))
    assert spent[1] < spent[0]


def test_each_query_of_a_batch_has_its_own_budget() -> None:
    contexts = [RunContext(budget=Budget(calls=calls)) for calls in (1, 3, 5)]
    made = node(settings={"window": 10, "step": 5})
    found = made.run_batch([{"query": QUESTION, "ranking": rising(40)}] * 3, contexts)
    assert [context.notes["depth"] for context in contexts] == [10, 20, 30]
    for ranking, context in zip(found, contexts, strict=True):
        alone = RunContext(budget=context.budget)
        assert made.run(QUESTION, rising(40), alone) == ranking


def test_the_estimate_is_what_the_ledger_says() -> None:
    for n in (0, 1, 7, 60):
        made, context = node(settings={"window": 10, "step": 5}, calls=4), RunContext()
        made.run(QUESTION, rising(n), context)
        told = made.estimate(n, Sizes(3, 5))
        assert (told.calls, told.rounds) == (context.cost.calls, context.cost.rounds)
        assert told.tokens_in == context.cost.tokens_in


@given(
    prices=st.lists(st.integers(0, 9), min_size=1, max_size=40),
    budget=st.integers(0, 200),
)
def test_the_depth_is_affordable_and_the_next_one_is_not(prices: list[int], budget: int) -> None:
    costs = [0]
    for price in prices:
        costs.append(costs[-1] + price)
    depth, unit = deepest(len(prices), lambda n: Cost(calls=costs[n]), Limits(calls=budget))
    assert costs[depth] <= budget
    assert (unit == "") == (depth == len(prices))
    assert depth == len(prices) or costs[depth + 1] > budget


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"reranker": "rerank.sliding_windw@1"}, "sliding_window"),
        ({"reranker": "rerank.depth_by_budget@1"}, "hold itself"),
        ({"reranker": "rerank.blend@1"}, "needs the input 'reranked'"),
        ({"reranker": "rerank.gate@1"}, "gives no ranking"),
        ({"reranker": "models.echo@1"}, "is no node"),
        ({"reranker": WINDOWS, "settings": {"window": "ten"}}, "window: Input should be"),
        ({"reranker": WINDOWS, "settings": {"step": 90}}, "step 90"),
        ({"reranker": WINDOWS, "seconds": 3.0}, "needs a speed"),
    ],
)
def test_what_makes_no_sense_is_refused(config: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DepthByBudgetConfig.model_validate(config)


def test_its_resources_are_those_of_the_reranker_within() -> None:
    config = DepthByBudgetConfig(reranker=WINDOWS)
    with pytest.raises(UsageError, match=r"sliding_window@1 needs 'resources: \{ranker: ...\}'"):
        DepthByBudget(config)
    with pytest.raises(UsageError, match="takes no resource 'embedder'"):
        DepthByBudget(config, ranker=OracleRanker(), embedder=ToldVectors())
    logits = DepthByBudgetConfig(reranker=LOGITS)
    with pytest.raises(UsageError, match=r"'model' of rerank\.token_logit@1 takes a"):
        DepthByBudget(logits, model=OverlapCrossEncoder(Config()))


PIPELINE = """
assay: 1
name: toy
resources:
  judge: {use: models.overlap_cross_encoder@1}
  pairs: {use: windows.cross_encoder@1, resources: {model: judge}}
  notes: {use: corpora.local@1, config: {path: index}}
nodes:
  found: {use: retrieve.bm25@1, config: {k: 9}, resources: {corpus: notes}, inputs: {query: query}}
  reranked:
    use: rerank.depth_by_budget@1
    config: {reranker: rerank.sliding_window@1, settings: {window: WIDE, step: 2}, calls: 12}
    resources: {ranker: pairs}
    policy: {budget: {calls: 5}}
    inputs: {query: query, ranking: found}
  kept: {use: select.top_k@1, inputs: {query: query, ranking: reranked}}
  said:
    {use: generate.extractive@1, resources: {model: judge}, inputs: {query: query, selection: kept}}
output: said
"""


def test_a_file_holds_it_and_its_fingerprint_knows_the_reranker(tmp_path: Path) -> None:
    pipeline = build_text(PIPELINE.replace("WIDE", "4"), name="toy.yaml", base=tmp_path)
    made = pipeline.steps["reranked"].node
    assert made.gives == ("order",)
    assert made.config.settings["window"] == 4 and made.config.settings["depth"] == 100
    assert made.parts()["reranker"]["use"] == WINDOWS
    with pytest.raises(BuildError, match="window"):
        build_text(PIPELINE.replace("WIDE", "none"), name="toy.yaml", base=tmp_path)


def test_another_question_is_another_length() -> None:
    made = node(LOGITS, tokens=3000)
    depths = []
    for text in ("who", "who " * 100):
        context = RunContext()
        query = Query(text, texts_of("x").query.scope)
        made.run(query, texts_of(*["relevance 1"] * 40, query=query), context)
        depths.append(deep(context))
    assert depths[1] < depths[0]
