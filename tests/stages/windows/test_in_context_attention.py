from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from assay.models.account import book
from assay.models.language_model import Ability, Attention
from assay.models.prompt import Prompt, parts_of
from assay.pipeline.context import RunContext
from assay.stages.windows.in_context_attention import (
    EMPTY,
    InContextAttention,
    InContextAttentionConfig,
)
from assay.stages.windows.window import Sizes, Window
from tests.stages.rerank.oracles import QUESTION, ranking_of
from tests.stages.windows.models import ReadsRelevance

LAYERS, HEADS = 2, 3


class Looks(ReadsRelevance):
    """Its query looks at a passage by what it says and by its place; an empty one by place only."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Prompt] = []
        self.asked: list[tuple[str, list[int]]] = []

    @property
    def abilities(self) -> frozenset[Ability]:
        return frozenset({Ability.ATTENTION})

    def attention(self, prompt: Prompt, rows: Sequence[int], context: RunContext) -> Attention:
        parts = parts_of(prompt)
        book([context], [sum(self.count_tokens(one) for one in parts)], [0.0])
        self.asked.append((parts[-1], list(rows)))
        weights = []
        for place, part in enumerate(parts):
            said = float(part.split("relevance ")[1].split()[0]) if "relevance" in part else 0.0
            look = 0.0 if EMPTY in parts[-1] else said
            weights.append(np.full((LAYERS, HEADS, 2), look + 0.5 * place, dtype=np.float32))
        return Attention(tuple(weights))

    def keep(self, prompt: Prompt) -> None:
        self.kept.append(prompt)

    def release(self, prompt: Prompt) -> None:
        self.kept.remove(prompt)


def window(relevance: Sequence[float]) -> Window:
    return Window(QUESTION.text, tuple(hit.passage for hit in ranking_of(relevance).hits))


def test_passages_are_ordered_by_the_look_that_the_place_does_not_explain() -> None:
    model, context = Looks(), RunContext()
    ranker = InContextAttention(InContextAttentionConfig(), model=model)
    (found,) = ranker.rank([window([0.3, 0.9, 0.5])], [context])
    assert found.order == (1, 2, 0)
    assert found.scores == pytest.approx([0.3 * 12, 0.9 * 12, 0.5 * 12], abs=1e-4)
    assert (context.cost.calls, context.cost.rounds) == (2, 2)
    assert [text for text, _ in model.asked] == [f"{EMPTY} ", f"{QUESTION.text} "]
    assert {tuple(rows) for _, rows in model.asked} == {(4, 5)}
    assert model.kept == []


def test_without_calibration_the_place_decides() -> None:
    config = InContextAttentionConfig(variant="query_only")
    (found,) = InContextAttention(config, model=Looks()).rank(
        [window([0.3, 0.2, 0.1])], [RunContext()]
    )
    assert found.order == (2, 1, 0)


def test_reversed_passages_get_their_own_scores() -> None:
    config = InContextAttentionConfig(reverse=True)
    (found,) = InContextAttention(config, model=Looks()).rank(
        [window([0.3, 0.9, 0.5])], [RunContext()]
    )
    assert found.order == (1, 2, 0)


def test_the_estimate_is_what_the_ledger_says() -> None:
    model, context = Looks(), RunContext()
    ranker, asked = (
        InContextAttention(InContextAttentionConfig(), model=model),
        window([float(one) for one in range(20)]),
    )
    ranker.rank([asked], [context])
    sizes = Sizes(model.count_tokens(QUESTION.text), model.count_tokens(asked.passages[0].text))
    told = ranker.estimate(20, sizes)
    assert (told.calls, told.rounds) == (context.cost.calls, context.cost.rounds)
    assert told.tokens_in == pytest.approx(context.cost.tokens_in, rel=0.1)
