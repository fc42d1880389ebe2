"""Edits keep every answer that they are told of, or replace it everywhere."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.matching import is_correct
from assay.evaluation.suites.sentence_edits import (
    Needed,
    about,
    keeps,
    reworded,
    shortened,
    shuffled,
    with_answer,
)
from assay.pipeline.sentences import sentences

TEXT = (
    "In 1850, the mill opened. Visitors often come by train. The mill was built by Ada Holt."
    " It is not open on Mondays. Bread is sold nearby."
)


def test_a_sentence_that_would_lose_an_answer_stays() -> None:
    free = reworded(TEXT, Needed())
    assert free.startswith("The mill opened in 1850. Visitors frequently come by train.")
    held = reworded(TEXT, Needed(answers=(("is not open",), ("In 1850, the mill",))))
    assert held.startswith("In 1850, the mill opened. Visitors frequently")
    assert "It is not open on Mondays." in held


def test_unrelated_sentences_go_and_nothing_else() -> None:
    needed = Needed(answers=(("Ada Holt",),), words=about(["Who built the mill?"]))
    assert shortened(TEXT, needed) == "In 1850, the mill opened. The mill was built by Ada Holt."
    start = TEXT.index("Bread")
    spanned = Needed(answers=(("Ada Holt",),), spans=((start, start + 5),))
    assert shortened(TEXT, spanned) == "The mill was built by Ada Holt. Bread is sold nearby."
    assert shortened(TEXT, Needed(answers=(("zebra",),))) == TEXT  # nothing would stay


@given(st.integers(0, 10_000))
def test_sentences_without_an_answer_change_places_and_the_others_stay(seed: int) -> None:
    needed = Needed(answers=(("Ada Holt",),))
    made = shuffled(TEXT, needed, random.Random(seed))
    before = [one.text for one in sentences(TEXT)]
    after = [one.text for one in sentences(made)]
    assert sorted(before) == sorted(after)
    assert before != after
    assert after[2] == before[2]


def test_a_text_with_one_free_sentence_is_not_shuffled() -> None:
    text = "Ada Holt built it. It rains."
    assert shuffled(text, Needed(answers=(("Ada Holt",),)), random.Random(0)) == text


def test_every_occurrence_of_every_accepted_answer_is_replaced() -> None:
    text = "Ada Holt built it. HOLT was her name; Holton was another."
    assert with_answer(text, ["Holt", "Ada Holt"], "Bo Lund") == (
        "Bo Lund built it. Bo Lund was her name; Holton was another."
    )
    assert with_answer(text, ["Zoe"], "Bo") is None
    assert with_answer(text, [], "Bo") is None
    assert with_answer("It is Holt.", ["Holt"], "Holt") is None  # not another answer


@given(
    st.lists(
        st.from_regex(r"[A-Z][a-z]{3,8} [a-z]{3,8}\.", fullmatch=True), min_size=2, max_size=6
    ),
    st.integers(0, 5),
    st.integers(0, 100),
)
def test_no_edit_that_keeps_loses_an_answer(parts: list[str], place: int, seed: int) -> None:
    text = " ".join(parts)
    answer = parts[place % len(parts)].split()[0]
    needed = Needed(answers=((answer,),), words=about([answer]))
    for made in (
        reworded(text, needed),
        shortened(text, needed),
        shuffled(text, needed, random.Random(seed)),
    ):
        assert is_correct(made, [answer])
        assert keeps(text, made, needed)
