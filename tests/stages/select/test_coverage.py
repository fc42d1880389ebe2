"""Passages are kept until every aspect of the question is covered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.corpus import Corpus
from assay.pipeline import QueryVariants, Selection
from assay.pipeline.errors import UsageError
from assay.stages.select.coverage import Coverage, CoverageConfig
from tests.conformance.samples import Sample, asked
from tests.words import hit, query, ranking

QUESTION = query("Who wrote the lists of tuples?")
HITS = (
    hit("a", "A list is long.", 4.0),
    hit("b", "Another list of lists.", 3.0),
    hit("c", "A tuple is short.", 2.0),
    hit("d", "Nothing of the kind.", 1.0),
)


def sample(corpus: Corpus) -> Sample:
    return Sample(asked(), config={"strength": 1.0})


def run(*hits: Any, asked_for: Any = QUESTION, wordings: Any = (), **config: Any) -> Selection:
    if wordings:
        config["aspects"] = "wordings"
    node = Coverage(CoverageConfig(**config))
    ranked = ranking(*(hits or HITS), asked=asked_for)
    if not wordings:
        return node.run(asked_for, ranked)
    return node.run(asked_for, ranked, QueryVariants(tuple(query(one) for one in wordings)))


def test_one_passage_for_each_aspect_is_enough_where_one_covers_it() -> None:
    found = run(strength=1.0)
    assert found.ids == ("a", "c")
    assert found.reasons == {"a": "place 1, covers 'lists'", "c": "place 3, covers 'tuples'"}
    assert [one.reason for one in found.dropped] == [
        "place 2, what it has of the question is covered by others",
        "place 4, has nothing of what the question asks for",
    ]


def test_what_one_passage_covers_in_part_is_wanted_from_another() -> None:
    # .6, then 1 - .4 * .4 = .84, which is enough.
    assert run(strength=0.6).ids == ("a", "b", "c")
    assert run(strength=0.6, enough=0.6).ids == ("a", "c")


def test_each_aspect_tells_its_passages_and_one_that_nothing_covers_has_none() -> None:
    told = {one.text: one.chosen for one in run(strength=1.0).rationales}
    assert told == {"wrote": (), "lists": (("a", 1.0),), "tuples": (("c", 1.0),)}


def test_wordings_are_aspects_by_the_share_of_their_words() -> None:
    found = run(wordings=["long lists", "short tuples"], strength=1.0, enough=0.9)
    assert found.ids == ("a", "c")
    assert found.reasons["c"] == "place 3, covers 'short tuples'"
    assert [one.text for one in found.rationales] == ["long lists", "short tuples"]
    half = run(wordings=["lists of unicorns"], strength=1.0, enough=0.9)
    (share,) = {value for _, value in half.rationales[0].chosen}
    assert 0 < share < 0.5  # the word that no passage has weighs most


def test_the_bounds_say_that_they_decided() -> None:
    found = run(strength=1.0, max_k=1)
    assert found.ids == ("a",)
    assert found.dropped[1].reason == "place 3, adds to 'tuples' (at most 1 are kept)"
    found = run(strength=1.0, min_k=4)
    assert found.reasons["d"].endswith("asks for (at least 4 are kept)")
    found = run(strength=1.0, depth=2)
    assert found.dropped[1].reason == "place 3, behind the first 2 that are looked at"


def test_a_question_of_stop_words_is_looked_for_as_it_is() -> None:
    assert run(hit("a", "To be or not to be."), hit("b", "No."), asked_for=query("to be")).ids == (
        "a",
    )
    nothing = run(asked_for=query("??"))
    assert nothing.kept == ()
    assert nothing.dropped[0].reason == "place 1, the question has no words to look for"


def test_the_port_and_the_aspects_must_fit() -> None:
    with pytest.raises(UsageError, match="'variants' is not fed"):
        run(aspects="wordings")
    node = Coverage(CoverageConfig())
    with pytest.raises(UsageError, match="'variants' is fed"):
        node.run(QUESTION, ranking(*HITS), QueryVariants((QUESTION,)))


@given(st.lists(st.sampled_from(["list", "tuple", "wrote list", "x", "tuple wrote"]), max_size=8))
def test_every_word_that_a_passage_has_is_covered_by_what_is_kept(texts: list[str]) -> None:
    hits = [hit(f"p{n}", text, -float(n)) for n, text in enumerate(texts)]
    node = Coverage(CoverageConfig(strength=1.0))
    found = node.run(QUESTION, ranking(*hits))
    there = {word for text in texts for word in text.split()} - {"x"}
    kept = {word for one in found.kept for word in one.passage.text.split()}
    assert kept == there
    assert len(found.kept) <= len(there)
