from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from pydantic import ValidationError

from assay.models.account import book
from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.models.protocols import CrossEncoder, Floats
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError
from assay.pipeline.words import Ranking
from assay.stages.rerank.early_exit import EarlyExitConfig, EarlyExitRerank
from assay.stages.windows.window import Sizes
from tests.conformance.samples import Sample, asked
from tests.stages.rerank.oracles import QUESTION, ranking_of


def sample() -> Sample:
    levels = [
        {"score": "first_stage", "half_width": 5.0},
        {"score": "embedder", "slope": 2.0, "half_width": 5.0},
        {"score": "cross_encoder", "half_width": 0.0},
    ]
    resources = {
        "embedder": HashEmbedder(HashEmbedderConfig(dimension=64)),
        "cross_encoder": OverlapCrossEncoder(Config()),
    }
    return Sample(asked(), config={"levels": levels, "top": 1}, resources=resources)


class Reads(CrossEncoder):
    """The relevance that a passage states, a little wrong by a rule; keeps what it was asked."""

    def __init__(self, off: float = 0.0) -> None:
        super().__init__(Config())
        self._off = off
        self.pairs: list[str] = []

    def fingerprint(self) -> str:
        return f"reads {self._off}"

    def score(self, pairs: Sequence[tuple[str, str]], contexts: Sequence[RunContext]) -> Floats:
        self.pairs += [text for _, text in pairs]
        book(contexts, [10] * len(pairs), [0.0] * len(pairs))
        values = [float(text.rsplit(" ", 1)[1]) for _, text in pairs]
        return np.array([one + self._off * np.sin(7 * one) for one in values], dtype=np.float32)


def node(width: float = 1.0, judge: CrossEncoder | None = None, **config: object) -> EarlyExitRerank:  # fmt: skip
    levels = [
        {"score": "cross_encoder", "half_width": width},
        {"score": "judge", "half_width": 0.0},
    ]
    return EarlyExitRerank(
        EarlyExitConfig.model_validate({"levels": levels, "top": 5} | config),
        cross_encoder=Reads(off=0.9),
        judge=judge or Reads(),
    )


def shuffled(n: int, seed: int) -> Ranking:
    return ranking_of(np.random.default_rng(seed).permutation(n).tolist())


def best_of(ranking: Ranking, top: int) -> set[str]:
    def relevance(place: int) -> float:
        return float(ranking.hits[place].passage.text.rsplit(" ", 1)[1])

    return {str(one) for one in sorted(range(len(ranking.hits)), key=relevance)[-top:]}


def test_the_best_are_those_of_the_judge_who_saw_only_a_few_passages() -> None:
    for seed in range(10):
        judge, context, ranking = Reads(), RunContext(), shuffled(60, seed)
        found = node(judge=judge).run(QUESTION, ranking, context)
        assert set(found.ids[:5]) == best_of(ranking, 5)
        assert 0 < len(judge.pairs) <= 10
        assert context.notes == {
            "scored_judge": len(judge.pairs),
            "saved_judge": 60 - len(judge.pairs),
            "top_is_certain": True,
        }
        assert context.cost.calls == 60 + len(judge.pairs)


def test_wide_half_widths_ask_the_judge_about_everything() -> None:
    judge = Reads()
    found = node(1000.0, judge).run(QUESTION, shuffled(30, 0), RunContext())
    assert len(judge.pairs) == 30
    assert set(found.ids[:5]) == best_of(shuffled(30, 0), 5)


def test_a_budget_of_scores_is_kept_and_told() -> None:
    context = RunContext()
    node(1000.0, most_scores=7).run(QUESTION, shuffled(30, 0), context)
    assert (context.notes["scored_judge"], context.notes["top_is_certain"]) == (7, False)


def test_queries_of_a_batch_get_what_they_would_get_alone() -> None:
    rankings = [shuffled(20, 1), ranking_of([]), shuffled(40, 2)]
    items = [{"query": QUESTION, "ranking": one} for one in rankings]
    contexts = [RunContext() for _ in items]
    found = node().run_batch(items, contexts)
    for one, context, ranking in zip(found, contexts, rankings, strict=True):
        alone = RunContext()
        assert one == node().run(QUESTION, ranking, alone)
        assert context.notes == alone.notes
        assert (context.cost.calls, context.cost.rounds) == (alone.cost.calls, alone.cost.rounds)


def test_the_first_stage_and_an_embedder_are_levels_of_their_own() -> None:
    made = sample()
    config = EarlyExitConfig.model_validate(made.config)
    context = RunContext()
    found = EarlyExitRerank(config, **made.resources).run(**made.inputs[0], context=context)
    assert sorted(found.ids) == sorted(made.inputs[0]["ranking"].ids)
    everything = OverlapCrossEncoder(Config())
    best = max(
        made.inputs[0]["ranking"].hits,
        key=lambda hit: float(
            everything.score([(made.inputs[0]["query"].text, hit.passage.text)], [RunContext()])[0]
        ),
    )
    assert found.ids[0] == best.passage.id
    assert context.notes["scored_embedder"] == len(found.ids)


def test_the_estimate_with_the_right_shares_is_what_the_ledger_says() -> None:
    scored, calls = [], []
    for seed in range(20):
        context = RunContext()
        node().run(QUESTION, shuffled(60, seed), context)
        scored.append(context.cost.calls - 60)
        calls.append(context.cost.calls)
    share = float(np.mean(scored)) / 60
    levels = [
        {"score": "cross_encoder", "half_width": 1.0},
        {"score": "judge", "half_width": 0.0, "reached": share},
    ]
    told = node(levels=levels).estimate(60, Sizes(query=3, passage=4))
    assert told.calls == pytest.approx(np.mean(calls), rel=0.1)
    assert told.tokens_in == 10 * told.calls
    assert node().estimate(60, Sizes(query=3, passage=4)).calls == 120
    assert node().estimate(500, Sizes(query=3, passage=4)).calls == 200


def test_a_level_without_its_resource_is_refused() -> None:
    levels = [{"score": "first_stage", "half_width": 1.0}, {"score": "judge", "half_width": 0.0}]
    with pytest.raises(UsageError, match="level 'judge' needs the resource 'judge'"):
        EarlyExitRerank(EarlyExitConfig.model_validate({"levels": levels}))


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ([], "at least 1 item"),
        ([{"score": "judge", "half_width": 0.0}] * 2, "each level has another score"),
        ([{"score": "judge", "half_width": 1.0}, {"score": "embedder", "half_width": 1.0}], "is 0"),
        (
            [
                {"score": "judge", "half_width": float("nan")},
                {"score": "embedder", "half_width": 0.0},
            ],
            "greater than or equal|finite",
        ),
    ],
)
def test_levels_that_make_no_sense_are_refused(levels: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EarlyExitConfig.model_validate({"levels": levels})


def test_a_score_that_is_no_number_stops_the_question() -> None:
    class Broken(Reads):
        def score(self, pairs, contexts):  # type: ignore[no-untyped-def]
            return super().score(pairs, contexts) * np.nan

    with pytest.raises(ModelError, match="level 'judge' gave the score nan"):
        node(judge=Broken()).run(QUESTION, shuffled(9, 0), RunContext())
