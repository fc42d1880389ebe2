"""What is left of a passage is found in the source at its own offsets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipeline.codec import from_json, to_json
from assay.pipeline.value_codec import decode, encode
from assay.pipeline.words import Passage, Scope
from assay.stages.select.shortening import (
    beginning,
    joined,
    sentences_of,
    shortened,
    touching,
)

READER = Scope("t")
TEXTS = st.text(alphabet="ab.! \n東。\u0301😀", min_size=1, max_size=60)


def cut_out(raw: str, start: int, end: int, *, position: int = 0, title: str = "") -> Passage:
    return Passage(
        f"d#{position}", "d", raw[start:end], READER, title, position, start=start, end=end
    )


def is_found(raw: str, passage: Passage) -> bool:
    """Whether each piece stands in the source where the passage says."""
    pieces = passage.pieces or ((passage.start, passage.end),)
    found = [raw[start:end] for start, end in pieces]
    told = [passage.text[start:end] for start, end in passage.stretches]
    inside = all(passage.start <= start < end <= passage.end for start, end in pieces)
    return found == told and inside and "\n\n".join(told) == passage.text


@given(TEXTS, TEXTS, TEXTS, st.data())
def test_every_kept_sentence_is_found_in_the_source_at_its_own_offsets(
    before: str, text: str, after: str, data: st.DataObject
) -> None:
    raw = before + text + after
    whole = cut_out(raw, len(before), len(before) + len(text))
    short = whole
    for _ in range(2):  # a shortened passage can be shortened again
        every = sentences_of(short)
        if not every:
            assert not short.text.strip()
            return
        kept = data.draw(st.lists(st.sampled_from(every), min_size=1, unique=True))
        texts = [short.text[one.start : one.end] for one in sorted(kept, key=lambda one: one.start)]
        short = shortened(short, kept, all_of=every)
        assert is_found(raw, short)
        assert [part for part in texts if part not in short.text] == []
        again = [short.text[one.start : one.end] for one in sentences_of(short)]
        assert "".join("".join(again).split()) == "".join("".join(texts).split())


@given(TEXTS, st.data())
def test_a_beginning_is_found_in_the_source(raw: str, data: st.DataObject) -> None:
    whole = cut_out(raw, 0, len(raw))
    every = sentences_of(whole)
    if every:
        whole = shortened(whole, every[::2], all_of=every)
    short = beginning(whole, data.draw(st.integers(1, len(whole.text))))
    assert whole.text.startswith(short.text)
    assert is_found(raw, short)


@given(TEXTS, st.data())
def test_joined_passages_are_found_in_the_source(raw: str, data: st.DataObject) -> None:
    places = st.integers(0, len(raw) - 1)
    low, high = sorted((data.draw(places), data.draw(places)))
    one = cut_out(raw, low, high + 1)
    low, high = sorted((data.draw(places), data.draw(places)))
    two = cut_out(raw, low, high + 1, position=1)
    both = joined(one, two)
    assert both is not None
    assert is_found(raw, both)
    assert both.id == one.id
    assert (both.start, both.end) == (min(one.start, two.start), max(one.end, two.end))
    third = joined(both, cut_out(raw, 0, len(raw), position=1))
    assert third is not None
    assert (third.text, third.pieces) == (raw, ())


def test_neighbouring_sentences_stay_one_piece_with_the_space_between_them() -> None:
    whole = cut_out("One.\n Two. Three. Four.", 0, 23)
    every = sentences_of(whole)
    short = shortened(whole, [every[0], every[1], every[3]], all_of=every)
    assert short.text == "One.\n Two.\n\nFour."
    assert short.pieces == ((0, 10), (18, 23))
    assert shortened(whole, every, all_of=every) is whole


@pytest.mark.parametrize(
    "other",
    [
        {"title": "Another heading"},
        {"document_id": "e"},
        {"scope": Scope("t", ("boss",))},
        {"end": 12},  # offsets that are not those of the text
        {"position": 5},  # neither overlaps nor follows
    ],
)
def test_what_does_not_fit_together_does_not_touch(other: dict[str, object]) -> None:
    raw = "Cats purr. Dogs bark."
    cats, dogs = cut_out(raw, 0, 10), cut_out(raw, 11, 21, position=1)
    assert touching(cats, dogs)
    assert not touching(cats, replace(dogs, **other))  # type: ignore[arg-type]


def test_passages_that_say_different_things_of_one_place_are_not_joined() -> None:
    raw = "Cats purr. Dogs bark."
    cats, dogs = cut_out(raw, 0, 10), cut_out(raw, 11, 21, position=1)
    assert joined(cats, replace(dogs, start=4, end=14)) is None


def test_pieces_go_through_json_and_the_cache() -> None:
    whole = cut_out("One. Two. Three.", 0, 16)
    every = sentences_of(whole)
    short = shortened(whole, [every[0], every[2]], all_of=every)
    assert short.pieces
    assert from_json(Passage, to_json(short)) == short
    assert decode(encode(short), Passage) == short
