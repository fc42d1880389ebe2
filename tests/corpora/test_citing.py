"""A citation names the file and the place in it, down to page, cells and line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.chunkers.making import make_chunker
from assay.corpora.citing import lines, where
from assay.corpora.document import Document
from assay.corpora.loaders.documents import documents_of
from assay.corpora.loaders.folder import Files
from assay.corpora.loaders.loaded import Loaded
from assay.corpora.markup import MARKUPS, blocks_of
from assay.corpora.passages import passages_of
from assay.pipeline.words import Passage, Scalar, Scope
from tests.corpora.doubles import ask, corpus_at, index

LOCAL = Scope("local")
_LINE_ENDS = re.compile("\r\n|\r|\n")


def cited(name: str, text: str, markup: str, max_words: int = 20) -> Iterator[tuple[str, Passage]]:
    """What is said of each passage of a text file."""
    loaded = Loaded(text, tuple(blocks_of(text, markup)))
    for document in documents_of(loaded, file=name, name=name, scope=LOCAL, markup=markup):
        for passage in passages_of(document, make_chunker("structure", max_words=max_words)):
            yield where(passage, document), passage


def passage(**metadata: Scalar) -> Passage:
    return Passage("d#3", "d", "Soup.", LOCAL, start=7, end=12, metadata=metadata)


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ({"file": "a/report.pdf", "page": 3}, "a/report.pdf, page 3"),
        ({"file": "a.pdf", "page": 3, "last_page": 4}, "a.pdf, pages 3-4"),
        ({"file": "a.pdf", "page": 3, "label": "iii"}, "a.pdf, page 3 (printed iii)"),
        ({"file": "a.pdf", "page": 3, "label": "3"}, "a.pdf, page 3"),
        ({"file": "a.pptx", "slide": 2}, "a.pptx, slide 2"),
        ({"file": "b.xlsx", "sheet": "Q1", "cells": "A2:F9"}, "b.xlsx, sheet Q1, cells A2:F9"),
        ({"file": "a.csv", "row": 2, "last_row": 8}, "a.csv, rows 2-8"),
        ({"file": "a.json", "record": 2}, "a.json, record 2"),
        ({"file": "a.json", "path": "a.b", "last_path": "a.c"}, "a.json, paths a.b to a.c"),
        ({"file": "a.jsonl", "line": 2}, "a.jsonl, line 2"),
        ({"file": "a.md", "line": 1, "last_line": 90}, "a.md, characters 7-12"),
        ({}, "d, characters 7-12"),
    ],
)
def test_the_labels_of_a_passage_say_its_place(labels: dict[str, Scalar], wanted: str) -> None:
    assert where(passage(**labels)) == wanted


def test_a_passage_that_is_its_document_has_its_lines_without_it() -> None:
    row = replace(passage(file="a.md", line=4, last_line=6), id="d")
    assert where(row) == "a.md, lines 4-6"


def test_a_place_without_a_number_is_told_by_its_headings() -> None:
    letter = replace(passage(file="in/letter.docx"), title="letter.docx › Loans › Fines")
    assert where(letter) == "in/letter.docx, under 'Loans › Fines'"
    assert where(replace(letter, title="letter.docx")) == "in/letter.docx, characters 7-12"


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    text = "# Loans\r\n\r\nThree weeks,\r\nno longer.\r\n\r\n## Fines\r\n\r\nNone.\r\n"
    assert [said for said, _ in cited("rules.md", text, "markdown")] == [
        "rules.md, lines 3-4",
        "rules.md, line 8",
    ]


def test_the_part_of_a_sentence_selector_is_told_by_its_own_lines() -> None:
    text = "One is here.\nTwo is there.\nThree is gone.\n"
    document = Document("d", text, LOCAL, metadata={"file": "a.txt", "line": 1, "last_line": 3})
    part = Passage("d#0", "d", "Two is there.", LOCAL, start=13, end=26, metadata=document.metadata)
    assert where(part, document) == "a.txt, line 2"


def test_rows_below_text_in_one_file_are_told_by_their_lines() -> None:
    rows = "\n".join(f"| town {n} | {'many words ' * 4}|" for n in range(20))
    text = f"Intro.\n\n| Town | What |\n|---|---|\n{rows}\n\nOutro.\n"
    found = [said for said, _ in cited("t.md", text, "markdown", max_words=120)]
    assert found[0] == "t.md, line 1"
    assert found[-1] == "t.md, line 26"
    spans = [[int(one) for one in re.findall(r"\d+", said)] for said in found[1:-1]]
    assert spans[0][0] == 3 and spans[-1][-1] == 24
    assert all(before[-1] + 1 == after[0] for before, after in pairwise(spans))


def test_text_that_is_not_lines_of_the_file_is_not_counted_in_lines() -> None:
    record = Document("d", "One.\n\nTwo.\n\nThree.", LOCAL, metadata={"file": "a.jsonl", "line": 7})
    last = passages_of(record, make_chunker("structure", max_words=1))[-1]
    assert lines(last, record) is None
    assert where(last, record) == "a.jsonl, line 7"


TEXTS = st.lists(
    st.sampled_from(
        [
            "a b c.",
            "# Head",
            "Title\n=====",
            "",
            " ",
            "- item",
            "| x | y |",
            "|---|---|",
            "```",
            "  in",
        ]
    ),
    max_size=25,
)


@given(TEXTS, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(MARKUPS), st.integers(1, 30))
def test_the_lines_that_are_named_hold_the_passage_and_no_line_more(
    rows: list[str], end: str, markup: str, max_words: int
) -> None:
    text = end.join(row.replace("\n", end) for row in rows)
    file = _LINE_ENDS.split(text)
    for said, one in cited("a.txt", text, markup, max_words):
        numbers = [int(number) for number in re.findall(r"\d+", said)]
        named = file[numbers[0] - 1 : numbers[-1]]
        wanted = _LINE_ENDS.split(one.text.rstrip())
        assert len(named) == len(wanted)
        assert all(part in line for part, line in zip(wanted, named, strict=True))


for library in ("docx", "fpdf", "lxml", "openpyxl", "pptx", "pypdfium2", "charset_normalizer"):
    pytest.importorskip(library)

from tests.corpora.loaders.kinds_folder import Put, write_all  # noqa: E402


def said_of(folder: Path, max_words: int) -> dict[str, str]:
    """Each passage's text with its citation, by way of a corpus that was closed and opened."""
    files = list(Files([folder], scope=LOCAL))
    index(corpus_at(folder.parent / "index", max_words=max_words), files)
    corpus = corpus_at(folder.parent / "index", max_words=max_words)
    corpus.start()
    found = {
        " ".join(one.text.split()): where(one, corpus.document(one.document_id, ask("any")))
        for one in corpus.every_passage()
    }
    corpus.close()
    return found


def test_a_word_file_is_cited_by_paragraphs_and_rows(tmp_path: Path) -> None:
    import docx

    made = docx.Document()
    made.add_heading("Loans", 1)
    made.add_paragraph("A loan lasts three weeks for every reader of the house, young or old.")
    made.add_paragraph("It can be renewed twice, at the desk, by telephone, or by a letter to us.")
    made.add_heading("Fines", 1)
    table = made.add_table(rows=0, cols=2)
    for number, row in enumerate((("Delay", "Fine"), ("a day", "nothing"), ("a week", "1.50"))):
        table.add_row()
        for cell, text in zip(table.rows[number].cells, row, strict=True):
            cell.text = text
    (tmp_path / "docs").mkdir()
    made.save(str(tmp_path / "docs" / "rules.docx"))
    found = said_of(tmp_path / "docs", max_words=20)
    first = next(said for text, said in found.items() if text.startswith("A loan"))
    second = next(said for text, said in found.items() if text.startswith("It can"))
    fines = next(said for text, said in found.items() if "1.50" in text)
    assert first == "rules.docx, under 'Loans', paragraph 2"
    assert second == "rules.docx, under 'Loans', paragraph 3"
    assert fines == "rules.docx, under 'Loans › Fines', table 1, rows 1-3"
    whole = said_of(tmp_path / "docs", max_words=60)
    assert "rules.docx, under 'Loans', paragraphs 2-3" in whole.values()


def test_a_web_page_is_cited_by_the_anchor_that_is_nearest_above(tmp_path: Path) -> None:
    long = "many words that go on and on about it until nobody reads them any more at all"
    page = (
        "<html><head><title>House</title></head><body><main><h1>Rules</h1><p>Welcome "
        f"{long}.</p><h2 id='loans'>Loans</h2><p>Three weeks {long}.</p><p>Renewal {long}.</p>"
        f"<h2 id='odd\x07'>Fines</h2><p>None {long}.</p></main></body></html>"
    )
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "rules.html").write_text(page, encoding="utf-8")
    found = said_of(tmp_path / "docs", max_words=25)
    told = {text.split()[0]: said for text, said in found.items()}
    assert told["Welcome"] == "rules.html, under 'House › Rules'"
    assert told["Three"] == told["Renewal"] == "rules.html, under 'House › Rules › Loans', #loans"
    assert told["None"] == "rules.html, under 'House › Rules › Fines'"


def test_every_sentence_of_every_kind_is_cited_to_its_place(tmp_path: Path) -> None:
    put = write_all(tmp_path / "docs")
    chunker = make_chunker("structure")
    found = [
        (" ".join(one.text.split()), where(one, document))
        for document in Files([tmp_path / "docs"], scope=LOCAL)
        for one in passages_of(document, chunker)
    ]
    wrong = []
    for one in put:
        said = [place for text, place in found if one.sentence in text]
        if not any(names(place, one, tmp_path / "docs" / one.file) for place in said):
            wrong.append(f"{one.file} {one.place}: {said}")
    assert not wrong, "\n".join(wrong)
    assert len({Path(one.file).suffix for one in put}) >= 12


def names(said: str, put: Put, path: Path) -> bool:
    """Whether a citation names the file and the place of a sentence."""
    if not said.startswith(f"{put.file}, "):
        return False
    place = said[len(put.file) + 2 :]
    numbers = [int(one) for one in re.findall(r"\d+", place.rpartition(", ")[2])]
    for key, value in put.place.items():
        if key == "cells":
            row = int(re.findall(r"\d+", str(value))[0])
            if "cells A" not in place or not numbers[0] <= row <= numbers[-1] < numbers[0] + 15:
                return False
        elif isinstance(value, int):
            if f"{key} " not in place.replace("s ", " ") or not numbers[0] <= value <= numbers[-1]:
                return False
        elif f"{key} {value}" not in place:
            return False
    if path.suffix in (".txt", ".md", ".rst", ""):
        line = _LINE_ENDS.split(
            path.read_bytes().decode("utf-16" if path.suffix == ".txt" else "utf-8")
        )
        return put.sentence in line[numbers[0] - 1]
    return bool(put.place) or place.startswith(("under '", "path ", "paths ", "paragraph", "table"))


def test_what_is_left_of_a_shortened_passage_is_cited_piece_by_piece(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One.\nTwo.\nThree.\nFour.\nFive.\n", encoding="utf-8")
    (document,) = Files([tmp_path], scope=LOCAL)
    (whole,) = passages_of(document, make_chunker("structure"))
    kept = [(0, 9), (17, 22)]  # lines 1 and 2, and 4
    text = "\n\n".join(document.text[start:end] for start, end in kept)
    short = replace(whole, text=text, start=0, end=22, pieces=tuple(kept))
    assert where(whole, document) == "a.txt, lines 1-5"
    assert where(short, document) == "a.txt, lines 1-2, 4"
    assert where(short) == "a.txt, characters 0-9, 17-22"
