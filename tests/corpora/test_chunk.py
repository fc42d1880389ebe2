from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpora.chunk import count_words, cut
from assay.corpora.headings import headings
from tests.corpora.doubles import document

PARAGRAPH = "One two three four. Five six seven eight."

text_lines = st.lists(
    st.sampled_from(
        [
            "",
            "Title",
            "=====",
            "# Head",
            "word " * 9,
            "   code x",
            "A b. C d!",
            "```",
            "東京都。",
            "-----",
        ]
    ),
    max_size=30,
).map("\n".join)


@given(text_lines, st.sampled_from(["plain", "markdown", "underlined"]), st.integers(0, 2))
@settings(max_examples=500)
def test_every_passage_is_the_text_at_its_offsets_and_none_is_blank(
    text: str, markup: str, overlap: int
) -> None:
    for passage in cut(document("d", text, markup=markup), max_words=20, overlap=overlap):
        assert text[passage.start : passage.end] == passage.text
        assert passage.text.strip()


@given(text_lines, st.sampled_from(["plain", "markdown", "underlined"]))
@settings(max_examples=500)
def test_passages_and_headings_hold_every_word_exactly_once(text: str, markup: str) -> None:
    covered = [0] * len(text)
    for passage in cut(document("d", text, markup=markup), max_words=20):
        for place in range(passage.start, passage.end):
            covered[place] += 1
    for heading in headings(text, markup):
        for place in range(heading.start, heading.end):
            covered[place] += 1
    assert all(count == 1 for sign, count in zip(text, covered, strict=True) if not sign.isspace())


@given(text_lines)
def test_no_passage_exceeds_the_budget_by_more_than_a_short_tail(text: str) -> None:
    for passage in cut(document("d", text), max_words=20):
        assert count_words(passage.text) <= 24


def test_headings_become_the_title_and_leave_the_text() -> None:
    text = "Top\n***\n\nIntro text.\n\nPart\n====\n\nBody text.\n\nDeep\n----\n\nMore.\n\nNext\n====\n\nEnd."
    found = cut(document("d", text, markup="underlined", title="Top"))
    assert [(one.title, one.text) for one in found] == [
        ("Top", "Intro text."),
        ("Top › Part", "Body text."),
        ("Top › Part › Deep", "More."),
        ("Top › Next", "End."),
    ]
    assert [one.id for one in found] == ["d#0", "d#1", "d#2", "d#3"]


def test_markdown_signs_inside_a_code_fence_are_no_headings() -> None:
    text = "# One\n\n```\n# comment\n\nx = 1\n```\n\nTwo\n---\n\nText."
    assert [one.title for one in headings(text, "markdown")] == ["One", "Two"]
    code = cut(document("d", text, markup="markdown"))[0]
    assert code.text == "```\n# comment\n\nx = 1\n```"


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
    found = headings(text, markup)
    assert [(one.title, one.level) for one in found] == [("One", 1), ("Two", 1)]
    assert found[0].end == found[1].start
    assert text[found[1].end :] == "text"


def test_a_paragraph_within_the_budget_is_never_split() -> None:
    paragraphs = ["w " * 15 + str(n) for n in range(5)]
    found = cut(document("d", "\n\n".join(paragraphs)), max_words=20)
    assert [one.text for one in found] == paragraphs


def test_code_moves_with_the_paragraph_that_introduces_it() -> None:
    text = "w " * 9 + "end.\n\nFor example:\n\n   " + "c " * 12 + "c"
    found = cut(document("d", text), max_words=20)
    assert found[0].text == "w " * 9 + "end."
    assert found[1].text.startswith("For example:")


def test_a_long_paragraph_is_split_by_sentences() -> None:
    text = " ".join(f"Sentence {n} has exactly six words." for n in range(8))
    found = cut(document("d", text), max_words=20)
    assert all(one.text.endswith(".") and one.text.startswith("Sentence") for one in found)


def test_a_sentence_over_the_budget_is_split_by_words() -> None:
    found = cut(document("d", "w " * 50), max_words=20)
    assert [count_words(one.text) for one in found] == [20, 20, 10]


def test_a_short_tail_joins_the_passage_before() -> None:
    assert len(cut(document("d", "w " * 19 + "\n\nshort tail"), max_words=20)) == 1
    assert len(cut(document("d", "w " * 19 + "\n\nthis tail is too long"), max_words=20)) == 2


def test_overlap_repeats_the_last_sentence_before() -> None:
    text = (
        f"{PARAGRAPH} A b c d e.\n\nIt goes on with quite a few words until the budget is used up."
    )
    found = cut(document("d", text), max_words=20, overlap=1)
    assert found[1].text.startswith("A b c d e.")
    assert text[found[1].start : found[1].end] == found[1].text


def test_a_continued_definition_carries_its_term() -> None:
    text = "str.join(it)\n\n   " + "w " * 15 + "\n\n   " + "v " * 15
    found = cut(document("d", text, title="Top"), max_words=20)
    assert [one.title for one in found] == ["Top", "Top › str.join(it)"]


def test_a_whole_document_is_one_passage_under_its_own_id() -> None:
    (only,) = cut(document("d", "# a\n\n" + "w " * 500, whole=True, markup="markdown"))
    assert only.id == "d"
    assert only.text == "# a\n\n" + "w " * 500


def test_the_same_section_gives_the_same_passages_wherever_it_stands() -> None:
    body = "\n\n".join("w " * 14 + str(n) for n in range(6))
    alone = cut(document("a", f"Part\n****\n\n{body}", markup="underlined"))
    inside = cut(document("b", f"All\n***\n\nHello.\n\nPart\n====\n\n{body}", markup="underlined"))
    assert [one.text for one in inside[1:]] == [one.text for one in alone]
