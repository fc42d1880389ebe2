from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.models.protocols import CrossEncoder, Floats
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from assay.stages.rerank.cross_encoder import CrossEncoderConfig, CrossEncoderRerank
from tests.conformance.samples import Sample, asked

QUERY = Query("q", Scope("local"))


def sample() -> Sample:
    return Sample(asked(), config={"depth": 2}, resources={"model": OverlapCrossEncoder(Config())})


class LengthOfText(CrossEncoder):
    """Longer is more relevant; keeps the pairs that it saw."""

    def __init__(self, kind: ScoreKind = ScoreKind.LOGIT) -> None:
        super().__init__(Config())
        self.pairs: list[tuple[str, str]] = []
        self.calls: list[list[RunContext]] = []
        self._kind = kind

    @property
    def kind(self) -> ScoreKind:
        return self._kind

    def fingerprint(self) -> str:
        return "length"

    def score(self, pairs: Sequence[tuple[str, str]], contexts: Sequence[RunContext]) -> Floats:
        self.pairs += pairs
        self.calls.append(list(contexts))
        return np.array([len(text) for _, text in pairs], dtype=np.float32)


def ranking(*texts: str, title: str = "") -> Ranking:
    hits = tuple(
        Hit(
            Passage(str(n), "d", text, QUERY.scope, title=title),
            Score(9.0 - n, ScoreKind.BM25, "first"),
        )
        for n, text in enumerate(texts)
    )
    return Ranking(QUERY, hits, "first")


def test_hits_are_sorted_by_logit_and_ties_keep_their_order() -> None:
    node = CrossEncoderRerank(CrossEncoderConfig(), model=LengthOfText())
    found = node.run(QUERY, ranking("aa", "b", "cc", "ddd"), RunContext())
    assert found.ids == ("3", "0", "2", "1")
    assert [hit.score.value for hit in found.hits] == [3.0, 2.0, 2.0, 1.0]
    assert {(hit.score.kind, hit.score.source) for hit in found.hits} == {
        (ScoreKind.LOGIT, "rerank.cross_encoder@1")
    }


def test_what_is_behind_the_depth_follows_with_its_own_scores_and_is_counted() -> None:
    model, context = LengthOfText(), RunContext()
    node = CrossEncoderRerank(CrossEncoderConfig(depth=2), model=model)
    found = node.run(QUERY, ranking("a", "bb", "cccc"), context)
    assert found.ids == ("1", "0", "2")
    assert found.hits[2] == ranking("a", "bb", "cccc").hits[2]
    assert context.notes == {"unscored": 1}
    assert len(model.pairs) == 2


def test_the_model_reads_title_and_text() -> None:
    model = LengthOfText()
    node = CrossEncoderRerank(CrossEncoderConfig(), model=model)
    node.run(QUERY, ranking("text", title="Head"), RunContext())
    assert model.pairs == [("q", "Head\ntext")]


def test_an_empty_ranking_stays_empty_without_a_call() -> None:
    model = LengthOfText()
    found = CrossEncoderRerank(CrossEncoderConfig(), model=model).run(
        QUERY, ranking(), RunContext()
    )
    assert found.hits == ()
    assert model.pairs == []


def test_queries_of_a_batch_share_one_call_and_each_gets_its_own_ranking() -> None:
    model, contexts = LengthOfText(), [RunContext(), RunContext(), RunContext()]
    node = CrossEncoderRerank(CrossEncoderConfig(depth=2), model=model)
    rankings = [ranking("a", "bb", "cccc"), ranking(), ranking("ccc", "dddd")]
    items = [{"query": QUERY, "ranking": one} for one in rankings]
    found = node.run_batch(items, contexts)
    assert found == [node.run(QUERY, one, RunContext()) for one in rankings]
    assert [one.ids for one in found] == [("1", "0", "2"), (), ("1", "0")]
    assert [one.notes for one in contexts] == [{"unscored": 1}, {"unscored": 0}, {"unscored": 0}]
    first, _, third = contexts
    assert [id(one) for one in model.calls[0]] == [id(one) for one in (first, first, third, third)]


def test_scores_are_of_the_kind_that_the_model_names() -> None:
    node = CrossEncoderRerank(CrossEncoderConfig(), model=LengthOfText(ScoreKind.LIKELIHOOD))
    found = node.run(QUERY, ranking("aa", "b"), RunContext())
    assert {hit.score.kind for hit in found.hits} == {ScoreKind.LIKELIHOOD}
