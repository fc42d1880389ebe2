from __future__ import annotations

import math

import pytest

from assay.corpora.candidate_documents import Candidate, Home, candidates, home_of, inside
from assay.corpora.filters import parse
from assay.pipeline.words import Passage, Query, Scalar, Scope
from tests.corpora.fake_corpus import FakeCorpus, passage

QUESTION = Query("the profit of Bolt in 2020", Scope("local"))


def looked_at(
    corpus: FakeCorpus, *found: tuple[Passage, float], listed: int = 100, by: str = "file"
) -> dict[str, Candidate]:
    return candidates(corpus, QUESTION, found, by=by, where=None, titles=10, listed=listed)


def test_passages_are_of_one_document_by_a_label_or_by_its_id() -> None:
    assert home_of({"document": "d", "file": "f"}, "file") == Home("file", "f")
    assert home_of({"document": "d"}, "file") == Home("document", "d")
    values: tuple[Scalar, ...] = (1, True, "1", "true")
    assert len({Home("file", value).key for value in values}) == 4


def test_the_filter_holds_inside_the_documents_and_nowhere_else() -> None:
    homes = [Home("file", "f"), Home("document", "d"), Home("file", "g")]
    assert inside(homes, "file").to_text() == (
        "(file is null and document in ('d')) or file in ('f', 'g')"
    )
    assert inside(homes[1:2], "document").to_text() == "document in ('d')"
    found = inside(homes, "file")
    assert found == parse(found.to_text())
    assert found.holds({"document": "x", "file": "g"})
    assert not found.holds({"document": "d", "file": "x"})


def test_passages_speak_for_their_document_by_the_best_and_by_the_best_three() -> None:
    given = {"a#0": 0.9, "b#0": 0.8, "b#1": 0.6, "b#2": 0.1, "b#3": 0.1}
    passages = {name: passage(name, "profit") for name in given}
    corpus = FakeCorpus(passages.values())
    found = looked_at(corpus, *((passages[name], score) for name, score in given.items()))
    a, b = (found[f"document = '{name}'"].signals for name in "ab")
    assert (a["best"], b["best"]) == (0.9, 0.8)
    assert (a["pooled"], b["pooled"]) == pytest.approx((0.9 / 1.5, 1.0))


def test_rarity_is_that_of_the_tenants_passages() -> None:
    # 'bolt' is in 1 of 4 passages: ln(1 + 3.5/1.5); 'report' in 3: ln(1 + 1.5/3.5)
    corpus = FakeCorpus(
        [
            passage("a#0", "profit", title="Bolt report"),
            passage("b#0", "profit", title="Acme report"),
            passage("c#0", "profit", title="Crane report"),
            passage("d#0", "profit"),
        ]
    )
    bolt, report = math.log(1 + 3.5 / 1.5), math.log(1 + 1.5 / 3.5)
    for listed in (100, 0):
        found = looked_at(corpus, listed=listed)
        assert found["document = 'a'"].signals["title"] == pytest.approx(bolt / (bolt + report))
        assert set(found) == {"document = 'a'"}, "the others share no word in title or label"


def test_a_score_is_the_weighted_mean_and_never_below_0() -> None:
    found = Candidate(
        Home("document", "d"),
        {"best": 0.5, "pooled": 1.0, "title": 0.0, "names": 0.25, "dates": -1.0},
    )
    assert found.score({"best": 2.0, "names": 2.0, "title": 1.0}) == pytest.approx(1.5 / 5)
    assert found.score({"best": 1.0, "dates": 3.0}) == 0.0
    assert found.is_named
