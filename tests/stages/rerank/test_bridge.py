from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from assay.stages.rerank.bridge import BridgeConfig, BridgeRerank
from assay.stages.rerank.cross_encoder import CrossEncoderConfig, CrossEncoderRerank
from assay.stages.windows.window import Sizes
from tests.conformance.samples import Sample, asked

SCOPE = Scope("local")
QUERY = Query("who is the mother of the director of Jaws", SCOPE)
FILM = "Jaws is a film by the director Steven Spielberg"
MOTHER = "Steven Spielberg, known for film after film, was raised by Leah Adler"
OTHER = "the director of the museum is the mother of two"


def sample() -> Sample:
    return Sample(asked(), config={"depth": 3}, resources={"model": OverlapCrossEncoder(Config())})


def ranking(*texts: str, title: str = "") -> Ranking:
    hits = tuple(
        Hit(Passage(str(n), "d", text, SCOPE, title=title), Score(9.0 - n, ScoreKind.BM25, "first"))
        for n, text in enumerate(texts)
    )
    return Ranking(QUERY, hits, "first")


def node(**settings: int) -> BridgeRerank:
    return BridgeRerank(BridgeConfig(**settings), model=OverlapCrossEncoder(Config()))


def test_the_passage_of_the_second_step_is_found_by_what_the_first_one_says() -> None:
    given_ranking = ranking(FILM, OTHER, MOTHER)
    alone = CrossEncoderRerank(CrossEncoderConfig(), model=OverlapCrossEncoder(Config()))
    assert alone.run(QUERY, given_ranking, RunContext()).ids == ("0", "1", "2")
    assert node().run(QUERY, given_ranking, RunContext()).ids == ("0", "2", "1")
    assert node().run(QUERY, ranking("nothing", OTHER, MOTHER), RunContext()).ids == ("0", "1", "2")


def test_the_best_passage_stays_with_the_score_of_the_one_behind_it() -> None:
    context = RunContext()
    found = node().run(QUERY, ranking("nothing here", FILM, OTHER), context)
    assert found.ids[0] == "0"
    assert found.hits[0].score == found.hits[1].score
    assert {hit.score.kind for hit in found.hits} == {OverlapCrossEncoder(Config()).kind}
    assert context.notes["bridge"] == "0"


def test_only_so_many_words_of_the_best_passage_are_read() -> None:
    best = "one two three four five six seven eight Leah Adler Leah Adler"
    assert node(words=8).run(QUERY, ranking(best, "who", "Leah Adler"), RunContext()).ids == (
        "0",
        "1",
        "2",
    )
    assert node(words=12).run(QUERY, ranking(best, "who", "Leah Adler"), RunContext()).ids == (
        "0",
        "2",
        "1",
    )


def test_what_markup_hides_is_not_read_beside_the_question() -> None:
    context = RunContext()
    best = "a film <!-- Leah Adler Leah Adler Leah Adler -->"
    found = node().run(QUERY, ranking(best, "who is", "Leah Adler"), context)
    assert found.ids == ("0", "1", "2")
    assert context.notes["hidden"] is True


@pytest.mark.parametrize("n", [0, 1])
def test_one_passage_or_none_stays_as_it_is_without_a_call(n: int) -> None:
    context = RunContext()
    one = ranking(*[FILM] * n)
    assert node().run(QUERY, one, context).hits == one.hits
    assert context.cost.calls == 0


def test_what_is_behind_the_depth_follows_with_its_own_scores() -> None:
    given_ranking = ranking(FILM, OTHER, MOTHER, "behind")
    found = node(depth=3).run(QUERY, given_ranking, RunContext())
    assert found.hits[3] == given_ranking.hits[3]


def test_queries_of_a_batch_get_what_each_gets_alone() -> None:
    rankings = [ranking(FILM, OTHER, MOTHER), ranking(), ranking(MOTHER), ranking(OTHER, FILM)]
    items = [{"query": QUERY, "ranking": one} for one in rankings]
    contexts = [RunContext() for _ in items]
    found = node().run_batch(items, contexts)
    assert found == [node().run(QUERY, one, RunContext()) for one in rankings]
    assert [one.cost.calls for one in contexts] == [
        node().estimate(len(one.hits), Sizes(5, 5)).calls for one in rankings
    ]


def test_a_passage_without_a_number_keeps_its_place_and_is_counted() -> None:
    class Failing(OverlapCrossEncoder):
        def score(self, pairs, contexts):  # type: ignore[no-untyped-def]
            found = super().score(pairs, contexts)
            found[0] = math.nan
            return found

    context = RunContext()
    failing = BridgeRerank(BridgeConfig(), model=Failing(Config()))
    found = failing.run(QUERY, ranking(FILM, "zzz", OTHER), context)
    assert found.ids == ("0", "1", "2")
    assert context.notes["passages_failed"] == 1


@given(
    st.lists(st.text(max_size=30), max_size=8),
    st.integers(min_value=2, max_value=10),
)
def test_whatever_the_passages_say_the_output_is_a_permutation_with_falling_scores(
    texts: list[str], depth: int
) -> None:
    found = node(depth=depth).run(QUERY, ranking(*texts), RunContext())
    assert sorted(found.ids) == sorted(str(n) for n in range(len(texts)))
    scores = [hit.score.value for hit in found.hits[: min(depth, len(texts))]]
    assert scores == sorted(scores, reverse=True)


def test_the_estimate_counts_the_best_passage_with_each_other() -> None:
    told = node(depth=20, words=60).estimate(50, Sizes(query=10, passage=100))
    assert (told.calls, told.rounds, told.tokens_in) == (19, 1, 19 * (10 + 80 + 100 + 3))
