"""Other wordings keep names and numbers, and say which rule made them."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evaluation.suites.paraphrase import (
    first_line,
    prompt_for_paraphrase,
    reworded_question,
    reworded_sentence,
    with_noise,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Who wrote Emma?", "Name the person or group who wrote Emma."),
        ("Who was the first king?", "Which person or group was the first king?"),
        ("Where is Normandy located?", "In which place is Normandy located?"),
        ("How many men were in the army?", "What number of men were in the army?"),
        ("In what country is Normandy located?", "In which country is Normandy located?"),
        ("What colour is the sky?", "Which colour is the sky?"),
        ("Why did they leave?", "For what reason did they leave?"),
        ("Is it true that it rains?", "Please answer this: Is it true that it rains?"),
        (
            "What was the war called?",
            "I would like to know the following: What was the war called?",
        ),
        (
            "What is the city that the river lies in?",
            "I would like to know the following: What is the city that the river lies in?",
        ),
    ],
)
def test_a_question_takes_the_form_of_the_table(text: str, expected: str) -> None:
    assert reworded_question(text).text == expected


@given(
    st.sampled_from(["who", "what is the", "when did", "how many", "which", "why was", "is the"]),
    st.lists(
        st.from_regex(r"[A-Z][a-z]{2,7}|[1-9][0-9]{0,3}", fullmatch=True), min_size=1, max_size=4
    ),
)
def test_names_and_numbers_survive(opening: str, parts: list[str]) -> None:
    made = reworded_question(f"{opening} thing of {' and '.join(parts)}?")
    assert made.rules
    for part in parts:
        assert re.search(rf"\b{part}\b", made.text)


@pytest.mark.parametrize("text", ["Wer gründete Rom?", "nobel prize physics 1903", "", "???"])
def test_what_is_not_english_stays(text: str) -> None:
    assert reworded_question(text).text == " ".join(text.split())
    assert reworded_question(text).rules == ()


def test_a_leading_phrase_moves_and_a_clause_keeps_it() -> None:
    moved = reworded_sentence("During the war, the bridge was not used because of ice.")
    assert moved.text == "The bridge wasn't used owing to ice during the war."
    assert moved.rules == ("words: was not", "words: because of", "order")
    kept = "In 1999, the firm, which had debts, moved."
    assert reworded_sentence(kept).text == kept


def test_braces_in_a_question_are_text() -> None:
    assert "{x}" in reworded_question("Who wrote the {x} in {0}?").text
    assert "{x}" in with_noise("Who wrote {x}?", random.Random(0))


def test_a_models_paraphrase_is_its_first_line() -> None:
    assert first_line('\n "In which year?" \nQuestion: b') == "In which year?"
    assert first_line(" \n ") == ""
    beginning, own = prompt_for_paraphrase("Who\nis it?")
    assert own == "Question: Who is it?\nParaphrase:"
    assert beginning == prompt_for_paraphrase("other")[0]
