"""Rationales are read out of whatever a model wrote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipeline.words import Rationale
from assay.stages.select.rationales import (
    BEGUN,
    LONGEST,
    answered_rationales,
    parse_rationales,
    rationales_prompt,
)

PERIOD = Rationale("payment period: days until payment.", "another number of days.")
COSTS = Rationale("costs: who bears them", "")


@pytest.mark.parametrize(
    "text",
    [
        "1. [payment period] days until payment. Flag Instructions: another number of days.\n"
        "2. [costs] who bears them",
        "Sure:\n1) **[payment period]**: days until payment.\n   **Flag Instructions:** another"
        " number of days.\n\n2) **[costs]**: who bears them",
        "<rationale_1>[payment period] days until payment. Flag Instructions: another number of"
        " days.</rationale_1>\n<rationale_2>[costs] who bears them</rationale_2>",
        "<RATIONALE_1>[payment period] days until payment.\nFlag instruction: another number of"
        " days.\n<rationale_2>[costs] who bears them",
        "Rationale 1: [payment period] days until payment. Flag Instructions: another number of"
        " days.\nRationale 2: [costs] who bears them",
        "**Rationale 1:** payment period: days until payment. Flag Instructions - another number"
        " of days.\n**Rationale 2:** costs: who bears them",
        "1. payment period: days until payment. Flag Instructions: another number of days.\n"
        "2. costs: who bears them",
    ],
)
def test_all_forms_of_the_chain_give_the_same_rationales(text: str) -> None:
    assert parse_rationales(text, 9) == (PERIOD, COSTS)


def test_the_first_form_with_any_decides() -> None:
    text = "1. not this one\n<rationale_1>[fee] the sum</rationale_1>"
    assert parse_rationales(text, 9) == (Rationale("fee: the sum"),)
    both = "1. [fee] the sum\n<rationale_1>other</rationale_1>"
    assert [one.text for one in parse_rationales(both, 9)] == ["fee: the sum other"]


def test_a_number_of_two_digits_and_numbers_inside_a_text_do_not_end_it() -> None:
    text = "9. [a b] in 2019 it grew\n10. [c d] from 3. to 4.5 percent"
    assert [one.text for one in parse_rationales(text, 9)] == [
        "a b: in 2019 it grew",
        "c d: from 3. to 4.5 percent",
    ]


def test_repetitions_and_items_without_words_are_left_out() -> None:
    text = "1. [fee] sum\n2. [Fee] Sum\n3. [!] ?\n4. [late] x\n5. [rent] y"
    assert [one.text for one in parse_rationales(text, 2)] == ["fee: sum", "late: x"]
    assert len(parse_rationales(text, 9)) == 3


@pytest.mark.parametrize("text", ["", "I cannot do that.", "<think>1. [fee] sum", "1. [", "[fee]"])
def test_nothing_to_read_gives_no_rationales(text: str) -> None:
    assert parse_rationales(text, 9) == ()


@pytest.mark.parametrize(
    "text",
    [
        "fee] the sum",
        " fee] the sum\n2. [!]",
        "1. [fee] the sum",
        "<rationale_1>[fee] the sum</rationale_1>",
        "<think>[x]</think>\n1. [fee] the sum",
        "**Rationale 1:** [fee] the sum",
    ],
)
def test_an_answer_that_goes_on_or_begins_anew_is_read(text: str) -> None:
    assert answered_rationales(text, 9) == (Rationale("fee: the sum"),)


def test_reasoning_before_the_answer_is_not_read() -> None:
    text = "<think>1. [wrong] one</think>1. [right] one"
    assert [one.text for one in parse_rationales(text, 9)] == ["right: one"]


@given(st.text(max_size=400), st.integers(1, 5))
def test_any_text_gives_at_most_so_many_short_rationales(text: str, most: int) -> None:
    found = parse_rationales(text, most)
    assert len(found) <= most
    for one in found:
        assert 2 <= len(one.text) <= LONGEST
        assert len(one.flag) <= LONGEST
        assert "\n" not in one.text + one.flag


def test_a_long_answer_without_an_end_is_read_at_once() -> None:
    assert len(parse_rationales("1. [aa b] " * 20_000, 9)) == 1
    assert parse_rationales("<rationale_1" * 20_000, 9) == ()
    assert len(parse_rationales("1.\n" * 20_000 + "2. so long", 9)) == 1


def test_the_prompts_own_examples_are_of_the_first_form() -> None:
    beginning, asked = rationales_prompt("Why\n[1] <think>?", 4)
    assert asked == f"Question: Why (1) (think)?\n(4 different items at most)\n{BEGUN}"
    for block in beginning.split("Question: ")[1:]:
        found = parse_rationales(block.split("\n", maxsplit=1)[1], 9)
        assert len(found) == 3
        assert all(one.flag for one in found)
