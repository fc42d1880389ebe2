from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpora.block import Block
from assay.corpora.chunkers.by_rows import ByRows
from assay.corpora.chunkers.by_sentences import BySentences
from assay.corpora.chunkers.by_structure import ByStructure
from assay.corpora.chunkers.making import ChunkerName, make_chunker
from assay.corpora.chunkers.spans import count_words
from assay.corpora.document import Document
from assay.corpora.markup import MARKUPS, blocks_of
from assay.corpora.passages import passages_of
from assay.pipeline.words import Passage, Scope
from tests.corpora.test_markup import TEXTS

NAMES: tuple[ChunkerName, ...] = ("structure", "sentences", "tokens", "rows")
CHUNKERS = st.sampled_from(NAMES)


def document(text: str, **more: object) -> Document:
    return Document(**{"id": "d", "text": text, "scope": Scope("local"), **more})  # type: ignore[arg-type]


def cut(made: Document, max_words: int = 120, overlap: int = 0) -> list[Passage]:
    return passages_of(made, ByStructure(max_words, overlap=overlap))


def letters(text: str) -> str:
    return "".join(sign for sign in text if sign.isalpha())


@given(TEXTS, st.sampled_from(MARKUPS), CHUNKERS, st.integers(0, 2))
@settings(max_examples=300)
def test_every_passage_is_the_text_at_its_offsets_and_none_is_blank(
    text: str, markup: str, name: ChunkerName, overlap: int
) -> None:
    made = document(text, markup=markup)
    found = passages_of(made, make_chunker(name, max_words=20, overlap=overlap))
    for number, passage in enumerate(found):
        assert text[passage.start : passage.end] == passage.text
        assert passage.text.strip()
        assert (passage.id, passage.position) == (f"d#{number}", number)


@given(TEXTS, st.sampled_from(MARKUPS), CHUNKERS)
@settings(max_examples=300)
def test_passages_and_the_headings_in_their_titles_hold_every_word_exactly_once(
    text: str, markup: str, name: ChunkerName
) -> None:
    covered = [0] * len(text)
    found = passages_of(document(text, markup=markup), make_chunker(name, max_words=20))
    for passage in found:
        for place in range(passage.start, passage.end):
            covered[place] += 1
    for block in blocks_of(text, markup):
        if block.kind == "heading" and not any(covered[block.start : block.end]):
            words = letters(text[block.start : block.end])
            assert any(words in letters(passage.title) for passage in found)
            covered[block.start : block.end] = [1] * (block.end - block.start)
    assert all(count == 1 for sign, count in zip(text, covered, strict=True) if not sign.isspace())


@given(TEXTS)
def test_no_passage_exceeds_the_budget_by_more_than_a_short_tail(text: str) -> None:
    for passage in cut(document(text), max_words=20):
        assert count_words(passage.text) <= 24


def test_a_passage_has_what_its_document_says() -> None:
    made = document("Text.", title="T", source="s", tier="gold", metadata={"year": 3})
    (only,) = cut(made)
    assert only.metadata == {"source": "s", "tier": "gold", "year": 3}
    assert (only.document_id, only.title, only.scope) == ("d", "T", Scope("local"))
    (own,) = cut(document("Text.", source="s", metadata={"source": "own"}))
    assert own.metadata == {"source": "own"}


def test_headings_become_the_title_and_leave_the_text() -> None:
    text = "Top\n***\n\nIntro text.\n\nPart\n====\n\nBody text.\n\nDeep\n----\n\nMore.\n\nNext\n====\n\nEnd."
    found = cut(document(text, markup="underlined", title="Top"))
    assert [(one.title, one.text) for one in found] == [
        ("Top", "Intro text."),
        ("Top › Part", "Body text."),
        ("Top › Part › Deep", "More."),
        ("Top › Next", "End."),
    ]
    assert [one.id for one in found] == ["d#0", "d#1", "d#2", "d#3"]


def test_a_heading_that_its_passage_goes_beyond_stays_in_the_text() -> None:
    made = document("# A\n\na.\n\n# B\n\nb.", markup="markdown")
    (one,) = passages_of(made, BySentences())
    assert (one.title, one.text) == ("", made.text)


def test_a_heading_with_nothing_below_it_is_text() -> None:
    found = cut(document("# A\n\n# B\n\nb.", markup="markdown"))
    assert [(one.title, one.text) for one in found] == [("A", "# A"), ("B", "b.")]


def test_a_heading_too_long_for_a_title_is_text() -> None:
    (one,) = cut(document(f"# {'long ' * 60}\n\nb.", markup="markdown"))
    assert one.text.startswith("# long") and one.text.endswith("b.")
    assert len(one.title) <= 200


def test_the_same_section_gives_the_same_passages_wherever_it_stands() -> None:
    body = "\n\n".join("w " * 14 + str(n) for n in range(6))
    alone = cut(document(f"Part\n****\n\n{body}", markup="underlined"), max_words=20)
    above = "All the rest of it\n******************\n\nWithin the second\n=================\n\n"
    inside = cut(document(f"{above}Part\n----\n\n{body}", markup="underlined"), max_words=20)
    assert [one.text for one in inside] == [one.text for one in alone]


def test_a_paragraph_within_the_budget_is_never_split() -> None:
    paragraphs = ["w " * 15 + str(n) for n in range(5)]
    found = cut(document("\n\n".join(paragraphs)), max_words=20)
    assert [one.text for one in found] == paragraphs


def test_code_moves_with_the_paragraph_that_introduces_it_and_keeps_its_indent() -> None:
    text = "w " * 9 + "end.\n\nFor example:\n\n   " + "c " * 12 + "c"
    found = cut(document(text), max_words=20)
    assert found[0].text == "w " * 9 + "end."
    assert found[1].text.startswith("For example:\n\n   c c")
    first = cut(document("w " * 20 + "\n\n   if x:\n      " + "y " * 20), max_words=22)[1]
    assert first.text.startswith("   if x:\n      y")


def test_a_long_paragraph_is_split_by_sentences() -> None:
    text = " ".join(f"Sentence {n} has exactly six words." for n in range(8))
    found = cut(document(text), max_words=20)
    assert all(one.text.endswith(".") and one.text.startswith("Sentence") for one in found)


def test_a_sentence_over_the_budget_is_split_by_words() -> None:
    found = cut(document("w " * 50), max_words=20)
    assert [count_words(one.text) for one in found] == [20, 20, 10]


def test_a_continued_definition_carries_its_term() -> None:
    text = "str.join(it)\n\n   " + "w " * 15 + "\n\n   " + "v " * 15
    found = cut(document(text, title="Top"), max_words=20)
    assert [one.title for one in found] == ["Top", "Top › str.join(it)"]


@pytest.mark.parametrize("line", ["It ends.", "As follows:", "one\ntwo", "- an item", "x" * 201])
def test_a_line_that_is_no_term_is_not_taken_for_one(line: str) -> None:
    text = f"{line}\n\n   " + "w " * 15 + "\n\n   " + "v " * 15
    found = cut(document(text, title="Top", markup="markdown"), max_words=17)
    assert {one.title for one in found} == {"Top"}


def test_a_term_is_not_carried_over_a_heading() -> None:
    text = "term\n\n   said.\n\nPart\n====\n\n   indented"
    assert [one.title for one in cut(document(text, markup="underlined"))] == ["", "Part"]


TABLE = "| Name | Born |\n|---|---|\n| Ada | 1815 |\n| Alan | 1912 |\n\nAfter."


def test_a_row_that_is_cut_off_its_table_carries_the_names_of_the_columns() -> None:
    found = passages_of(document(TABLE, markup="markdown", title="T"), ByRows(rows=1))
    assert [(one.title, one.text) for one in found] == [
        ("T", "| Name | Born |\n|---|---|"),
        ("T › Name | Born", "| Ada | 1815 |"),
        ("T › Name | Born", "| Alan | 1912 |"),
        ("T", "After."),
    ]


def test_the_head_of_a_drawn_table_is_its_first_row_and_not_its_border() -> None:
    row = "+---+---+\n| a | b |\n{}\n| 1 | 2 |\n+---+---+\n| 3 | 4 |\n+---+---+"
    for under, title in (("|===|===|", "a | b"), ("+---+---+", "")):
        made = document(row.format(under), markup="underlined")
        assert passages_of(made, ByRows())[-1].title == title


def test_a_whole_document_is_one_passage_under_its_own_id() -> None:
    (only,) = cut(document("# a\n\n" + "w " * 500, whole=True, markup="markdown", title="T"))
    assert (only.id, only.title, only.start) == ("d", "T", 0)
    assert only.text == "# a\n\n" + "w " * 500


def test_the_blocks_of_a_document_count_more_than_its_markup() -> None:
    made = document("# not a heading\nrow", markup="markdown")
    blocks = (Block(0, 15, "paragraph"), Block(16, 19, "table_row"))
    by_blocks = passages_of(document(made.text, markup="markdown", blocks=blocks), ByRows())
    assert [one.text for one in by_blocks] == ["# not a heading", "row"]
    assert [one.text for one in passages_of(made, ByRows())] == ["row"]
