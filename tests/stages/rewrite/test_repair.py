from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipeline.context import RunContext
from assay.stages.rewrite.repair import Repair, RepairConfig, clean
from tests.corpora.doubles import ask, document, started

TEXT = (
    "The function returns an iterator over the dictionary. A function may raise an exception "
    "whose iterator is deleted with the dictionary; deleted exception, raise, form, from. "
    "form from function"
)


@pytest.fixture
def node(tmp_path: Path) -> Repair:
    return Repair(RepairConfig(), corpus=started(tmp_path, [document("d", TEXT)]))


@pytest.mark.parametrize(
    ("question", "mended"),
    [
        ("what does a fucntion do", "what does a function do"),
        ("what is an excpetion?", "what is an exception?"),
        ("an excaption here", "an exception here"),
        ("dictionray's keys", "dictionary's keys"),
        ("(iteratro)", "(iterator)"),
        ("the iterrator", "the iterator"),
    ],
)
def test_typing_errors_are_mended(node: Repair, question: str, mended: str) -> None:
    context = RunContext()
    assert node.run(ask(question), context).text == mended
    assert context.notes == {"repaired": 1}


@pytest.mark.parametrize(
    "question",
    [
        "the Fucntion of Dictionray",
        "call fucntion_x or fucntion.y or fucntion2",
        "the word \"fucntion\" and `fucntion` and 'my fucntion'",
        "deletes it",
        "frm it",
        "rasie it",
        "fctn and fxxctoin",
        "functi0n 42 3.11",
        "что такое фукнция",
        "東京はどこですか",
        "",
    ],
)
def test_names_identifiers_quotes_endings_and_other_scripts_are_left_alone(
    node: Repair, question: str
) -> None:
    context = RunContext()
    assert node.run(ask(question), context).text == question
    assert context.notes == {"repaired": 0}


def test_two_edits_are_mended_in_long_words_when_allowed(tmp_path: Path) -> None:
    corpus = started(tmp_path, [document("d", "planet planet telescope telescope")])
    wide = Repair(RepairConfig(max_distance=2), corpus=corpus)
    assert wide.run(ask("plnat tleescoep"), RunContext()).text == "plnat telescope"
    narrow = Repair(RepairConfig(), corpus=corpus)
    assert narrow.run(ask("plnaet tleescoep"), RunContext()).text == "planet tleescoep"


def test_a_replaced_letter_is_mended_only_in_long_words(tmp_path: Path) -> None:
    corpus = started(tmp_path, [document("d", "strict strict telescope telescope")])
    node = Repair(RepairConfig(), corpus=corpus)
    assert node.run(ask("struct tolescope"), RunContext()).text == "struct telescope"


def test_rare_words_are_no_target(tmp_path: Path) -> None:
    corpus = started(tmp_path, [document("d", "planet")])
    assert Repair(RepairConfig(), corpus=corpus).run(ask("plannet"), RunContext()).text == "plannet"
    frequent = Repair(RepairConfig(min_count=1), corpus=corpus)
    assert frequent.run(ask("plannet"), RunContext()).text == "planet"


def test_the_nearest_then_the_most_frequent_word_wins(tmp_path: Path) -> None:
    text = "planters " * 2 + "platters " * 3 + "plasters " * 3
    corpus = started(tmp_path, [document("d", text)])
    node = Repair(RepairConfig(), corpus=corpus)
    assert node.run(ask("plazters"), RunContext()).text == "plasters"


def test_without_repair_the_question_is_only_cleaned(tmp_path: Path) -> None:
    corpus = started(tmp_path, [document("d", TEXT)])
    node = Repair(RepairConfig(repair=False), corpus=corpus)
    assert node.run(ask(" a\u0000  fucntion\n"), RunContext()).text == "a fucntion"


@given(st.text())
def test_cleaning_is_done_after_the_first_time(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert "\n" not in once
    assert "\u200b" not in once


def test_letters_are_composed() -> None:
    assert clean("Cafe\u0301") == "Café"
