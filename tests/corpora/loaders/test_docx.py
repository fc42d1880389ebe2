"""Word documents."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from assay.corpora.loaders.docx import _MAIN as MAIN
from assay.corpora.loaders.docx import load
from assay.corpora.loaders.loaded import Limits, Loaded, Source, Unreadable

docx = pytest.importorskip("docx")
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def loaded(path: Path, **limits: int) -> Loaded:
    (made,) = load(Source(path, path.name, Limits(**limits)))
    for before, block in zip((None, *made.blocks), made.blocks, strict=False):
        assert before is None or before.end <= block.start
        assert made.text[block.start : block.end].strip()
    return made


def saved(document: Any, tmp_path: Path) -> Loaded:
    document.save(tmp_path / "a.docx")
    return loaded(tmp_path / "a.docx")


def parts(made: Loaded) -> list[tuple[str, str, dict[str, object]]]:
    return [(made.text[b.start : b.end], b.kind, dict(b.place)) for b in made.blocks]


def with_body(tmp_path: Path, xml: str, more: dict[str, str] | None = None) -> Loaded:
    """A document whose body is the given XML."""
    out = io.BytesIO()
    docx.Document().save(out)
    path = tmp_path / "made.docx"
    with zipfile.ZipFile(out) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "word/document.xml":
                data = f"<w:document {W}><w:body>{xml}</w:body></w:document>".encode()
            if more and name == "word/_rels/document.xml.rels":
                kinds = "".join(
                    f'<Relationship Id="x{n}" Target="{part}.xml" Type="http://schemas.openxml'
                    f'formats.org/officeDocument/2006/relationships/{part}"/>'
                    for n, part in enumerate(more)
                )
                data = data.replace(b"</Relationships>", f"{kinds}</Relationships>".encode())
            new.writestr(name, data)
        for part, text in (more or {}).items():
            new.writestr(f"word/{part}.xml", f"<w:{part} {W}>{text}</w:{part}>")
    return loaded(path)


def run(text: str) -> str:
    return f"<w:r><w:t>{text}</w:t></w:r>"


def test_headings_paragraphs_and_lists_stand_in_order_with_their_paragraph(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_heading("Library", 0)
    document.add_heading("Loans", 2)
    document.add_paragraph("Three weeks.")
    document.add_paragraph("")
    document.add_paragraph("books", style="List Bullet")
    document.add_paragraph("maps", style="List Number")
    made = saved(document, tmp_path)
    assert made.text == "# Library\n\n## Loans\n\nThree weeks.\n\n- books\n- maps"
    assert [block.place["paragraph"] for block in made.blocks] == [1, 2, 3, 5, 6]
    assert [block.level for block in made.blocks] == [1, 2, 0, 0, 0]


def test_a_style_based_on_a_heading_and_an_outline_level_make_headings(tmp_path: Path) -> None:
    document = docx.Document()
    own = document.styles.add_style("Clause", 1)
    own.base_style = document.styles["Heading 3"]
    document.add_paragraph("By style", style="Clause")
    made = saved(document, tmp_path)
    assert made.text == "### By style"
    body = f'<w:p><w:pPr><w:outlineLvl w:val="1"/></w:pPr>{run("By level")}</w:p>'
    assert with_body(tmp_path, body).text == "## By level"


def test_a_style_based_on_itself_does_not_hang(tmp_path: Path) -> None:
    document = docx.Document()
    own = document.styles.add_style("Loop", 1)
    own.base_style = own
    document.add_paragraph("Text.", style="Loop")
    assert saved(document, tmp_path).text == "Text."


def test_each_row_of_a_table_is_readable_alone_and_merged_cells_are_carried(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("Before.")
    table = document.add_table(4, 3)
    words = [["Region", "Q1", "Q2"], ["North", "1", "2"], ["", "3", "4"], ["South", "5", ""]]
    for row, texts in zip(table.rows, words, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0)).text = "North"
    document.add_paragraph("After.")
    assert parts(saved(document, tmp_path)) == [
        ("Before.", "paragraph", {"paragraph": 1}),
        ("Columns: Region; Q1; Q2", "table_row", {"table": 1, "row": 1}),
        ("Region: North; Q1: 1; Q2: 2", "table_row", {"table": 1, "row": 2}),
        ("Region: North; Q1: 3; Q2: 4", "table_row", {"table": 1, "row": 3}),
        ("Region: South; Q1: 5", "table_row", {"table": 1, "row": 4}),
        ("After.", "paragraph", {"paragraph": 2}),
    ]


def test_a_table_in_a_cell_follows_its_row_as_a_table(tmp_path: Path) -> None:
    document = docx.Document()
    outer = document.add_table(2, 2)
    outer.cell(0, 0).text, outer.cell(0, 1).text = "a", "1"
    outer.cell(1, 0).text = "b"
    inner = outer.cell(0, 1).add_table(1, 2)
    inner.cell(0, 0).text, inner.cell(0, 1).text = "in", "ner"
    assert parts(saved(document, tmp_path)) == [
        ("A: a; B: 1", "table_row", {"table": 1, "row": 1}),
        ("A: in; B: ner", "table_row", {"table": 2, "row": 1}),
        ("A: b", "table_row", {"table": 1, "row": 2}),
    ]


def test_a_table_of_one_column_reads_as_paragraphs(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_table(1, 1).cell(0, 0).text = "A box."
    assert parts(saved(document, tmp_path)) == [("A box.", "paragraph", {"table": 1, "row": 1})]


def test_changes_read_as_accepted_and_hidden_text_and_fields_are_out(tmp_path: Path) -> None:
    made = with_body(
        tmp_path,
        f"<w:p>{run('Pay ')}<w:del><w:r><w:delText>ten</w:delText></w:r></w:del>"
        f"<w:ins>{run('twelve')}</w:ins><w:moveFrom>{run('gone')}</w:moveFrom>"
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t>secret</w:t></w:r>"
        '<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t> euros</w:t></w:r>'
        f"<w:r><w:instrText>PAGE</w:instrText></w:r><w:hyperlink>{run(' here')}</w:hyperlink></w:p>"
        f"<w:tbl><w:tr><w:trPr><w:del/></w:trPr><w:tc><w:p>{run('out')}</w:p></w:tc></w:tr></w:tbl>"
        f"<w:sdt><w:sdtContent><w:p>{run('control')}</w:p></w:sdtContent></w:sdt>",
    )
    assert made.text == "Pay twelve euros here\n\ncontrol"


def test_notes_follow_the_paragraph_or_row_that_refers_to_them(tmp_path: Path) -> None:
    made = with_body(
        tmp_path,
        f'<w:p>{run("Rates rose.")}<w:r><w:footnoteReference w:id="2"/></w:r></w:p>'
        f"<w:tbl><w:tr><w:tc><w:p>{run('x')}</w:p></w:tc><w:tc><w:p>{run('7')}"
        '<w:r><w:endnoteReference w:id="1"/></w:r></w:p></w:tc></w:tr></w:tbl>',
        {
            "footnotes": f'<w:footnote w:id="0" w:type="separator"><w:p/></w:footnote>'
            f'<w:footnote w:id="2"><w:p>{run("By a point.")}</w:p></w:footnote>',
            "endnotes": f'<w:endnote w:id="1"><w:p>{run("Estimated.")}</w:p></w:endnote>',
        },
    )
    assert parts(made) == [
        ("Rates rose.[^1]", "paragraph", {"paragraph": 1}),
        ("[^1]: By a point.", "paragraph", {"paragraph": 1, "note": 1}),
        ("A: x; B: 7[^2]", "table_row", {"table": 1, "row": 1}),
        ("[^2]: Estimated.", "paragraph", {"table": 1, "row": 1, "note": 2}),
    ]


def test_a_text_box_is_read_once(tmp_path: Path) -> None:
    box = f"<w:txbxContent><w:p>{run('In a box.')}</w:p></w:txbxContent>"
    mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    made = with_body(
        tmp_path,
        f"<w:p>{run('Outside.')}<w:r><mc:AlternateContent {mc}><mc:Choice>{box}</mc:Choice>"
        f"<mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r></w:p>",
    )
    assert made.text == "Outside.\n\nIn a box."


def test_headers_footers_and_comments_are_left_out_and_said(tmp_path: Path) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Body.")
    document.sections[0].header.paragraphs[0].text = "Confidential"
    document.add_comment(paragraph.runs, text="really?")
    made = saved(document, tmp_path)
    assert made.text == "Body."
    assert made.problems == ("left out: 1 header", "left out: 1 comment")


def test_the_file_says_its_title_author_language_and_date(tmp_path: Path) -> None:
    document = docx.Document()
    core = document.core_properties
    core.title, core.author, core.language = "Rules", "Ann", "en-GB"
    core.modified = datetime(2024, 3, 31, 12)
    made = saved(document, tmp_path)
    assert (made.title, str(made.date)) == ("Rules", "2024-03-31")
    assert made.metadata == {"author": "Ann", "language": "en-GB"}
    assert made.id == ""


def test_without_properties_none_are_made_up(tmp_path: Path) -> None:
    docx.Document().save(tmp_path / "b.docx")
    path = tmp_path / "c.docx"
    with zipfile.ZipFile(tmp_path / "b.docx") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            if name != "docProps/core.xml":
                data = old.read(name)
                if name == "_rels/.rels":
                    data = data.replace(b"metadata/core-properties", b"metadata/nothing")
                    data = data.replace(b"docProps/core.xml", b"docProps/app.xml")
                new.writestr(name, data)
    made = loaded(path)
    assert (made.title, made.date, made.metadata) == ("", None, {})


def test_deep_nesting_is_refused_and_not_followed(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="Word document"):
        with_body(tmp_path, "<w:sdt>" * 5000 + "</w:sdt>" * 5000)


def test_a_merged_cell_wider_than_any_table_stays_small(tmp_path: Path) -> None:
    wide = '<w:tcPr><w:gridSpan w:val="999999999"/></w:tcPr>'
    body = f"<w:tbl><w:tr><w:tc>{wide}<w:p>{run('x')}</w:p></w:tc></w:tr></w:tbl>"
    assert len(with_body(tmp_path, body).text) < 10_000


def test_another_kind_of_file_and_a_long_text_are_refused(tmp_path: Path) -> None:
    pptx = pytest.importorskip("pptx")
    pptx.Presentation().save(tmp_path / "p.docx")
    with pytest.raises(Unreadable, match=r"p\.docx: cannot be read as a Word document"):
        loaded(tmp_path / "p.docx")
    document = docx.Document()
    document.add_paragraph("word " * 100)
    document.save(tmp_path / "long.docx")
    with pytest.raises(Unreadable, match=r"long\.docx"):
        loaded(tmp_path / "long.docx", characters=100)


def test_a_document_with_macros_is_read_like_any_other(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("Body.")
    document.save(tmp_path / "a.docx")
    path = tmp_path / "b.docx"
    with zipfile.ZipFile(tmp_path / "a.docx") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "[Content_Types].xml":
                known = MAIN.encode()
                assert known in data
                data = data.replace(
                    known, b"application/vnd.ms-word.document.macroEnabled.main+xml"
                )
            new.writestr(name, data)
    assert loaded(path).text == "Body."
