"""Wrong answers are wrong, of the right one's type, and the same for the same seed."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.dataset import LabelledQuery
from assay.corpora.matching import is_correct
from assay.evaluation.wrong_answers import question_word, wrong_answer


def asked(text: str, *answers: str, name: str = "q", **meta: object) -> LabelledQuery:
    return LabelledQuery(name, text, answers, True, meta)


OTHERS = (
    asked("Which city is old?", "Bruges", name="a"),
    asked("Which king ruled?", "Otto the Great", name="b"),
    asked("What did they eat?", "salt and bread", name="c"),
    asked("Is it so?", "yes", name="d"),
)


@given(st.floats(0.01, 1e7, allow_nan=False), st.integers(0, 3), st.booleans(), st.integers(0, 99))
def test_a_number_becomes_a_near_number_of_the_same_form(
    value: float, decimals: int, commas: bool, seed: int
) -> None:
    right = f"{value:,.{decimals}f}" if commas else f"{value:.{decimals}f}"
    if re.fullmatch(r"1\d{3}|20\d{2}", right) or float(right.replace(",", "")) == 0:
        return
    made = wrong_answer(asked("How much?", right), (), random.Random(seed))
    assert made is not None
    assert made.kind == "number"
    assert not is_correct(made.text, [right])
    assert len(made.text.partition(".")[2]) == decimals
    old, new = float(right.replace(",", "")), float(made.text.replace(",", ""))
    assert abs(new - old) <= max(0.51 * abs(old), 3 * 10**-decimals) + 10**-decimals


@pytest.mark.parametrize(
    ("right", "kind", "form"),
    [
        ("1999", "year", r"\d{4}"),
        ("in the spring of 1851", "year", r"in the spring of \d{4}"),
        ("12 May 1999", "date", r"12 (?!May)[A-Z][a-z]+ \d{4}"),
        ("$3.2 million", "number", r"\$\d\.\d million"),
        ("Yes", "label", "No"),
        ("false", "label", "true"),
    ],
)
def test_each_type_keeps_its_form(right: str, kind: str, form: str) -> None:
    for seed in range(20):
        made = wrong_answer(asked("When?", right), OTHERS, random.Random(seed))
        assert made is not None
        assert made.kind == kind
        assert re.fullmatch(form, made.text)
        assert made.text != right


def test_a_name_is_drawn_from_questions_that_ask_alike() -> None:
    made = wrong_answer(asked("Which city is big?", "Ghent"), OTHERS, random.Random(0))
    assert made is not None
    assert (made.text, made.kind) == ("Bruges", "other_answer")
    king = wrong_answer(asked("Which king was tall?", "Karl"), OTHERS, random.Random(0))
    assert king is not None
    assert king.text == "Otto the Great"
    food = wrong_answer(asked("What did they drink?", "milk"), OTHERS, random.Random(0))
    assert food is not None
    assert food.text == "salt and bread"


def test_an_alias_or_a_part_of_the_right_answer_is_never_drawn() -> None:
    query = asked("Which king was it?", "Otto", "Otto the Great")
    assert wrong_answer(query, OTHERS[1:2], random.Random(0)) is None
    assert wrong_answer(asked("Which?", "Ghent"), (), random.Random(0)) is None
    assert wrong_answer(asked("Which?"), OTHERS, random.Random(0)) is None


def test_a_wrong_answer_that_the_set_gives_is_taken() -> None:
    made = wrong_answer(asked("Which?", "Ghent", incorrect_answer="Lille"), (), random.Random(0))
    assert made is not None
    assert (made.text, made.kind) == ("Lille", "given")
    right = asked("Which city?", "Ghent", incorrect_answer="in Ghent")
    other = wrong_answer(right, OTHERS, random.Random(0))
    assert other is not None
    assert other.text == "Bruges"


def test_the_question_word_is_the_first_one() -> None:
    assert question_word("How many times did it rain, and where?") == "how many"
    assert question_word("Name the king.") == ""
