from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.normalise import strip_invisible
from assay.corpora.rendering import readable, rendered
from assay.pipeline.words import Passage, Scope
from tests.corpora.test_normalise import CARRIERS, HOSTILE, TWINS


def passage(text: str, title: str = "") -> Passage:
    return Passage("d#0", "d", text, Scope("local"), title=title)


def test_the_title_stands_above_the_text() -> None:
    assert rendered(passage("Three weeks.", "Loans")) == "Loans\nThree weeks."
    assert rendered(passage("Three weeks.")) == "Three weeks."


@pytest.mark.parametrize("carrier", CARRIERS, ids=lambda one: f"U+{one:04X}")
def test_a_word_with_a_carrier_inside_is_indexed_as_the_word(carrier: int) -> None:
    sign = chr(carrier)
    assert rendered(passage(f"pass{sign}word", f"se{sign}cret")) == "secret\npassword"


@pytest.mark.parametrize("text", TWINS.values(), ids=TWINS.keys())
def test_scripts_and_emoji_stay_as_they_are_written(text: str) -> None:
    assert readable(text) == text


def test_code_and_markup_stay_searchable() -> None:
    text = "if a < b && c: <!-- see &amp; --> <Tag hidden>x</Tag> \x1b[1mbold\x1b[0m"
    assert readable(text) == "if a < b && c: <!-- see &amp; --> <Tag hidden>x</Tag> bold"


def test_half_characters_can_be_written_to_a_file() -> None:
    assert readable("a\ud800b").encode() == "a\ufffdb".encode()


@given(HOSTILE | st.text())
def test_indexed_text_is_the_stripped_text_and_stays_so(raw: str) -> None:
    found = readable(raw)
    assert found == strip_invisible(raw).text.replace("\ud800", "\ufffd")
    assert len(found) <= len(raw)
    found.encode()


def test_a_megabyte_of_carriers_is_stripped() -> None:
    assert readable("a\u200b\u200f" * 300_000) == "a" * 300_000
