"""Generated tokens to text: split characters and stop strings, whatever the token borders."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.models.writing import Writing


def written(text: bytes, cuts: list[int], stop: tuple[str, ...]) -> tuple[str, list[str], bool]:
    """The text, what was shown step by step, and whether it stopped."""
    borders = sorted({0, len(text), *(one % (len(text) + 1) for one in cuts)})
    writing = Writing(stop)
    shown = []
    for begin, end in itertools.pairwise(borders):
        writing.add(text[begin:end])
        if writing.stopped:
            break
        shown.append(writing.show())
    shown.append(writing.show(last=True))
    return writing.text, shown, writing.stopped


@given(
    st.text("ab\n€é", max_size=30),
    st.lists(st.integers(0, 200), max_size=30),
    st.lists(st.text("ab\n€", min_size=1, max_size=3), max_size=3),
)
def test_the_text_ends_before_the_first_stop_string_wherever_tokens_end(
    text: str, cuts: list[int], stop: list[str]
) -> None:
    got, shown, stopped = written(text.encode(), cuts, tuple(stop))
    assert "".join(shown) == got
    assert not any(one in got for one in stop)
    assert stopped == any(one in text for one in stop)
    if not stopped:
        assert got == text
    else:
        assert text.startswith(got)


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [("one\ntwo", ("\n",), "one"), ("a] [b", ("] [",), "a"), ("abc", ("", "z"), "abc")],
)
def test_stop_strings_by_example(text: str, stop: tuple[str, ...], expected: str) -> None:
    for step in (1, 2, 7):
        assert written(text.encode(), list(range(0, len(text), step)), stop)[0] == expected


def test_what_may_become_a_stop_string_is_held_back_until_it_is_known() -> None:
    writing = Writing(("] [",))
    writing.add(b"three weeks] ")
    assert writing.show() == "three weeks"
    writing.add(b"(2)")
    assert writing.show() == "] (2)"


def test_half_a_character_is_never_shown() -> None:
    writing = Writing(())
    first, second = "é".encode()[:1], "é".encode()[1:]
    assert (writing.add(first), writing.show()) == ("", "")
    assert (writing.add(second), writing.show()) == ("é", "é")
    writing.add(first)
    assert writing.show(last=True) == ""
