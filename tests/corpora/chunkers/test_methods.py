"""What each chunker does that the others do not."""

from __future__ import annotations

import pytest
from hypothesis import given

from assay.corpora.block import Block
from assay.corpora.chunkers.by_rows import ByRows
from assay.corpora.chunkers.by_sentences import BySentences
from assay.corpora.chunkers.by_structure import ByStructure
from assay.corpora.chunkers.by_tokens import ByTokens
from assay.corpora.document import Document
from assay.pipeline.errors import UsageError
from tests.corpora.chunkers.documents import document, documents, made, texts, word_offsets


@given(written=documents())
def test_a_chunk_by_structure_has_headings_at_its_head_only(written: Document) -> None:
    for one in ByStructure(20, overlap=2).cut(written):
        inside = [each for each in written.blocks if one.start < each.end and each.start < one.end]
        is_heading = [each.kind == "heading" for each in inside]
        assert is_heading == sorted(is_heading, reverse=True)


def test_an_introduction_moves_along_with_what_it_introduces() -> None:
    written = made(
        ("paragraph", "one two three four five six."),
        ("paragraph", "As follows:"),
        ("list", "- a b c d"),
    )
    assert texts(written, ByStructure(10, slack=0).cut(written)) == [
        "one two three four five six.",
        "As follows:\n\n- a b c d",
    ]


def test_a_heading_is_kept_with_a_paragraph_that_fills_the_budget() -> None:
    written = made(("heading", "# H"), ("paragraph", "w " * 10), ("paragraph", "v " * 10))
    assert texts(written, ByStructure(10).cut(written)) == [
        "# H\n\n" + ("w " * 10).strip(), ("v " * 10).strip(),
    ]  # fmt: skip


def test_a_short_tail_joins_the_chunk_before() -> None:
    written = made(("paragraph", "w " * 10), ("paragraph", "the end"))
    assert len(ByStructure(10).cut(written)) == 1
    assert len(ByStructure(10, slack=1).cut(written)) == 2


def test_overlap_repeats_sentences_under_the_same_heading_within_the_budget() -> None:
    written = made(
        ("paragraph", "One two. Three four. Five six."),
        ("paragraph", "Seven eight."),
        ("heading", "# New"),
        ("paragraph", "Nine."),
    )
    assert texts(written, ByStructure(6, overlap=1, slack=0).cut(written)) == [
        "One two. Three four. Five six.",
        "Five six.\n\nSeven eight.",
        "# New\n\nNine.",
    ]


def test_sentences_of_two_paragraphs_share_a_chunk_and_headings_move_along() -> None:
    written = made(("paragraph", "One two three."), ("heading", "# H"), ("paragraph", "Four five."))
    assert texts(written, BySentences(5, slack=0).cut(written)) == [
        "One two three.",
        "# H\n\nFour five.",
    ]


def test_a_window_of_tokens_repeats_tokens_of_the_one_before() -> None:
    written = made(("paragraph", "a b c d"), ("paragraph", "e f g"))
    assert texts(written, ByTokens(word_offsets, 4, overlap=2).cut(written)) == [
        "a b c d",
        "c d\n\ne f",
        "e f g",
    ]


def test_a_character_of_several_tokens_is_never_parted() -> None:
    def offsets(text: str) -> list[tuple[int, int]]:
        return [(0, 0)] + [(n, n + 1) for n in range(len(text)) for _ in range(3)] + [(0, 0)]

    written = document("abcd")
    assert texts(written, ByTokens(offsets, 7).cut(written)) == ["ab", "cd"]
    assert texts(written, ByTokens(offsets, 2).cut(written)) == ["a", "b", "c", "d"]


def test_text_that_no_token_covers_is_not_lost() -> None:
    written = document("ab cd")
    assert texts(written, ByTokens(lambda _: [(1, 2), (4, 5)], 1).cut(written)) == ["ab c", "d"]
    assert texts(written, ByTokens(lambda _: [], 1).cut(written)) == ["ab cd"]


@pytest.mark.parametrize("bad", [[(0, 9)], [(2, 3), (0, 1)], [(3, 2)], [(-1, 1)]])
def test_offsets_that_are_not_those_of_tokens_are_refused(bad: list[tuple[int, int]]) -> None:
    with pytest.raises(UsageError, match="expected tokens in order"):
        ByTokens(lambda _: bad, 2).cut(document("abcde"))


TABLE = made(
    ("paragraph", "Intro words."),
    ("heading", "# People"),
    ("table_row", "Name: Ada"),
    ("table_row", "Name: Bob"),
    ("table_row", "Name: Cyd"),
    ("paragraph", "After."),
)


def test_each_row_is_a_chunk_and_a_heading_stays_with_the_first() -> None:
    found = ByRows().cut(TABLE)
    assert texts(TABLE, found) == [
        "Intro words.", "# People\n\nName: Ada", "Name: Bob", "Name: Cyd", "After.",
    ]  # fmt: skip
    assert [one.heading_path for one in found] == [()] + [("People",)] * 4


def test_rows_are_packed_with_overlap() -> None:
    assert texts(TABLE, ByRows(rows=2, overlap=1).cut(TABLE))[1:3] == [
        "# People\n\nName: Ada\nName: Bob",
        "Name: Bob\nName: Cyd",
    ]


def test_rows_of_two_sheets_are_never_in_one_chunk() -> None:
    blocks = (
        Block(0, 1, "table_row", place={"sheet": "A"}),
        Block(2, 3, "table_row", place={"sheet": "B"}),
    )
    written = document("x y", *blocks)
    assert texts(written, ByRows(rows=9).cut(written)) == ["x", "y"]


def test_a_row_that_does_not_fit_behind_the_repeated_one_leaves_it_out() -> None:
    written = made(("table_row", "a"), ("table_row", "b"), ("table_row", "c d e"))
    assert texts(written, ByRows(3, rows=2, overlap=1).cut(written)) == ["a\nb", "c d e"]
