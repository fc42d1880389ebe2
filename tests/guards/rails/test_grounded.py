"""A draft passes only with passages that hold its words, numbers and negations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assay.guards.rails.grounded import Grounded, GroundedConfig
from assay.pipeline import Abstention, AbstentionReason, Answer, Citation, RunContext
from tests.words import passage, query

SOURCE = passage("a", "A tuple is an immutable sequence of 3 items. It is never sorted.")
QUOTE = Answer(
    "A tuple is an immutable sequence.", (Citation(0, 9, ("a",)),), (SOURCE,), source="q"
)
NOTHING = Abstention("x", AbstentionReason.NO_EVIDENCE, "nothing")


def choose(
    draft: Answer | Abstention, fallback: Answer | Abstention = QUOTE
) -> Answer | Abstention:
    return Grounded(GroundedConfig()).run(query(), draft, fallback, RunContext())


def drafted(text: str) -> Answer:
    return Answer(text, (Citation(0, len(text), ("a",)),), (SOURCE,), source="d")


def test_a_supported_draft_passes_with_its_signals() -> None:
    answer = choose(drafted("An immutable sequence."))
    assert isinstance(answer, Answer)
    assert answer.source == "d"
    assert answer.signals == {"support": 1.0, "agreement": 1.0, "drafted": 1.0}


@pytest.mark.parametrize(
    "text",
    ["A mutable mapping of strings.", "An immutable sequence of 4 items."],
)
def test_a_draft_with_words_or_numbers_of_its_own_gives_way_to_the_quote(text: str) -> None:
    answer = choose(drafted(text))
    assert isinstance(answer, Answer)
    assert answer.source == "q"


def test_a_draft_that_the_quote_does_not_hold_gives_way_where_agreement_is_asked_for() -> None:
    draft = drafted("3 items.")
    strict = Grounded(GroundedConfig(min_agreement=1.0))
    assert isinstance(lenient := choose(draft), Answer)
    assert isinstance(answer := strict.run(query(), draft, QUOTE, RunContext()), Answer)
    assert (lenient.source, answer.source) == ("d", "q")


@pytest.mark.parametrize(("logprob", "source"), [(-0.4, "d"), (-0.6, "q"), (None, "q")])
def test_a_draft_whose_writer_was_not_sure_gives_way(logprob: float | None, source: str) -> None:
    signals = {} if logprob is None else {"draft_logprob": logprob}
    draft = replace(drafted("An immutable sequence."), signals=signals)
    node = Grounded(GroundedConfig(min_logprob=-0.5))
    assert isinstance(answer := node.run(query(), draft, QUOTE, RunContext()), Answer)
    assert answer.source == source


def test_a_draft_that_only_repeats_the_question_gives_way_to_the_quote() -> None:
    answer = choose(drafted("What a tuple is."))
    assert isinstance(answer, Answer)
    assert answer.source == "q"


def test_a_negation_that_no_passage_holds_does_not_pass() -> None:
    clean = passage("b", "A tuple is an immutable sequence.")
    draft = Answer("A tuple is not immutable.", (Citation(0, 5, ("b",)),), (clean,), source="d")
    answer = choose(draft)
    assert isinstance(answer, Answer)
    assert answer.source == "q"


def test_the_quote_answers_where_the_draft_abstained() -> None:
    answer = choose(NOTHING)
    assert isinstance(answer, Answer)
    assert answer.signals["drafted"] == 0.0


def test_two_abstentions_are_an_abstention() -> None:
    assert choose(NOTHING, NOTHING) == NOTHING
