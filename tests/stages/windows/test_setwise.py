from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from assay.pipeline.context import RunContext
from assay.stages.rerank.setwise_heapsort import SetwiseHeapsort, SetwiseHeapsortConfig
from assay.stages.windows.setwise import SetwiseWindows, SetwiseWindowsConfig
from assay.stages.windows.window import Sizes
from tests.stages.rerank.oracles import QUESTION, ranking_of
from tests.stages.windows.models import ReadsRelevance
from tests.stages.windows.test_listwise import window


def ranker(model: ReadsRelevance | None = None, /, **config: object) -> SetwiseWindows:
    return SetwiseWindows(
        SetwiseWindowsConfig.model_validate(config), model=model or ReadsRelevance()
    )


def reasoned(model_says: str) -> ReadsRelevance:
    return ReadsRelevance(lambda ids: model_says.replace("BEST", ids[0]))


R1: dict[str, object] = {"form": "rank_r1", "answer": "text", "reasoning_tokens": 64}


def test_probabilities_put_the_whole_window_in_order() -> None:
    context = RunContext()
    (found,) = ranker().rank([window([0.2, 0.9, 0.5])], [context])
    assert found.order == (1, 2, 0)
    assert found.scores is not None
    assert (context.cost.calls, context.cost.tokens_out) == (1, 0)


def test_a_written_letter_tells_the_best_alone() -> None:
    model = ReadsRelevance(lambda ids: ids[0])
    (found,) = ranker(model, answer="text").rank([window([0.2, 0.5, 0.9, 0.3])], [RunContext()])
    assert (found.order, found.scores) == ((2, 0, 1, 3), None)


def test_rank_r1_answers_after_its_reasoning() -> None:
    model = reasoned("<think>[1] is best</think> <answer>BEST</answer>")
    (found,) = ranker(model, **R1).rank([window([0.1, 0.2, 0.9])], [RunContext()])
    assert (found.order, found.reasoning) == ((2, 0, 1), "[1] is best")
    assert "<think> </think>" in model.prompts[0]


@pytest.mark.parametrize(
    ("said", "failed"),
    [
        ("<think>[3] and so on", True),
        ("<think>[1]</think><answer></answer>", True),
        ("<think>no</think><answer>[2]</answer> or <answer>[3]</answer>", False),
    ],
)
def test_reasoning_that_was_cut_off_fails_and_the_last_answer_counts(
    said: str, failed: bool
) -> None:
    context = RunContext()
    (found,) = ranker(reasoned(said), **R1).rank([window([0.1, 0.2, 0.9])], [context])
    assert found.failed is failed
    assert found.order == ((0, 1, 2) if failed else (2, 0, 1))
    assert context.notes.get("windows_failed", 0) == int(failed)


def test_reasoning_has_no_probabilities() -> None:
    with pytest.raises(ValidationError, match="set answer to 'text'"):
        SetwiseWindowsConfig(form="rank_r1")


def test_letters_end_at_twenty_six_and_numbers_do_not() -> None:
    assert ranker(max_window=100).max_window == 26
    assert ranker(None, max_window=100, **R1).max_window == 100


def test_windows_of_several_sizes_are_each_answered_as_alone() -> None:
    windows = [window([1, 2]), window([3, 1, 2]), window([2, 1])]
    together = ranker().rank(windows, [RunContext() for _ in windows])
    assert together == [ranker().rank([one], [RunContext()])[0] for one in windows]
    assert [one.order for one in together] == [(1, 0), (0, 2, 1), (0, 1)]


@pytest.mark.parametrize("config", [{}, {"answer": "text"}, R1])
def test_the_estimate_is_what_the_ledger_says(config: dict[str, object]) -> None:
    says = "<think>" + "so " * 28 + "</think><answer>BEST</answer>" if config is R1 else "BEST"
    model, context = reasoned(says), RunContext()
    asked = window([float(one) for one in range(10)])
    ranker(model, **config).rank([asked], [context])
    sizes = Sizes(model.count_tokens(QUESTION.text), model.count_tokens(asked.passages[0].text))
    told = ranker(model, **config).estimate(10, sizes)
    assert (told.calls, told.rounds) == (context.cost.calls, context.cost.rounds)
    assert told.tokens_in == pytest.approx(context.cost.tokens_in, rel=0.1)
    assert told.tokens_out == pytest.approx(context.cost.tokens_out, rel=0.1)


@pytest.mark.parametrize("config", [{}, {"answer": "text"}, R1])
def test_a_heap_over_a_model_that_names_the_best_finds_the_best(config: dict[str, object]) -> None:
    says = "<think>hm</think><answer>BEST</answer>" if config is R1 else "BEST"
    relevance = [float(one) for one in np.random.default_rng(0).permutation(30)]
    node = SetwiseHeapsort(
        SetwiseHeapsortConfig(children=4, top=5), ranker=ranker(reasoned(says), **config)
    )
    found = node.run(QUESTION, ranking_of(relevance), RunContext())
    assert list(found.ids[:5]) == [str(one) for one in np.argsort(-np.array(relevance))[:5]]
