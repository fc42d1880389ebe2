from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Ranking, Scope, Score, ScoreKind
from assay.stages.retrieve.expand_neighbours import ExpandNeighbours, ExpandNeighboursConfig
from tests.corpora.fake_corpus import FakeCorpus, passage
from tests.stages.retrieve.zoo import KEEPER, VISITOR, ask

NAMES = [f"{document}#{place}" for document in "ab" for place in range(6)]
CORPUS = FakeCorpus(
    passage(name, f"text {name}", tenant="zoo", roles=("keeper",) if name == "b#3" else ())
    for name in NAMES
)


def ranking(*names: str, scope: Scope = VISITOR) -> Ranking:
    query = ask("x", scope)
    hits = tuple(
        Hit(one, Score(-float(rank), ScoreKind.LOGIT, "first"))
        for rank, one in enumerate(CORPUS.get(names, query))
    )
    return Ranking(query, hits, "first")


def expanded(first: Ranking, **config: Any) -> Ranking:
    node = ExpandNeighbours(ExpandNeighboursConfig(**config), corpus=CORPUS)
    return node.run(first, RunContext())


def test_neighbours_stand_behind_their_hit_with_its_score_the_nearest_first() -> None:
    found = expanded(ranking("a#2", "b#0"), distance=2)
    assert found.ids == ("a#2", "a#1", "a#3", "a#0", "a#4", "b#0", "b#1", "b#2")
    assert [hit.score for hit in found.hits[:5]] == [Score(0.0, ScoreKind.LOGIT, "first")] * 5
    assert [hit.score.value for hit in found.hits[5:]] == [-1.0] * 3
    assert found.source == "retrieve.expand_neighbours@1"


def test_a_hit_keeps_its_own_place_though_a_better_one_brings_it() -> None:
    assert expanded(ranking("a#2", "b#5", "a#3")).ids == ("a#2", "a#1", "b#5", "b#4", "a#3", "a#4")


def test_only_the_best_bring_neighbours() -> None:
    assert expanded(ranking("a#0", "b#0"), top=1).ids == ("a#0", "a#1", "b#0")


def test_depth_is_the_length_of_the_result_and_the_note_counts_what_is_in_it() -> None:
    context = RunContext()
    node = ExpandNeighbours(ExpandNeighboursConfig(depth=4), corpus=CORPUS)
    assert node.run(ranking("a#2", "b#1"), context).ids == ("a#2", "a#1", "a#3", "b#1")
    assert context.notes == {"added": 2}


def test_what_the_query_may_not_read_is_no_neighbour() -> None:
    assert "b#3" not in expanded(ranking("b#2")).ids
    assert "b#3" in expanded(ranking("b#2", scope=KEEPER)).ids


def test_an_empty_ranking_stays_empty() -> None:
    assert expanded(ranking()).hits == ()


@pytest.mark.parametrize("config", [{"distance": 0}, {"distance": 21}, {"top": 0}, {"depth": 0}])
def test_settings_have_bounds(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="equal to"):
        ExpandNeighboursConfig(**config)


@given(
    names=st.lists(st.sampled_from([one for one in NAMES if one != "b#3"]), unique=True),
    distance=st.integers(1, 7),
    top=st.integers(1, 12),
)
def test_each_passage_comes_once_and_the_originals_keep_their_order(
    names: list[str], distance: int, top: int
) -> None:
    found = expanded(ranking(*names), distance=distance, top=top)
    assert len(set(found.ids)) == len(found.ids)
    assert [one for one in found.ids if one in names] == names
    scores = [hit.score.value for hit in found.hits]
    assert scores == sorted(scores, reverse=True)
    places = [(one[0], int(one[2])) for one in names[:top]]
    wanted = {
        name
        for name in NAMES
        if name != "b#3"
        and any(name[0] == own and abs(int(name[2]) - at) <= distance for own, at in places)
    }
    assert set(found.ids) == wanted | set(names)
