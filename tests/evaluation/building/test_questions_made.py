"""What a build asks and throws away: short answers, leaks, the round trip, swaps."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.local import LocalCorpus
from assay.evaluation.building.candidate import Candidate
from assay.evaluation.building.leakage import (
    copied_share,
    gives_answer,
    near_duplicate,
    needs_context,
)
from assay.evaluation.building.library import read_library
from assay.evaluation.building.pooling import Pool, places, round_trip_k
from assay.evaluation.building.short_answers import choose, short_answers, spans_of
from assay.evaluation.building.support import CrossEncoderJudge, RuleJudge
from assay.evaluation.building.swapping import names_in, swap
from assay.evaluation.building.tools import Tools
from assay.evaluation.building.writer import Writer
from assay.evaluation.building.written import best_of, write_some
from assay.models.testing import (
    Echo,
    EchoConfig,
    EchoRule,
    OracleCrossEncoder,
    OracleCrossEncoderConfig,
    OverlapCrossEncoder,
)
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.words import Passage, Scope
from tests.corpora.doubles import WordHashEmbedder, document, started

LOCAL = Scope("local")
TOWNS = ("Aldgate", "Bremen", "Coburg", "Dundee", "Exeter", "Fulda", "Ghent", "Hull")


def passage(text: str, title: str = "Harbour bridge", name: str = "p") -> Passage:
    return Passage(name, "d", text, LOCAL, title=title)


def test_answers_are_dates_quantities_names_and_code_names_word_for_word() -> None:
    text = "After the flood of 1901 the work was finished by Ida Holm with 300 tons of steel."
    found = short_answers(passage(text))
    assert [(one.text, one.kind) for one in found] == [
        ("1901", "date"), ("300 tons", "quantity"), ("Ida Holm", "name")
    ]  # fmt: skip
    assert all(one.text in one.sentence.text for one in found)


def test_what_the_title_says_headings_and_lone_openers_are_no_answers() -> None:
    assert not short_answers(
        passage("Tension rose while the Harbour bridge was being built there.")
    )
    assert not short_answers(passage("Chapter 7"))
    assert spans_of("It rose to 3 per cent in 2 after 12.") == [("3 per cent", "quantity")]


@given(st.text(max_size=300))
def test_no_text_breaks_the_search_for_answers(text: str) -> None:
    own = passage(text or "x")
    for one in short_answers(own):
        assert one.text and own.text[one.sentence.start : one.sentence.end] == one.sentence.text
    assert 0.0 <= copied_share(text, text) <= 1.0
    needs_context(text)


def test_the_same_seed_chooses_the_same_answer_and_lone_names_come_last() -> None:
    found = short_answers(passage("In that year the Swiss engineer Ida Holm came to live in Bern."))
    chosen = {choose(found, random.Random(seed)) for seed in range(20)}
    assert {one.text for one in chosen if one} == {"Ida Holm"}
    assert choose([], random.Random(0)) is None


def test_a_question_that_copies_its_passage_or_holds_its_answer_is_told() -> None:
    text = "A member may keep a book for three weeks and renew the loan once if nobody waits."
    assert copied_share("may a member keep a book for three weeks?", text) == 0.0
    assert copied_share("renew the loan once if nobody waits", text) == 1.0
    assert gives_answer("Is it three weeks?", ["three weeks"])
    assert not gives_answer("Does no one pay?", ["no"])
    assert needs_context("What is described in this section about loans in Bern?")
    assert not needs_context("Which functions does the section header call in Bern?")


def test_look_alikes_that_ask_about_another_thing_are_no_duplicates() -> None:
    known = [("a", "How many paintings does the museum of Aldgate show to its visitors?")]
    assert (
        near_duplicate("How many paintings does the museum of Aldgate show its visitors?", known)
        == "a"
    )
    assert not near_duplicate(known[0][1].replace("Aldgate", "Bremen"), known)


def test_an_oracle_always_makes_the_round_trip_and_chance_makes_it_k_times_in_n() -> None:
    """Methods 38: with an oracle retriever all questions stay, with a random one about k/N."""
    everything = [passage("x", name=f"p{n}") for n in range(200)]
    generator = random.Random(5)
    oracle = chance = 0
    for one in everything:
        shuffled = generator.sample(everything, len(everything))
        oracle += places({"oracle": [one, *shuffled[:5]]}, one.id, 20)["oracle"] == 1
        chance += places({"random": shuffled}, one.id, 20)["random"] is not None
    assert oracle == 200
    assert 8 <= chance <= 32  # mean 20, three standard deviations of 4.2
    assert round_trip_k(20, 200) == 20 and round_trip_k(20, 100) == 10


@pytest.fixture
def corpus(tmp_path: Path) -> Iterator[LocalCorpus]:
    made = started(
        tmp_path / "index",
        [
            document(
                f"{town}.md",
                f"The museum in {town} shows {10 + n} paintings to visitors.",
                title=town,
            )
            for n, town in enumerate(TOWNS)
        ]
        + [
            document(
                "dance.md",
                "In Ulm a dance is held each night, and in 1931 it was loud.",
                title="Dance",
            )
        ],
        WordHashEmbedder(),
    )
    yield made
    made.close()


@pytest.fixture
def tools(corpus: LocalCorpus) -> Tools:
    context = RunContext()
    return Tools(
        library=read_library(corpus, "local"),
        terms=corpus.terms,
        pool=Pool(corpus, "local", depth=5, context=context),
        judge=RuleJudge(corpus.terms),
        writer=None,
        encoder=None,
        k=3,
        tenant="local",
        context=context,
    )


def test_the_pool_is_the_union_of_all_retrievers(tools: Tools) -> None:
    assert tools.pool.names == ("bm25", "dense", "hybrid")
    found = tools.pool.rankings("paintings in Bremen")
    assert {name: ranking[0].document_id for name, ranking in found.items()} == dict.fromkeys(
        ("bm25", "dense", "hybrid"), "Bremen.md"
    )
    union = {one.id for ranking in found.values() for one in ranking}
    assert {one.id for one in tools.pool.together(["paintings in Bremen"])} == union


def parent(tools: Tools) -> Candidate:
    source = next(one for one in tools.library.passages if one.document_id == "Ghent.md")
    return Candidate(
        "a", "How many paintings does the museum in Ghent show?", ("16 paintings",), True,
        "written", source=source.id, cluster="Ghent.md",
    )  # fmt: skip


def test_a_look_alike_names_what_stands_elsewhere_and_no_passage_answers_it(tools: Tools) -> None:
    found = [
        swap(parent(tools), "look_alike", names_in(tools.library.passages), tools, random.Random(n))
        for n in range(6)
    ]
    made = [one for one in found if isinstance(one, Candidate)]
    assert made
    for one in made:  # other towns have museums with paintings, so only Ulm is left
        assert one.text == "How many paintings does the museum in Ulm show?"
        assert not one.answerable and one.answers == () and one.parent == "a"
        assert one.cluster == "Ghent.md"


def test_a_swap_names_what_stands_nowhere(tools: Tools) -> None:
    asked = parent(tools)
    dated = Candidate(
        "b", "What was held each night in Ulm in 1931?", ("a dance",), True, "written"
    )
    made = swap(dated, "swapped", names_in(tools.library.passages), tools, random.Random(1))
    assert isinstance(made, Candidate)
    new = made.meta["swapped"]["to"]
    assert new in made.text and not any(new in one.text for one in tools.library.passages)
    assert isinstance(swap(asked, "swapped", {}, tools, random.Random(1)), str)
    bare = Candidate("c", "What is loud?", ("x",), True, "written")
    assert swap(bare, "swapped", {}, tools, random.Random(1)) == (
        "it names no date, quantity, name or code name"
    )


def test_of_more_questions_than_wanted_those_stay_whose_evidence_suits_them_best(
    tools: Tools,
) -> None:
    made = [
        Candidate("a", "Who lives there?", ("x",), True, "written", evidence="Birds sing."),
        Candidate("b", "Which birds sing?", ("x",), True, "written", evidence="Birds sing."),
        Candidate("c", "Do birds ever sing?", ("x",), True, "written", evidence="Birds sing."),
    ]
    assert [one.id for one in best_of(made, 2, tools)] == ["a", "b"]  # nothing to choose by
    judging = replace(tools, encoder=OverlapCrossEncoder(Config()))
    assert [one.id for one in best_of(made, 2, judging)] == ["b", "c"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("Just a sentence.", "it is no question"),
        ("How many paintings does it show?", "it is not understood without its passage"),
        ("Does Ghent show 16 paintings to people?", "it gives its answer away"),
        ("Does the museum in Ghent have paintings?", "it asks for another kind of answer"),
        ("How many paintings did Ida Holm give to Ghent?", "it names what the model did not read"),
        (
            "How many paintings does the museum in Ghent show?",
            "the model answers it in another way",
        ),
    ],
)
def test_what_a_model_writes_is_thrown_away_with_its_reason(
    tools: Tools, said: str, reason: str
) -> None:
    rules = [EchoRule(when=r"Question:$", say=said), EchoRule(when=r"Answer:$", say="unknown")]
    writer = Writer(Echo(EchoConfig(rules=rules)), RunContext())
    ghent = next(one for one in tools.library.passages if one.document_id == "Ghent.md")
    assert write_some([(ghent, 0)], [], tools, writer, seed=0) == [reason]


def test_an_answer_is_asked_for_once(tools: Tools) -> None:
    said = "How many paintings does the museum in Ghent show?"
    rules = [EchoRule(when=r"Question:$", say=said), EchoRule(when=r"Answer:$", say="16 paintings")]
    writer = Writer(Echo(EchoConfig(rules=rules)), RunContext())
    ghent = next(one for one in tools.library.passages if one.document_id == "Ghent.md")
    assert len(short_answers(ghent)) == 1
    first, second = write_some([(ghent, 0), (ghent, 1)], [], tools, writer, seed=0)
    assert isinstance(first, Candidate) and first.found["bm25"] == 1
    assert second == "every short answer of its passage is asked for already"


def test_a_rule_asks_for_numbers_answers_and_most_of_the_words(tools: Tools) -> None:
    judge = tools.judge
    nugget = "The museum in Ghent shows 16 paintings to visitors."
    verdicts = judge.supports(nugget, tools.library.passages, ["16 paintings"])
    held = [
        one.document_id for one, yes in zip(tools.library.passages, verdicts, strict=True) if yes
    ]
    assert held == ["Ghent.md"]


def test_a_cross_encoder_that_likes_everything_is_not_believed(tools: Tools) -> None:
    encoder = OracleCrossEncoder(OracleCrossEncoderConfig(otherwise=5.0))
    encoder.start()
    judge = CrossEncoderJudge(encoder, tools.terms, RunContext())
    said = judge.supports("A dance is held each night.", tools.library.passages, [])
    pairs = zip(tools.library.passages, said, strict=True)
    assert [one.document_id for one, yes in pairs if yes] == ["dance.md"]
