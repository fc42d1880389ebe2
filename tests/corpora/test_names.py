from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.names import names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How much did Entergy New Orleans earn?", ("Entergy New Orleans",)),
        ("Tesla deliveries in 2021", ("Tesla",)),
        ("What is it?", ()),
        ("Describe the tax. List Acme's sites: Is Bolt one?", ("Acme's", "Bolt")),
        ("the Journal of the History of Ideas", ("Journal of the History of Ideas",)),
        ("sales at AT&T and at 3M, by form 10-K", ("AT&T", "3M", "10-K")),
        ("is GPT-4 better than v2.1?", ("GPT-4", "v2.1")),
        ("Roddy Maude-Roxby met Zoë Ångström.", ("Roddy Maude-Roxby", "Zoë Ångström")),
        ("the third quarter of March 2021, and May 2020", ()),
        ("Acme, and Acme again", ("Acme",)),
        ("from 12 to 500 items", ()),
        ("what happens to toby at the end", ()),
        ("東京の人口は", ()),
        ("", ()),
    ],
)
def test_names_are_capitalised_runs_and_words_with_figures(
    text: str, expected: tuple[str, ...]
) -> None:
    assert names(text) == expected


def test_a_capital_at_the_start_of_a_sentence_counts_unless_it_opens_questions() -> None:
    assert names("Whose is Rome? Rome is old. The Tiber is wet.") == ("Rome", "Tiber")


@given(st.text(max_size=80))
def test_every_name_stands_in_the_text_once(text: str) -> None:
    found = names(text)
    assert len(set(found)) == len(found)
    assert all(len(one) > 1 for one in found)


@given(st.text(alphabet=" abcé,.?!'-", max_size=80))
def test_small_letters_hold_no_names(text: str) -> None:
    assert names(text) == ()
