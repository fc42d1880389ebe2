from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.block import Kind
from assay.corpora.chunkers.by_structure import ByStructure
from assay.corpora.document import Document
from assay.corpora.loaders.documents import LONGEST_LABEL, ROW_WORDS, documents_of
from assay.corpora.loaders.loaded import Loaded, TextBuilder
from assay.corpora.markup import blocks_of
from assay.corpora.passages import passages_of
from assay.pipeline.words import Passage, Scope

LOCAL = Scope("local")


def cut(document: Document, max_words: int = 120) -> list[Passage]:
    return passages_of(document, ByStructure(max_words))


def documents(loaded: Loaded, **more: str) -> list[Document]:
    return list(documents_of(loaded, file="a.pdf", name="a.pdf", scope=LOCAL, **more))


def loaded_of(*blocks: tuple[str, Kind, int, dict[str, str | int]], **more: object) -> Loaded:
    made = TextBuilder()
    for text, kind, level, place in blocks:
        made.add(text, kind, level=level, place=place)
    return Loaded(made.text, made.blocks, **more)  # type: ignore[arg-type]


def test_a_text_without_places_is_one_document_as_it_is() -> None:
    (one,) = documents(loaded_of(("Loans", "heading", 1, {}), ("Three weeks.", "paragraph", 0, {})))
    assert (one.id, one.text, one.title) == ("a.pdf", "# Loans\n\nThree weeks.", "Loans")
    assert one.metadata == {"file": "a.pdf", "title": "Loans"}
    assert one.markup == "markdown"


def test_a_file_without_title_and_heading_is_called_by_its_name() -> None:
    (one,) = documents(Loaded("Three weeks.", ()), markup="plain")
    assert (one.title, one.markup) == ("a.pdf", "plain")


def test_each_page_is_a_document_that_names_it_in_id_and_metadata() -> None:
    found = documents(
        loaded_of(
            ("First.", "paragraph", 0, {"page": 1}),
            ("Second.", "paragraph", 0, {"page": 2}),
            ("More.", "paragraph", 0, {"page": 2}),
            title="Report",
            metadata={"author": "Ada"},
        )
    )
    assert [(one.id, one.text) for one in found] == [
        ("a.pdf#page=1", "First."),
        ("a.pdf#page=2", "Second.\n\nMore."),
    ]
    assert found[1].metadata == {"file": "a.pdf", "title": "Report", "author": "Ada", "page": 2}


def test_a_paragraph_over_a_page_break_names_both_pages_and_a_printed_number_is_kept() -> None:
    (one,) = documents(
        loaded_of(
            ("First.", "paragraph", 0, {"page": 3, "label": "iii"}),
            ("Goes on.", "paragraph", 0, {"page": 3, "label": "iii", "last_page": 4}),
        )
    )
    assert {key: one.metadata[key] for key in ("page", "label", "last_page")} == {
        "page": 3,
        "label": "iii",
        "last_page": 4,
    }


def test_text_before_the_first_place_goes_with_it() -> None:
    (one,) = documents(
        loaded_of(("Before.", "paragraph", 0, {}), ("On it.", "paragraph", 0, {"slide": 1}))
    )
    assert (one.id, one.text) == ("a.pdf#slide=1", "Before.\n\nOn it.")


def test_headings_are_carried_over_a_page_break_in_the_title_not_in_the_text() -> None:
    found = documents(
        loaded_of(
            ("Loans", "heading", 1, {"page": 1}),
            ("Abroad", "heading", 2, {"page": 1}),
            ("One.", "paragraph", 0, {"page": 1}),
            ("Two.", "paragraph", 0, {"page": 2}),
            ("At home", "heading", 2, {"page": 3}),
            ("Three.", "paragraph", 0, {"page": 3}),
            title="Manual",
        )
    )
    assert [one.title for one in found] == ["Manual", "Manual › Loans › Abroad", "Manual › Loans"]
    passages = [passage for one in found for passage in cut(one)]
    assert [(one.title, one.text) for one in passages] == [
        ("Manual › Loans › Abroad", "One."),
        ("Manual › Loans › Abroad", "Two."),
        ("Manual › Loans › At home", "Three."),
    ]


def test_a_heading_in_the_middle_of_a_page_ends_the_chapter_above() -> None:
    found = documents(
        loaded_of(
            ("Old", "heading", 1, {"page": 1}),
            ("One.", "paragraph", 0, {"page": 1}),
            ("Two.", "paragraph", 0, {"page": 2}),
            ("New", "heading", 1, {"page": 2}),
            ("Three.", "paragraph", 0, {"page": 2}),
            title="Manual",
        )
    )
    assert [one.id for one in found] == ["a.pdf#page=1", "a.pdf#page=2", "a.pdf#page=2&part=2"]
    assert [one.metadata["page"] for one in found] == [1, 2, 2]
    titles = [passage.title for one in found for passage in cut(one)]
    assert titles == ["Manual › Old", "Manual › Old", "Manual › New"]


def test_a_page_of_nothing_but_a_heading_is_still_found() -> None:
    found = documents(
        loaded_of(
            ("Annual report", "heading", 1, {"page": 1}),
            ("Preface", "heading", 1, {"page": 2}),
            ("Dear all.", "paragraph", 0, {"page": 2}),
        )
    )
    texts = [passage.text for one in found for passage in cut(one)]
    assert texts == ["# Annual report", "Dear all."]


def test_a_heading_alone_whose_text_begins_on_the_next_page_is_in_its_title() -> None:
    found = documents(
        loaded_of(
            ("One.", "paragraph", 0, {"page": 1}),
            ("Loans", "heading", 1, {"page": 2}),
            ("Three weeks.", "paragraph", 0, {"page": 3}),
        )
    )
    assert [(one.id, one.text) for one in found] == [
        ("a.pdf#page=1", "One."),
        ("a.pdf#page=3", "Three weeks."),
    ]
    assert found[1].title.endswith("Loans")


def test_rows_are_grouped_and_each_group_is_a_passage_that_names_its_cells() -> None:
    rows = [
        (f"Region: R{n}; Sales: {' '.join(['many'] * 10)}", "table_row", 0,
         {"sheet": "Q1", "cells": f"A{n}:F{n}"})
        for n in range(2, 40)
    ]  # fmt: skip
    found = documents(loaded_of(("Q1", "heading", 1, {"sheet": "Q1"}), *rows))  # type: ignore[arg-type]
    assert len(found) > 3
    assert found[0].id == "a.pdf#sheet=Q1&cells=A2:F8"
    assert found[0].metadata["cells"] == "A2:F8" and found[0].metadata["sheet"] == "Q1"
    assert found[0].title.endswith("Q1")
    for one in found:
        (passage,) = cut(one, max_words=20)
        assert passage.text == one.text
        assert len(one.text.split()) <= ROW_WORDS + 20
    said = "\n".join(one.text for one in found)
    assert said == "\n".join(row[0] for row in rows)
    tops = [int(str(one.metadata["cells"]).split(":")[0][1:]) for one in found]
    ends = [int(str(one.metadata["cells"]).split(":")[1][1:]) for one in found]
    assert all(end + 1 == top for end, top in zip(ends, tops[1:], strict=False))
    assert (tops[0], ends[-1]) == (2, 39)


def test_one_endless_row_is_cut_all_the_same() -> None:
    row = "Note: " + "word " * 1000
    (one,) = documents(loaded_of((row, "table_row", 0, {"sheet": "Q1", "cells": "A2:B2"})))
    assert not one.whole
    assert len(cut(one)) > 5


def test_rows_of_a_table_without_cells_stay_on_their_page() -> None:
    (one,) = documents(
        loaded_of(
            ("Prices.", "paragraph", 0, {"page": 1}),
            ("Soup: 3", "table_row", 0, {"page": 1}),
            ("Bread: 1", "table_row", 0, {"page": 1}),
        )
    )
    assert one.text == "Prices.\n\nSoup: 3\nBread: 1"


def test_lines_of_a_table_are_named_from_the_first_to_the_last() -> None:
    (one,) = documents(
        loaded_of(
            ("Name: a", "table_row", 0, {"line": 2}), ("Name: b", "table_row", 0, {"line": 3})
        )
    )
    assert (one.id, one.metadata["line"], one.metadata["last_line"]) == ("a.pdf#line=2", 2, 3)


def test_a_record_keeps_its_own_id_and_is_not_cut_where_it_is_whole() -> None:
    (one,) = documents(Loaded("word " * 500, (), id="r#7", whole=True))
    assert (one.id, one.title) == ("a.pdf#r%237", "")
    assert len(cut(one)) == 1


def test_names_of_sheets_cannot_forge_another_place() -> None:
    (one,) = documents(loaded_of(("x", "paragraph", 0, {"sheet": "a#b&page=3\n"})))
    assert one.id == "a.pdf#sheet=a%23b%26page=3%0A"


def test_labels_are_flat_and_a_file_cannot_say_where_it_lies() -> None:
    metadata: dict[str, str | float | bool] = {
        "file": "../other",
        "ratio": float("nan"),
        "note": "x" * 9999,
        "ok": True,
        "e": " ",
    }
    (one,) = documents(Loaded("text", (), metadata=metadata))
    assert one.metadata["file"] == "a.pdf"
    assert one.metadata["own_file"] == "../other"
    assert "ratio" not in one.metadata and "e" not in one.metadata
    assert len(str(one.metadata["note"])) == LONGEST_LABEL


def test_half_characters_become_the_sign_for_unknown() -> None:
    (one,) = documents(Loaded("a\ud800b", (), title="t\udfff"))
    assert (one.text, one.title) == ("a\ufffdb", "t\ufffd")


def test_a_document_keeps_the_blocks_of_its_text_where_they_stand() -> None:
    layout: list[tuple[str, Kind, int, dict[str, str | int]]] = [
        ("Old", "heading", 1, {"page": 1}),
        ("One.", "paragraph", 0, {"page": 1}),
        ("x: 1", "table_row", 0, {"page": 2}),
        ("y: 2", "table_row", 0, {"page": 2}),
        ("so = 1", "code", 0, {"page": 2}),
    ]
    said = [
        [(one.kind, document.text[one.start : one.end]) for one in document.blocks]
        for document in documents(loaded_of(*layout))
    ]
    assert said == [
        [("heading", "# Old"), ("paragraph", "One.")],
        [("table_row", "x: 1"), ("table_row", "y: 2"), ("code", "so = 1")],
    ]


def test_a_text_that_is_that_of_its_file_says_its_lines() -> None:
    text = "# Loans\r\n\r\nThree weeks.\r\n\r\n"
    (one,) = documents(Loaded(text, tuple(blocks_of(text, "markdown"))))
    assert (one.metadata["line"], one.metadata["last_line"]) == (1, 3)
    (other,) = documents(loaded_of(("Three weeks.", "paragraph", 0, {"line": 40})))
    assert "line" not in other.metadata


def test_the_columns_of_a_file_of_rows_stand_in_a_row_too() -> None:
    head, row = documents(
        loaded_of(
            ("rows.csv", "heading", 1, {}),
            ("Sales of May", "paragraph", 0, {"row": 1}),
            ("Columns: a; b", "caption", 0, {"row": 3}),
            ("a: 1; b: 2", "table_row", 0, {"row": 4}),
        )
    )
    assert (head.metadata["row"], head.metadata["last_row"], row.metadata["row"]) == (1, 3, 4)


def test_a_text_of_white_space_is_no_document() -> None:
    assert documents(Loaded(" \n", ())) == []


BLOCKS = st.lists(
    st.tuples(
        st.sampled_from(["heading", "paragraph", "table_row"]),
        st.integers(1, 3),
        st.integers(0, 2),
        st.booleans(),
    ),
    min_size=1,
    max_size=14,
)


@given(BLOCKS)
def test_every_word_of_any_layout_is_in_a_passage_or_its_title_and_ids_differ(
    layout: list[tuple[Kind, int, int, bool]],
) -> None:
    made = TextBuilder()
    page = 1
    for number, (kind, level, step, has_cells) in enumerate(layout):
        page += step
        place: dict[str, str | int] = {"page": page} if number else {}
        if has_cells:
            place["cells"] = f"A{number}"
        made.add(f"word{number}x", kind, level=level, place=place)
    found = documents(Loaded(made.text, made.blocks, title="T"))
    assert len({one.id for one in found}) == len(found)
    for before, after in pairwise(one.metadata.get("page", 1) for one in found):
        assert before <= after  # type: ignore[operator]
    said = " ".join(f"{one.title} {one.text}" for one in found)
    for number in range(len(layout)):
        assert f"word{number}x" in said
