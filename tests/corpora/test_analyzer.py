from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.analyzer import Analyzer, words


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("__enter__()", ["__enter__", "enter"]),
        ("Str.Format", ["str.format", "str", "format"]),
        ("snake_case_name", ["snake_case_name", "snake", "case", "name"]),
        ("precision of %g.", ["precision", "of", "%g"]),
        ("50%s", ["50", "s"]),
        ("Python 3.11", ["python", "3.11", "3", "11"]),
        ("a // b ** c -> d := e", ["a", "//", "b", "**", "c", "->", "d", ":=", "e"]),
        ("東京 tower", ["東", "京", "tower"]),
        ("End.", ["end"]),
    ],
)
def test_terms_keep_identifiers_and_operators(text: str, terms: list[str]) -> None:
    assert Analyzer().terms(text) == terms


def test_only_plain_words_are_stemmed() -> None:
    found = Analyzer(stemmer="english").terms("copies copies_of re.matches")
    assert found == ["copi", "copies_of", "copi", "of", "re.matches", "re", "match"]


def test_stop_words_are_left_out_only_when_asked_for() -> None:
    assert Analyzer().terms("if not") == ["if", "not"]
    assert Analyzer(stop_words="english").terms("if not found") == ["found"]


@given(st.text())
def test_terms_do_not_depend_on_case_of_ascii_text(text: str) -> None:
    plain = text.encode("ascii", "ignore").decode()
    assert Analyzer().terms(plain.upper()) == Analyzer().terms(plain.lower())


@given(st.text())
def test_words_are_lower_case_letters(text: str) -> None:
    assert all(word == word.lower() and "_" not in word for word in words(text))
