from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.pipeline.context import RunContext
from assay.stages.windows.self_consistent import SelfConsistent, SelfConsistentConfig
from assay.stages.windows.window import Ordered, Sizes, Window
from tests.stages.rerank.oracles import QUESTION, OracleRanker, ranking_of


def window(relevance: Sequence[float]) -> Window:
    return Window(QUESTION.text, tuple(hit.passage for hit in ranking_of(relevance).hits))


class AsShown(OracleRanker):
    """Cannot tell passages apart: the first shown is the best, always."""

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        return [Ordered(tuple(range(len(one.passages)))) for one in windows]


class FailsOnWhole(OracleRanker):
    """Cannot answer for a window that is shown as it came."""

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        said = super().rank(windows, contexts)
        return [
            Ordered(tuple(range(len(one.passages))), failed=True)
            if [int(p.id) for p in one.passages] == list(range(len(one.passages)))
            else answer
            for one, answer in zip(windows, said, strict=True)
        ]


def consistent(ranker: OracleRanker, **config: object) -> SelfConsistent:
    return SelfConsistent(SelfConsistentConfig.model_validate(config), ranker=ranker)


def test_one_sample_is_the_ranker_itself() -> None:
    asked, context = window([3, 1, 2]), RunContext()
    (found,) = consistent(OracleRanker(), samples=1).rank([asked], [context])
    assert found.order == (0, 2, 1)
    assert context.notes == {"agreement": 1.0}


def test_noise_is_averaged_out_and_agreement_tells_how_much_there_was() -> None:
    def wrong(ranker: OracleRanker | SelfConsistent, context: RunContext) -> float:
        total = 0
        for seed in range(15):
            relevance = np.random.default_rng(seed).permutation(8).tolist()
            (found,) = ranker.rank([window(relevance)], [context])
            ordered = [relevance[one] for one in found.order]
            total += sum(a < b for n, a in enumerate(ordered) for b in ordered[n + 1 :])
        return total

    alone = wrong(OracleRanker(error=0.3), RunContext())
    quiet, loud = RunContext(), RunContext()
    together = wrong(consistent(OracleRanker(error=0.3), samples=15), loud)
    wrong(consistent(OracleRanker(error=0.05), samples=15), quiet)
    assert together < 0.6 * alone
    assert loud.notes["agreement"] < quiet.notes["agreement"]  # type: ignore[operator]


def test_a_ranker_that_answers_as_shown_leaves_nearly_equal_scores() -> None:
    (found,) = consistent(AsShown(), samples=100).rank([window(range(6))], [RunContext()])
    assert found.scores is not None
    assert max(found.scores) - min(found.scores) < 0.6


def test_an_answer_that_cannot_be_read_is_no_vote() -> None:
    relevance = [1, 2, 3, 4, 5]
    (found,) = consistent(FailsOnWhole(), samples=3).rank([window(relevance)], [RunContext()])
    assert (found.order, found.failed) == ((4, 3, 2, 1, 0), False)
    (alone,) = consistent(FailsOnWhole(), samples=1).rank([window(relevance)], [RunContext()])
    assert (alone.order, alone.failed) == ((0, 1, 2, 3, 4), True)


def test_samples_share_a_round_and_the_estimate_is_what_it_costs() -> None:
    context = RunContext()
    ranker = consistent(OracleRanker(), samples=7)
    ranker.rank([window(range(5))], [context])
    told = ranker.estimate(5, Sizes(query=5, passage=5))
    assert (context.cost.calls, context.cost.rounds, context.cost.tokens_in) == (
        told.calls,
        told.rounds,
        told.tokens_in,
    )
    assert context.cost.rounds == 1


def test_a_window_is_answered_alike_alone_and_in_company() -> None:
    ranker = consistent(OracleRanker(error=0.3), samples=5, robust=True)
    first, second = window([1, 5, 2, 4]), window([2, 1, 3])
    both = ranker.rank([first, second], [RunContext(), RunContext()])
    assert both == [*ranker.rank([first], [RunContext()]), *ranker.rank([second], [RunContext()])]
