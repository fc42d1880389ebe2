from __future__ import annotations

from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from assay.stages.fuse.interleave import Interleave, InterleaveConfig
from tests.conformance.node import check_node


def ranking(*names: str, tenant: str = "local") -> Ranking:
    scope = Scope(tenant)
    hits = (
        Hit(Passage(name, name, name, scope), Score(-float(place), ScoreKind.LOGIT, "t"))
        for place, name in enumerate(names)
    )
    return Ranking(Query("q", scope), tuple(hits), "t")


RANKINGS = {"words": ranking("a", "b", "c"), "meaning": ranking("b", "d")}


def test_the_first_of_the_alphabet_begins_where_nothing_is_said() -> None:
    assert Interleave(InterleaveConfig()).run(RANKINGS).ids == ("b", "a", "d", "c")


def test_the_config_names_who_begins_and_how_many_come_out() -> None:
    fused = Interleave(InterleaveConfig(first="words", depth=3)).run(RANKINGS)
    assert fused.ids == ("a", "b", "c")
    assert fused.source == "fuse.interleave@1"


def test_who_begins_must_be_an_input() -> None:
    node = Interleave(InterleaveConfig(first="word"))
    said = "'first' is 'word', which is no input; did you mean 'words'?"
    assert node.check_ports({"rankings": ["meaning", "words"]}) == [said]
    assert node.check_ports({"rankings": ["word"]}) == []


def test_where_who_begins_was_left_out_of_a_run_the_alphabet_decides() -> None:
    node = Interleave(InterleaveConfig(first="reranked"))
    assert node.run(RANKINGS) == Interleave(InterleaveConfig()).run(RANKINGS)


def test_it_keeps_what_nodes_promise() -> None:
    check_node(
        Interleave,
        config={"first": "words", "depth": 2},
        resources={},
        inputs=[
            {"rankings": {"words": ranking("x", tenant=one), "meaning": ranking(tenant=one)}}
            for one in ("a", "b")
        ],
    )
