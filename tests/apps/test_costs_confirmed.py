"""What a reranker says that it will cost is what the account of its run says, within a tenth."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from assay.apps.costs import lengths_of
from assay.pipeline.component import Node
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.registry import find
from assay.pipeline.words import Hit, Passage, Query, Ranking, Score, ScoreKind, Selection
from assay.stages.rerank.windowed import WindowedRerank
from assay.stages.windows.passage_text import read
from assay.stages.windows.window import Sizes
from tests.conformance.samples import A, Sample, reranker_samples
from tests.stages.rerank.oracles import OracleRanker, ranking_of

WORDS = "harbour lantern keeper tide vessel signal tuple sequence items list immutable".split()
SEEDS = 60
EXPECTED = {"rerank.reasoning@1": {"expected_tokens": 11}}
"""What the double of a model writes, where the config must say it."""


def made(name: str, sample: Sample, item: Mapping[str, Any], **config: Any) -> Node:
    """A started node that knows which inputs it will have."""
    component = find(name)
    settings = {**sample.config, **EXPECTED.get(name, {}), **config}
    node = component(component.Config.model_validate(settings), **sample.resources)
    assert isinstance(node, Node)
    node.start()
    check = getattr(node, "check_ports", None)
    if check is not None:
        assert not check({key: tuple(it) for key, it in item.items() if isinstance(it, Mapping)})
    return node


def told_and_spent(node: Node, item: Mapping[str, Any]) -> tuple[Cost, Cost]:
    query, ranking = item["query"], item["ranking"]
    sizes, _ = lengths_of(node, query.text, [read(hit.passage) for hit in ranking.hits])
    context = RunContext()
    told: Cost = node.estimate(len(ranking.hits), sizes)  # type: ignore[attr-defined]
    node.run(**item, context=context)
    return told, context.cost


def confirms(told: Cost, spent: Cost) -> None:
    assert (told.calls, told.rounds) == (spent.calls, spent.rounds)
    for one, other in ((told.tokens_in, spent.tokens_in), (told.tokens_out, spent.tokens_out)):
        assert one == pytest.approx(other, rel=0.1)


def long_list(query: Query, n: int) -> Ranking:
    """Passages of 20 to 60 words."""
    chance = random.Random(7)
    return Ranking(
        query,
        tuple(
            Hit(
                Passage(
                    f"p{place}",
                    f"d{place}",
                    " ".join(chance.choices(WORDS, k=chance.randrange(20, 60))),
                    query.scope,
                    metadata={"kind": "note"},
                ),
                Score(2.0 - 0.1 * place, ScoreKind.LOGIT, "sample"),
            )
            for place in range(n)
        ),
        "sample",
    )


def over_an_oracle(name: str) -> WindowedRerank:
    component = find(name)
    assert issubclass(component, WindowedRerank)
    config: Any = component.Config.model_validate(reranker_samples()[name].config)
    return component(config, ranker=OracleRanker())


NAMES = sorted(reranker_samples())
ADAPTIVE = [
    name
    for name in NAMES
    if issubclass(find(name), WindowedRerank) and over_an_oracle(name).estimate_note(12)
]
"""Rerankers whose cost depends on the answers, as their notes say."""
FIXED = [name for name in NAMES if name not in ADAPTIVE]


@pytest.mark.parametrize("name", FIXED)
def test_the_account_confirms_the_estimate_of_the_sample(name: str) -> None:
    sample = reranker_samples()[name]
    for item in sample.inputs:
        node = made(name, sample, item)
        confirms(*told_and_spent(node, item))
        node.close()


@pytest.mark.parametrize("name", FIXED)
def test_the_account_confirms_the_estimate_of_a_longer_list(name: str) -> None:
    sample = reranker_samples()[name]
    ranking = long_list(A, 24)
    item = {**sample.inputs[0], "query": A, "ranking": ranking}
    for port, value in item.items():
        if port in ("signals", "rankings"):
            item[port] = {key: replace(ranking, source=key) for key in value}
        elif port == "reranked":
            item[port] = ranking
        elif port == "accepted":
            item[port] = Selection(A, ranking.hits[:2])
    config = {"depth": 20} if "depth" in find(name).Config.model_fields else {}
    node = made(name, sample, item, **config)
    confirms(*told_and_spent(node, item))
    node.close()


@pytest.mark.parametrize("name", ADAPTIVE)
def test_where_the_answers_decide_the_estimate_is_the_mean_over_orders(name: str) -> None:
    node = over_an_oracle(name)
    told = node.estimate(24, Sizes(3, 5))
    spent = []
    for seed in range(SEEDS):
        context = RunContext(seed=seed)
        order = np.random.default_rng(1000 + seed).permutation(24)
        node.run(A, ranking_of([float(one) for one in order]), context)
        spent.append(context.cost)
    assert "mean" in node.estimate_note(24)
    assert told.calls == pytest.approx(np.mean([one.calls for one in spent]), rel=0.1)
    assert told.tokens_in == pytest.approx(np.mean([one.tokens_in for one in spent]), rel=0.1)
    rounds = float(np.mean([one.rounds for one in spent]))
    assert told.rounds == pytest.approx(rounds, rel=0.1, abs=0.6)  # a whole number of few


def test_a_fixed_method_says_nothing_of_a_mean_and_an_adaptive_one_does() -> None:
    assert {"rerank.kwik_sort@1", "rerank.realm@1", "rerank.setwise_heapsort@1"} <= set(ADAPTIVE)
    assert {"rerank.sliding_window@1", "rerank.jointrank@1", "rerank.pairwise@1"} <= set(FIXED)
