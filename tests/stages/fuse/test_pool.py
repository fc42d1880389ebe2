from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.analyzer import Analyzer
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from assay.stages.fuse.pool import Pool, look_at

LOCAL = Scope("local")
ANALYZER = Analyzer(stop_words="english")


def ranked(*passages: Passage) -> Ranking:
    hits = (
        Hit(one, Score(-float(place), ScoreKind.LOGIT, "t")) for place, one in enumerate(passages)
    )
    return Ranking(Query("q", LOCAL), tuple(hits), "t")


def passage(name: str, text: str, title: str = "") -> Passage:
    return Passage(name, name, text, LOCAL, title=title)


def pool(text: str, *passages: Passage, look: int = 100) -> Pool:
    return look_at(text, {"only": ranked(*passages)}, analyzer=ANALYZER, look=look)


FOXES = (
    passage("x", "red fox sleeps"),
    passage("y", "fox red runs"),
    passage("z", "owl flies low"),
)


def test_phrases_are_the_weighted_share_of_neighbours_by_hand() -> None:
    # N = 3: idf(red) = idf(fox) = ln 1.6 = 0.4700, idf(runs) = ln(8/3) = 0.9808.
    # Pairs: red fox 0.9400, fox runs 1.4508; 'x' has the first, 'y' has the words only.
    found = pool("Red fox runs", *FOXES)
    assert found.phrases == pytest.approx({"x": 0.9400 / 2.3908, "y": 0.0, "z": 0.0}, abs=1e-4)


def test_coverage_and_evidence_by_hand() -> None:
    found = pool("red fox runs", *FOXES)
    assert found.coverage == pytest.approx({"x": 0.9400 / 1.9208, "y": 1.0, "z": 0.0}, abs=1e-4)
    # All lengths are the mean, so a term that is there once weighs idf / 1.9.
    assert found.evidence == pytest.approx(
        {"x": 0.9400 / 1.9, "y": 1.9208 / 1.9, "z": 0.0}, abs=1e-4
    )


def test_function_words_between_two_words_do_not_part_them() -> None:
    found = pool("the lift of a wing", passage("x", "lift on the wing"), passage("y", "wing lift"))
    assert found.phrases == pytest.approx({"x": 1.0, "y": 0.0})


def test_a_query_of_one_word_or_none_has_no_phrases() -> None:
    for text in ("fox", "", "the"):
        assert set(pool(text, *FOXES).phrases.values()) == {0.0}
    assert pool("fox").phrases == {}
    assert pool("duran duran", passage("x", "duran duran sang")).phrases == {"x": 1.0}


def test_the_surplus_is_what_length_does_not_explain() -> None:
    # 'long' has its evidence for the length, 'rare' more than its length would give.
    texts = {"short": "owl", "rare": "fox owl", "long": "fox " + "owl " * 30}
    found = pool("fox", *(passage(name, text) for name, text in texts.items()))
    assert math.fsum(found.surplus.values()) == pytest.approx(0.0, abs=1e-9)
    assert found.surplus["rare"] == max(found.surplus.values())
    # Least squares: residuals have nothing to do with ln(1 + length).
    lengths = {"short": 1, "rare": 2, "long": 31}
    joint = (found.surplus[name] * math.log1p(length) for name, length in lengths.items())
    assert math.fsum(joint) == pytest.approx(0.0, abs=1e-9)


def test_evidence_that_length_explains_wholly_leaves_no_surplus() -> None:
    assert set(pool("fox", passage("x", "fox"), passage("y", "red owl")).surplus.values()) == {0.0}
    alike = pool("fox", passage("x", "fox"), passage("y", "owl"))
    assert alike.surplus["x"] == -alike.surplus["y"] > 0


def test_only_the_first_hits_are_in_the_pool() -> None:
    assert list(pool("fox", *FOXES, look=2).passages) == ["x", "y"]


def test_a_title_is_named_by_whole_words_in_any_case() -> None:
    found = pool(
        "q",
        passage("source", "He flew to MERCURY, then to Venusberg."),
        passage("a", "a planet", "Mercury (planet)"),
        passage("b", "a goddess", "Venus"),
        passage("c", "a town", "Venusberg"),
        passage("d", "it flew to mercury", "Space"),
    )
    assert found.namings(["source"]) == {"a": ["source"], "c": ["source"]}
    assert found.namings(["source", "d"])["a"] == ["source", "d"]
    assert found.namings([]) == {}


def test_titles_that_say_nothing_are_not_looked_for() -> None:
    found = pool(
        "q",
        passage("source", "It is the one about Rome by me", "Rome"),
        passage("stop word", "x", "the"),
        passage("short", "x", "me"),
        passage("none", "x"),
        passage("brackets", "x", "(one)"),
        passage("the same document", "x", "rome"),
    )
    assert found.namings(["source"]) == {}


def test_what_looks_like_a_pattern_in_a_title_is_text() -> None:
    found = pool("q", passage("source", "C++ (or a.b) helps"), passage("x", "y", "a.b) helps"))
    assert found.namings(["source"]) == {"x": ["source"]}
    assert pool("q", passage("s", "a+b"), passage("x", "y", "a.b")).namings(["s"]) == {}


words = st.lists(st.sampled_from(["fox", "owl", "cow", "the", "\u0000", "ﬁ", "東京"]), max_size=8)
texts = st.dictionaries(st.sampled_from("abcdef"), words.map(lambda own: " ".join(["-", *own])))


@given(texts, words)
def test_shares_stay_between_0_and_1(held: dict[str, str], asked: list[str]) -> None:
    found = pool(" ".join(asked), *(passage(name, text, text) for name, text in held.items()))
    for own in (found.coverage, found.phrases):
        assert all(0 <= one <= 1 + 1e-12 for one in own.values())
    assert all(one >= 0 for one in found.evidence.values())
    assert math.fsum(found.surplus.values()) == pytest.approx(0.0, abs=1e-6)
    assert set(found.namings(list(held))) <= set(held)
