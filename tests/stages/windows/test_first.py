from __future__ import annotations

from dataclasses import replace

import pytest

from assay.models.language_model import PromptTooLong
from assay.pipeline.context import RunContext
from assay.stages.windows.first import First, FirstConfig, ordered_by
from assay.stages.windows.window import Sizes
from tests.stages.rerank.oracles import QUESTION
from tests.stages.windows.models import ReadsRelevance
from tests.stages.windows.test_listwise import window


def test_letters_without_a_probability_follow_in_their_order() -> None:
    nothing = float("-inf")
    found = ordered_by([-2.0, -0.1, nothing, -3.0])  # A, B, C, D
    assert found.order == (1, 0, 3, 2)
    assert ordered_by([nothing, nothing]).order == (0, 1)
    shifted = ordered_by([one + 5 for one in (-2.0, -0.1, nothing, -3.0)])
    assert shifted.order == found.order


def test_the_first_token_orders_a_window_without_writing_one() -> None:
    model, context = ReadsRelevance(), RunContext()
    (found,) = First(FirstConfig(), model=model).rank([window([0.2, 0.9, 0.5])], [context])
    assert found.order == (1, 2, 0)
    assert found.scores is not None
    assert found.scores[1] > found.scores[2] > found.scores[0]
    assert (context.cost.calls, context.cost.rounds, context.cost.tokens_out) == (1, 1, 0)
    assert model.prompts[0].endswith("[")


def test_windows_of_several_sizes_are_each_answered_as_alone() -> None:
    ranker = First(FirstConfig(), model=ReadsRelevance())
    windows = [window([1, 2]), window([3, 1, 2]), window([2, 1])]
    together = ranker.rank(windows, [RunContext() for _ in windows])
    assert together == [ranker.rank([one], [RunContext()])[0] for one in windows]
    assert [one.order for one in together] == [(1, 0), (0, 2, 1), (0, 1)]


def test_the_estimate_is_what_the_ledger_says() -> None:
    model, context = ReadsRelevance(), RunContext()
    ranker, asked = First(FirstConfig(), model=model), window([float(one) for one in range(12)])
    ranker.rank([asked], [context])
    sizes = Sizes(model.count_tokens(QUESTION.text), model.count_tokens(asked.passages[0].text))
    told = ranker.estimate(12, sizes)
    assert told.tokens_in == pytest.approx(context.cost.tokens_in, rel=0.1)


class Small(ReadsRelevance):
    def next_token_logprobs(self, prompts, candidates, contexts):  # type: ignore[no-untyped-def]
        for prompt in prompts:
            text = "".join(str(getattr(one, "content", one)) for one in prompt)
            if self.count_tokens(text) > 400:
                raise PromptTooLong(self.count_tokens(text), 1, 400, self.name)
        return super().next_token_logprobs(prompts, candidates, contexts)


def test_a_window_that_does_not_fit_is_written_with_shorter_passages() -> None:
    long = window([0.1, 0.9])
    passages = tuple(replace(one, text=one.text + " word" * 400) for one in long.passages)
    context = RunContext()
    (found,) = First(FirstConfig(), model=Small()).rank(
        [replace(long, passages=passages)], [context]
    )
    assert found.order == (1, 0)
    assert isinstance(context.notes["windows_shortened"], int)
