from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.matching import exact_match, is_correct, token_f1


@pytest.mark.parametrize(
    ("text", "accepted", "right"),
    [
        ('The "__enter__()" method.', "__enter__()", True),
        ("The *TypeError* is raised", "typeerror", True),
        ("It raises TypeErrors", "TypeError", False),
        ("Since 3.11.", "3", False),
        ("There are 13", "3", False),
        ("There are 3.", "3", True),
        ("It is -3", "3", False),
        ("It is -3", "-3", True),
        ("about $1,496.5 million", "$1,496.5", True),
        ("about $1,496.5 million", "1,496", False),
        ("call str.format() there", "str.format", True),
        ("use the `//` operator", "//", True),
        ("use **kwargs", "kwargs", True),
        ("the ** operator", "**", True),
        ("the * operator", "**", False),
        ("No, yes would be wrong", "yes", False),
        ("Yes.", "yes", True),
        ("Not mentioned: no entailment", "Entailment", False),
        ("Entailment, not a contradiction", "Entailment", True),
        ("The notice says Not Mentioned", "NotMentioned", True),
        ("ﬁle", "file", True),
        ("", "x", False),
        ("x", "", False),
    ],
)
def test_an_answer_is_matched_at_token_boundaries(text: str, accepted: str, right: bool) -> None:
    assert is_correct(text, [accepted]) is right


def test_any_accepted_answer_is_enough_and_none_is_never_met() -> None:
    assert is_correct("blue", ["red", "blue"])
    assert not is_correct("blue", [])


@given(st.lists(st.sampled_from(["a1", "of", "3", "3.1", "(x)", "no2"]), min_size=1))
def test_every_text_contains_itself(parts: list[str]) -> None:
    assert is_correct("well " + " ".join(parts) + " indeed", [" ".join(parts)])


def test_squad_measures_ignore_articles_case_and_punctuation() -> None:
    assert exact_match("The Normans.", ["normans"])
    assert not exact_match("Normans of France", ["normans"])
    assert token_f1("the Normans of France", ["Normans"]) == pytest.approx(0.5)
    assert token_f1("France", ["Norway", "France"]) == 1.0
    assert token_f1("", ["France"]) == 0.0
    assert token_f1("a", ["the"]) == 1.0
