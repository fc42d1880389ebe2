from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.markup import MARKUPS, blocks_of, first_heading, heading_title
from assay.pipeline.errors import DataError

LINES = [
    "", "Title", "=====", "# Head", "## ", "word " * 9, "   code x", "A b. C d!", "```", "東京都。", "-----",
    "- item", "2) item", "| a | b |", "|---|---|", "+---+", "***", "\tx", "term\n   said",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(LINES), max_size=30).map("\n".join)


def headings(text: str, markup: str) -> list[tuple[str, int]]:
    return [
        (heading_title(text[one.start : one.end]), one.level)
        for one in blocks_of(text, markup)
        if one.kind == "heading"
    ]


@given(TEXTS, st.sampled_from(MARKUPS))
def test_blocks_are_in_order_and_hold_all_that_is_not_white_space(text: str, markup: str) -> None:
    done = 0
    for block in blocks_of(text, markup):
        assert not text[done : block.start].strip()
        assert text[block.start : block.end].strip()
        done = block.end
    assert not text[done:].strip()


def test_markdown_signs_inside_a_code_fence_are_no_headings() -> None:
    text = "# One\n\n```\n# comment\n\nx = 1\n```\n\nTwo\n---\n\nText."
    assert headings(text, "markdown") == [("One", 1), ("Two", 2)]
    code = next(one for one in blocks_of(text, "markdown") if one.kind == "code")
    assert text[code.start : code.end] == "```\n# comment\n\nx = 1\n```"


def test_front_matter_is_no_heading() -> None:
    assert headings("---\ntitle: x\n---\n\ntext", "markdown") == []


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("underlined", "One\n=====\nTwo\n=====\ntext"),
        ("underlined", "=====\nOne\n=====\n=====\nTwo\n=====\ntext"),
        ("markdown", "One\n===\nTwo\n===\ntext"),
        ("markdown", "# One\nTwo\n===\ntext"),
    ],
)
def test_a_heading_may_follow_a_heading_at_once(markup: str, text: str) -> None:
    assert headings(text, markup) == [("One", 1), ("Two", 1)]


def test_styles_of_underlined_headings_are_levels_in_the_order_they_are_met() -> None:
    text = "Top\n***\n\nPart\n====\n\nDeep\n----\n\nNext\n====\n\nx"
    assert headings(text, "underlined") == [("Top", 1), ("Part", 2), ("Deep", 3), ("Next", 2)]


def test_a_line_that_begins_with_a_number_is_no_item_inside_a_paragraph() -> None:
    text = 'they are equal ("range(0, 3,\n2) == range(0, 4, 2)").\n\n1. One\n2. Two'
    kinds = [(one.kind, text[one.start : one.end]) for one in blocks_of(text, "underlined")]
    assert [kind for kind, _ in kinds] == ["paragraph", "list", "list"]


def test_plain_text_has_paragraphs_and_no_headings() -> None:
    found = blocks_of("# a\n=====\n\nb", "plain")
    assert [(one.kind, one.start, one.end) for one in found] == [
        ("paragraph", 0, 9),
        ("paragraph", 11, 12),
    ]


def test_the_first_heading_is_the_title_of_a_text() -> None:
    text = "before\n\n# One\n\n# Two"
    assert first_heading(text, blocks_of(text, "markdown")) == "One"
    assert first_heading(text, blocks_of(text, "plain")) == ""


def test_an_unknown_markup_is_named() -> None:
    with pytest.raises(DataError, match="unknown markup 'latex'; expected plain, markdown"):
        blocks_of("", "latex")


def test_a_text_of_very_many_lines_is_cut_at_blank_lines_only() -> None:
    text = "# a\n" * 500_001
    assert {one.kind for one in blocks_of(text, "markdown")} == {"paragraph"}
