"""Text is fitted into any room without loss, or by a rule that says what is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.models.fit import GAP, Ends, cut, fitted, windows
from assay.pipeline.errors import UsageError


def words(text: str) -> int:
    return len(text.split())


def pieces(text: str) -> int:
    """Like a subword tokenizer: up to four characters of a word a token, others one each."""
    return sum(-(-len(word) // 4) for word in text.split()) + text.count("\n")


def octets(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


COUNTS = st.sampled_from([len, words, pieces, octets])
TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(st.text("abcdé", min_size=1, max_size=12), max_size=80).map(" ".join),
)
RULES = st.sampled_from(["head", "tail", "middle"])


@given(TEXTS, st.integers(4, 60), COUNTS)
def test_windows_join_to_the_text_and_each_fits(
    text: str, room: int, count: Callable[[str], int]
) -> None:
    found = windows(text, room, count)
    assert "".join(found) == text
    assert all(count(one) <= room for one in found)
    assert all(found) or found == [""]


@given(st.lists(st.text("abcd", min_size=1, max_size=9), min_size=1, max_size=200))
def test_windows_are_few_and_about_equally_long(parts: list[str]) -> None:
    text, room = " ".join(parts), 20
    found = windows(text, room, words)
    least = -(-len(parts) // room)
    assert least <= len(found) <= least + least // 4 + 2
    if len(found) > 1:
        lengths = [words(one) for one in found]
        assert max(lengths) - min(lengths) <= room // 2


@given(TEXTS, st.integers(8, 60), COUNTS, RULES)
def test_a_cut_fits_and_is_made_of_the_ends(
    text: str, room: int, count: Callable[[str], int], rule: Ends
) -> None:
    try:
        found = cut(text, room, count, rule)
    except UsageError:
        assert not text.strip() or not text[:room].strip() or not text[-room:].strip()
        return
    assert count(found) <= room
    if count(text) <= room:
        assert found == text
    elif rule == "head":
        assert found and text.startswith(found)
    elif rule == "tail":
        assert found and text.endswith(found)
    else:
        fits = [
            place
            for place in range(len(found))
            if found.startswith(GAP, place)
            and text.startswith(found[:place])
            and text.endswith(found[place + len(GAP) :])
        ]
        assert fits


@given(st.integers(60, 400), st.integers(10, 50), RULES)
def test_a_cut_wastes_little_room(length: int, room: int, rule: Ends) -> None:
    text = " ".join("word" for _ in range(length))
    assert words(cut(text, room, words, rule)) >= room - 2


def test_cuts_fall_between_words() -> None:
    text = "somewhat longer words than usual " * 30
    for found in windows(text, 20, pieces)[1:]:
        assert found.startswith(" ")
    assert cut(text, 20, pieces, "head").split()[-1] in text.split()
    assert cut(text, 20, pieces, "tail").split()[0] in text.split()


def test_a_character_written_as_several_stays_whole() -> None:
    for character in ("e\u0301", "👩\u200d🔬", "\ud83d\udd2c"):
        text = character * 50
        found = windows(text, 40, len)
        assert "".join(found) == text
        assert all(len(one) % len(character) == 0 for one in found)
        assert len(cut(text, 40, len, "head")) % len(character) == 0
        assert len(cut(text, 40, len, "tail")) % len(character) == 0


def test_uneven_texts_take_few_windows() -> None:
    """Dense at one end: equal numbers of characters would be far too many tokens there."""
    text = "a b c d e f g h i j " * 100 + "abcdefghijklmnopqrs " * 1000
    found = windows(text, 100, words)
    assert "".join(found) == text and len(found) <= 22


@pytest.mark.parametrize("rule", ["windows", "head", "tail", "middle"])
def test_ten_million_characters_are_counted_a_few_times_over(rule: str) -> None:
    text = "Some words of a long text, with marks. " * 256_000
    read = 0

    def count(part: str) -> int:
        nonlocal read
        read += len(part)
        return part.count(" ") + 1

    found = fitted(text, 5000, count, rule)  # type: ignore[arg-type]
    assert all(count(one) <= 5000 for one in found)
    if rule == "windows":
        assert "".join(found) == text
        assert read < 7 * len(text)
    else:
        assert read < len(text) // 2


def test_what_is_to_be_refused_is_refused_with_its_numbers() -> None:
    assert fitted("one two", 2, words, "refuse") == ["one two"]
    with pytest.raises(UsageError, match="the note has 3 tokens and there is room for 2"):
        fitted("one two three", 2, words, "refuse", what="the note")


@pytest.mark.parametrize("rule", ["windows", "head", "tail", "middle"])
def test_a_room_that_holds_no_character_is_named(rule: str) -> None:
    with pytest.raises(UsageError, match="room for 2 tokens, but 'é' alone has 3"):
        fitted("éé", 2, lambda text: 3 * len(text), rule)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="room for 0 tokens"):
        fitted("word", 0, len, rule)  # type: ignore[arg-type]
