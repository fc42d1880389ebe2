"""Typing errors are one edit each, in the words that may have one, and the same every time."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import DamerauLevenshtein

from assay.evaluation.suites.mistyping import (
    NEIGHBOURS,
    OPERATORS,
    Operator,
    mistyped,
    with_typos,
    words_to_mistype,
)
from assay.pipeline.text import STOP_WORDS

WORDS = st.text(alphabet=string.ascii_lowercase, min_size=4, max_size=12)


@given(WORDS, st.sampled_from(OPERATORS), st.integers(0, 10_000))
def test_an_operator_makes_exactly_one_edit(word: str, operator: Operator, seed: int) -> None:
    made = mistyped(word, operator, random.Random(seed))
    if made is None:
        assert operator == "swap"
        assert len(set(word)) == 1
        return
    assert DamerauLevenshtein.distance(word, made) == 1
    assert len(made) - len(word) == {"insert": 1, "delete": -1}.get(operator, 0)


def test_each_operator_does_what_it_is_called() -> None:
    for seed in range(50):
        word = "harbour"
        swapped = mistyped(word, "swap", random.Random(seed))
        assert swapped is not None
        assert sorted(swapped) == sorted(word)
        near = mistyped(word, "keyboard", random.Random(seed))
        assert near is not None
        ((old, new),) = [(a, b) for a, b in zip(word, near, strict=True) if a != b]
        assert new in NEIGHBOURS[old]


def test_keys_beside_one_another_are_neighbours_both_ways() -> None:
    assert set(NEIGHBOURS) == set(string.ascii_lowercase)
    for letter, near in NEIGHBOURS.items():
        assert letter not in near
        for other in near:
            assert letter in NEIGHBOURS[other]
    assert set(NEIGHBOURS["g"]) == set("fhtyvb")


@pytest.mark.parametrize(
    "text",
    [
        "Is it in on 1962?",
        "1,250.50 kg v2.3 x_y str.format",
        'Who said "harbour master today"?',
        "",
    ],
)
def test_short_words_numbers_identifiers_and_quoted_names_stay(text: str) -> None:
    words = words_to_mistype(text)
    assert [text[a:b] for a, b in words] == (["said"] if "said" in text else [])
    if not words:
        assert with_typos(text, 3, OPERATORS, random.Random(0)) == (text, 0)


@given(
    st.lists(st.one_of(WORDS, st.sampled_from(sorted(STOP_WORDS))), min_size=1, max_size=8),
    st.integers(0, 4),
    st.integers(0, 1000),
)
def test_only_words_that_may_be_mistyped_change_and_each_by_one_edit(
    parts: list[str], count: int, seed: int
) -> None:
    text = " ".join(parts)
    made, done = with_typos(text, count, OPERATORS, random.Random(seed))
    assert (made, done) == with_typos(text, count, OPERATORS, random.Random(seed))
    pairs = list(zip(text.split(" "), made.split(" "), strict=True))
    edited = [(a, b) for a, b in pairs if a != b]
    assert len(edited) == done <= count
    assert done == min(count, len(words_to_mistype(text)))
    for before, after in edited:
        assert before not in STOP_WORDS
        assert len(before) > 3
        assert DamerauLevenshtein.distance(before, after) == 1


def test_more_errors_begin_with_those_of_fewer() -> None:
    text = "which harbour master signed the treaty about herring fishing"
    one, _ = with_typos(text, 1, OPERATORS, random.Random(5))
    three, count = with_typos(text, 3, OPERATORS, random.Random(5))
    changed = {n for n, (a, b) in enumerate(zip(text.split(), one.split(), strict=True)) if a != b}
    assert count == 3
    (place,) = changed
    assert one.split()[place] == three.split()[place]


def test_capitals_stay_where_they_were_and_other_scripts_get_their_own_letters() -> None:
    for seed in range(30):
        swapped = mistyped("Paris", "swap", random.Random(seed))
        assert swapped is not None
        assert swapped[0].isupper()
        assert swapped[1:].islower()
        made, _ = with_typos("какой город", 1, ("substitute", "insert"), random.Random(seed))
        assert not set(made) & set(string.ascii_letters)
