from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.loaders.names import quoted, safe, shortened

NAMES = st.text(st.characters(), max_size=30)


@given(NAMES)
def test_an_id_can_be_shown_and_stored_and_holds_no_separator(name: str) -> None:
    shown = safe(name)
    shown.encode()
    assert "#" not in shown and "\n" not in shown and "\x1b" not in shown
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", shown)
    assert "&" not in quoted(name)


@given(NAMES, NAMES)
def test_no_two_names_have_one_id(one: str, other: str) -> None:
    assert (safe(one) == safe(other)) == (one == other)


def test_bytes_that_are_no_text_and_their_spelling_differ() -> None:
    assert safe("caf\udce9") == "caf%E9"
    assert safe("caf%E9") == "caf%25E9"


@given(st.text(min_size=0, max_size=300))
def test_a_shortened_name_fits(name: str) -> None:
    short = shortened(name, most=50)
    assert len(short) <= 50
    assert short == name or (short[:10], short[-10:]) == (name[:10], name[-10:])
