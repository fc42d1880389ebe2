"""PDF files made by real writers go in, and every sentence comes out with its page."""

from __future__ import annotations

import datetime
import random
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest

from assay.corpora.loaders.loaded import Limits, Loaded, Source, Unreadable

pytest.importorskip("pypdfium2")
fpdf = pytest.importorskip("fpdf")
canvas = pytest.importorskip("reportlab.pdfgen.canvas")

from assay.corpora.loaders.pdf import load  # noqa: E402  # after the check for its library

FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")


def loaded(path: Path, **limits: int) -> Loaded:
    (document,) = load(Source(path, path.name, Limits(**limits)))
    last = 0
    for block in document.blocks:  # the contract, of every file of these tests
        assert last <= block.start < block.end <= len(document.text)
        assert not document.text[last : block.start].strip()
        assert document.text[block.start : block.end].strip()
        last = block.end
    assert not document.text[last:].strip()
    return document


def blocks(document: Loaded, kind: str) -> list[str]:
    return [document.text[one.start : one.end] for one in document.blocks if one.kind == kind]


def place_of(document: Loaded, words: str) -> dict[str, Any]:
    at = document.text.index(words)
    (found,) = [one for one in document.blocks if one.start <= at < one.end]
    return dict(found.place)


def draw(path: Path, *pages: list[tuple[float, float, str]], size: int = 10) -> Path:
    """Pages of texts at (points from the left, points from the bottom), in the order given."""
    paper = canvas.Canvas(str(path))
    for page in pages:
        paper.setFont("Helvetica", size)
        for x, y, text in page:
            paper.drawString(x, y, text)
        paper.showPage()
    paper.save()
    return path


def column(x: float, top: float, *texts: str) -> list[tuple[float, float, str]]:
    return [(x, top - 12 * number, text) for number, text in enumerate(texts)]


LEFT = column(
    72,
    740,
    "The left column talks of many small",
    "animals that live in the old forest and",
    "goes on for a number of lines until it",
    "reaches the lower end of its space on",
    "this page. A new sentence goes on into",
)
RIGHT = column(
    320,
    737,
    "the right column of the same page and",
    "has words of its own that must never",
    "mix with those of the column beside it,",
    "whatever order the file has them in,",
    "until it ends here.",
)


def test_two_columns_that_interleave_in_the_file_come_out_column_by_column(
    tmp_path: Path,
) -> None:
    title = (72.0, 780.0, "A line that runs over both of the columns and is read before them")
    mixed = [one for pair in zip(LEFT, RIGHT, strict=True) for one in pair]
    document = loaded(draw(tmp_path / "two.pdf", [title, *mixed]))
    assert "until it reaches the lower end of its space on this page." in document.text
    assert "A new sentence goes on into the right column of the same page and has" in document.text
    assert document.text.index("both of the columns") < document.text.index("The left column")


def test_columns_on_the_same_baselines_are_columns_too(tmp_path: Path) -> None:
    level = [(x, y + 3, text) for x, y, text in RIGHT]
    mixed = [one for pair in zip(level, LEFT, strict=True) for one in pair]
    text = loaded(draw(tmp_path / "two.pdf", mixed)).text
    assert text.index("goes on into") < text.index("the right column") < text.index("ends here")


def test_a_table_without_rules_is_read_row_by_row(tmp_path: Path) -> None:
    rows = [("Year", "Sales", "Costs"), ("2021", "10", "9"), ("2022", "12", "8")]
    cells = [
        (72.0 + 150 * place, 740.0 - 14 * number, cell)
        for place in range(3)
        for number, row in enumerate(rows)
        for cell in [row[place]]
    ]
    document = loaded(draw(tmp_path / "table.pdf", cells))
    assert blocks(document, "table_row") == [
        "Year | Sales | Costs",
        "2021 | 10 | 9",
        "2022 | 12 | 8",
    ]


def test_a_ruled_table_is_read_row_by_row_with_wrapped_cells_whole(tmp_path: Path) -> None:
    paper = fpdf.FPDF()
    paper.add_page()
    paper.set_font("Helvetica", size=9)
    paper.multi_cell(0, 5, "A sentence stands above the table.")
    note = "paid back in many small rates over the years that came after the great flood"
    with paper.table(width=120) as table:
        for row in [
            ("Name", "Amount in EUR", "Note"),
            ("Loan one", "1,200.50", note),
            ("B", "", "-"),
        ]:
            table.row(row)
    paper.output(str(tmp_path / "table.pdf"))
    document = loaded(tmp_path / "table.pdf")
    assert blocks(document, "table_row") == [
        "Name | Amount in EUR | Note",
        f"Loan one | 1,200.50 | {note}",
        "B |  | -",
    ]
    assert blocks(document, "paragraph") == ["A sentence stands above the table."]


def test_page_numbers_and_labels_are_kept(tmp_path: Path) -> None:
    paper = fpdf.FPDF()
    paper.set_font("Helvetica", size=11)
    paper.add_page(label_style="r", label_start=4)
    paper.cell(text="The preface stands here.")
    paper.add_page(label_style="D", label_start=2)
    paper.cell(text="The text begins here.")
    paper.output(str(tmp_path / "labels.pdf"))
    document = loaded(tmp_path / "labels.pdf")
    assert place_of(document, "The preface") == {"page": 1, "label": "iv"}
    assert place_of(document, "The text") == {"page": 2}


class Report(fpdf.FPDF):  # type: ignore[misc, name-defined]  # the module may be missing
    def header(self) -> None:
        self.set_font("Helvetica", size=8)
        self.cell(0, 5, "ACME Annual Report 2024", new_x="LMARGIN", new_y="NEXT")
        self.ln(6)

    def footer(self) -> None:
        self.set_y(-15)
        self.set_font("Helvetica", size=8)
        self.cell(0, 5, f"Page {self.page_no()} of {{nb}}", align="C")


def report(path: Path) -> Path:
    paper = Report()
    paper.set_title("Rules of the house")
    paper.set_author("Ada B.")
    paper.set_creation_date(datetime.datetime(2023, 4, 5, tzinfo=datetime.UTC))
    paper.add_page()
    for chapter in range(12):
        paper.set_font("Helvetica", "B", 14)
        paper.cell(0, 9, f"Chapter {chapter}", new_x="LMARGIN", new_y="NEXT")
        paper.set_font("Helvetica", size=11)
        if chapter == 2:
            paper.start_section("What nobody knows")
        for part in range(3):
            words = "It is followed by words that fill the lines until they wrap and end. " * 7
            paper.multi_cell(0, 5.5, f"Rule {chapter}.{part} holds in all cases. {words}")
            paper.ln(8)
    paper.output(str(path))
    return path


def test_repeated_headers_and_footers_are_taken_out_and_named(tmp_path: Path) -> None:
    document = loaded(report(tmp_path / "report.pdf"))
    assert document.metadata["pages"] == 6
    assert "ACME" not in document.text
    assert "Page" not in document.text
    assert document.metadata["running_lines"] == "ACME Annual Report #\nPage # of #"
    # a phrase that comes back on every page is text, wherever it stands
    assert document.text.count("It is followed by words that fill the lines until they wrap") == 252


def test_a_paragraph_over_a_page_break_is_whole_and_says_where_it_begins_and_ends(
    tmp_path: Path,
) -> None:
    document = loaded(report(tmp_path / "report.pdf"))
    paragraphs = blocks(document, "paragraph")
    assert len(paragraphs) == 36
    assert all(one.startswith("Rule ") and one.endswith("wrap and end.") for one in paragraphs)
    over = [one.place for one in document.blocks if "last_page" in one.place]
    assert over
    assert all(place["last_page"] == int(place["page"]) + 1 for place in over)


def test_figures_at_the_end_of_every_page_are_not_taken_for_page_numbers(tmp_path: Path) -> None:
    pages = [
        [(72.0, 700.0, f"Page text number {'abcdef'[page]} is here."), (72.0, 60.0, f"{page * 7}")]
        for page in range(6)
    ]
    text = loaded(draw(tmp_path / "figures.pdf", *pages)).text
    assert all(str(page * 7) in text.split() for page in range(6))


def test_headings_are_found_by_size_and_the_title_author_and_date_are_read(
    tmp_path: Path,
) -> None:
    document = loaded(report(tmp_path / "report.pdf"))
    assert blocks(document, "heading") == [f"# Chapter {chapter}" for chapter in range(12)]
    assert document.title == "Rules of the house"
    assert document.metadata["author"] == "Ada B."
    assert document.date == datetime.date(2023, 4, 5)
    assert document.metadata["outline"] == "What nobody knows (page 1)"


def test_words_divided_at_a_line_end_are_joined_and_compounds_keep_their_hyphen(
    tmp_path: Path,
) -> None:
    lines = column(
        72,
        700,
        "Every library keeps all of the informa-",
        "tion that it has on state-of-the-",
        "art tools and on the well-known, on well-",
        "known and on Anglo-",
        "American books in good order.",
    )
    text = loaded(draw(tmp_path / "hyphens.pdf", lines)).text
    assert text == (
        "Every library keeps all of the information that it has on state-of-the-art tools and on "
        "the well-known, on well-known and on Anglo-American books in good order."
    )


def test_paragraphs_are_told_apart_by_indents_and_gaps(tmp_path: Path) -> None:
    first = column(72, 700, "The first one has two lines that reach far", "and its end is here.")
    second = [(90.0, 676.0, "An indent begins a second one that is long"), (72.0, 664.0, "enough.")]
    third = column(72, 630, "A gap begins a third.")
    document = loaded(draw(tmp_path / "paragraphs.pdf", first + second + third))
    assert blocks(document, "paragraph") == [
        "The first one has two lines that reach far and its end is here.",
        "An indent begins a second one that is long enough.",
        "A gap begins a third.",
    ]


def test_a_page_without_text_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    paper = canvas.Canvas(str(tmp_path / "scan.pdf"))
    paper.drawString(72, 700, "There is text on this page.")
    paper.showPage()
    paper.rect(100, 100, 300, 300, fill=1)
    paper.showPage()
    paper.save()
    document = loaded(tmp_path / "scan.pdf")
    assert document.problems == ("page 2 has no text: it may be a scan; run OCR on it first",)
    assert document.text == "There is text on this page."


def test_a_file_without_any_text_is_unreadable(tmp_path: Path) -> None:
    paper = canvas.Canvas(str(tmp_path / "scan.pdf"))
    for _ in range(3):
        paper.rect(100, 100, 300, 300, fill=1)
        paper.showPage()
    paper.save()
    with pytest.raises(Unreadable, match="pages 1 to 3 have no text: they may be scans"):
        loaded(tmp_path / "scan.pdf")


@pytest.mark.parametrize("user", ["", "secret"])
def test_an_encrypted_file_opens_only_without_a_user_password(tmp_path: Path, user: str) -> None:
    paper = fpdf.FPDF()
    paper.add_page()
    paper.set_font("Helvetica", size=11)
    paper.cell(text="Nothing of this is secret.")
    paper.set_encryption(owner_password="owner", user_password=user)
    paper.output(str(tmp_path / "locked.pdf"))
    if user:
        with pytest.raises(Unreadable, match=r"locked\.pdf: encrypted with a password"):
            loaded(tmp_path / "locked.pdf")
    else:
        assert loaded(tmp_path / "locked.pdf").text == "Nothing of this is secret."


@pytest.mark.parametrize("share", [0.001, 0.02, 0.3])
def test_a_file_cut_off_early_is_unreadable(tmp_path: Path, share: float) -> None:
    whole = report(tmp_path / "report.pdf").read_bytes()
    (tmp_path / "cut.pdf").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(Unreadable, match=r"^cut\.pdf: .*(broken|expected a PDF|no text)"):
        loaded(tmp_path / "cut.pdf")


def test_a_file_cut_off_at_its_very_end_is_read_and_says_so(tmp_path: Path) -> None:
    path = draw(tmp_path / "cut.pdf", LEFT, RIGHT)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"startxref")])
    document = loaded(path)
    assert "ends here." in document.text
    assert document.problems == ("the end of the file is missing: it may have been cut off",)


def test_what_is_no_pdf_is_unreadable_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "no.pdf").write_bytes(b"These are just words.")
    with pytest.raises(Unreadable, match="expected a PDF file"):
        loaded(tmp_path / "no.pdf")


@pytest.mark.skipif(not FONT.exists(), reason="no TrueType font with Greek at the usual place")
def test_letters_beyond_latin_ligatures_and_special_spaces_come_out_plain(tmp_path: Path) -> None:
    paper = fpdf.FPDF()
    paper.add_page()
    paper.add_font("DejaVu", fname=str(FONT))
    paper.set_font("DejaVu", size=11)
    paper.cell(text="Ελληνικά, Žluťoučký, e\ufb03cient \ufb01le, 5\u00a0km, zu\u00adsammen.")
    paper.output(str(tmp_path / "unicode.pdf"))
    text = loaded(tmp_path / "unicode.pdf").text
    assert text == "Ελληνικά, Žluťoučký, efficient file, 5 km, zusammen."


def test_a_page_over_the_limit_of_characters_is_left_out_and_named(tmp_path: Path) -> None:
    path = draw(tmp_path / "long.pdf", [(72, 700, "Short.")], column(72, 700, *["x" * 80] * 9))
    document = loaded(path, characters=500)
    assert document.text == "Short."
    assert document.problems[0].startswith("page 2 has ")


def raw_pdf(*bodies: bytes) -> bytes:
    """A file of the objects from number 1 on; the third is its page."""
    data = b"%PDF-1.4\n"
    for number, body in enumerate(bodies, start=1):
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    return data + b"trailer<</Root 1 0 R/Size 99>>\n%%EOF"


ROOT = b"<</Type/Catalog/Pages 2 0 R>>"
PAGES = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"


def test_a_stream_that_unpacks_beyond_the_ratio_is_refused(tmp_path: Path) -> None:
    packed = zlib.compress(b"0 0 m " * 1_000_000, 9)
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>"
    bomb = b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(packed), packed)
    (tmp_path / "bomb.pdf").write_bytes(raw_pdf(ROOT, PAGES, page, bomb))
    with pytest.raises(Unreadable, match="unpacks to more than"):
        loaded(tmp_path / "bomb.pdf")


@pytest.mark.parametrize("depth", [2, 20])
def test_drawings_that_call_each_other_without_end_are_refused(tmp_path: Path, depth: int) -> None:
    font = b"/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    page = (
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R"
        b"/Resources<</XObject<</X 5 0 R>>>>>>"
    )
    bodies = [ROOT, PAGES, page, b"<</Length 5>>stream\n/X Do\nendstream"]
    for level in range(depth):
        content = b"/X Do " * 10 if level < depth - 1 else b"BT /F 9 Tf 9 9 Td (hello) Tj ET"
        bodies.append(
            b"<</Type/XObject/Subtype/Form/BBox[0 0 600 800]/Resources<<%s/XObject<</X %d 0 R>>>>"
            b"/Length %d>>stream\n%s\nendstream" % (font, 6 + level, len(content), content)
        )
    (tmp_path / "laughs.pdf").write_bytes(raw_pdf(*bodies))
    if depth == 2:
        assert "hello" in loaded(tmp_path / "laughs.pdf").text
    else:
        with pytest.raises(Unreadable, match="call each other"):
            loaded(tmp_path / "laughs.pdf")


def test_text_turned_on_its_side_does_not_mix_with_the_text(tmp_path: Path) -> None:
    paper = canvas.Canvas(str(tmp_path / "turned.pdf"))
    for x, y, text in column(72, 700, "The text of the page goes on", "to its second line."):
        paper.drawString(x, y, text)
    paper.rotate(90)
    paper.drawString(600, -40, "Stamp on the margin")
    paper.save()
    document = loaded(tmp_path / "turned.pdf")
    assert blocks(document, "paragraph") == [
        "The text of the page goes on to its second line.",
        "Stamp on the margin",
    ]


def test_filled_in_form_fields_are_text_too(tmp_path: Path) -> None:
    paper = canvas.Canvas(str(tmp_path / "form.pdf"))
    paper.drawString(72, 700, "Name of the tenant:")
    paper.acroForm.textfield(
        name="tenant", value="Grace Hopper", x=200, y=695, width=150, height=16
    )
    paper.save()
    text = loaded(tmp_path / "form.pdf").text
    assert "Name of the tenant:" in text
    assert "Grace Hopper" in text


def test_threads_read_at_once_and_all_get_the_same(tmp_path: Path) -> None:
    path = report(tmp_path / "report.pdf")
    texts: list[str] = []
    threads = [threading.Thread(target=lambda: texts.append(loaded(path).text)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 4
    assert len(set(texts)) == 1


def test_a_sentence_over_a_page_break_is_joined_past_a_note_at_the_foot(tmp_path: Path) -> None:
    paper = canvas.Canvas(str(tmp_path / "notes.pdf"))
    body = "A line of the text reaches over the width of the page and has not come to"
    paper.setFont("Helvetica", 10)
    paper.drawString(72, 700, body)
    paper.setFont("Helvetica", 7)
    paper.drawString(72, 60, "1 A note at the foot.")
    paper.showPage()
    paper.setFont("Helvetica", 10)
    paper.drawString(72, 700, "its end before this page.")
    paper.save()
    document = loaded(tmp_path / "notes.pdf")
    assert blocks(document, "paragraph") == [
        f"{body} its end before this page.",
        "1 A note at the foot.",
    ]
    assert place_of(document, "its end") == {"page": 1, "last_page": 2}
    assert place_of(document, "1 A note") == {"page": 1}


def test_a_page_that_is_shown_turned_is_read_as_it_is_shown(tmp_path: Path) -> None:
    paper = canvas.Canvas(str(tmp_path / "turned.pdf"))
    paper.setPageRotation(90)
    paper.rotate(90)
    for x, y, text in column(100, -100, "The first line of a wide page", "and its second."):
        paper.drawString(x, y, text)
    paper.save()
    assert loaded(tmp_path / "turned.pdf").text == "The first line of a wide page and its second."


def test_the_items_of_a_list_stand_on_lines_of_their_own(tmp_path: Path) -> None:
    marks = column(72, 700, "•", "•", "•")
    items = column(90, 700, "one loan", "two loans", "three loans")
    document = loaded(draw(tmp_path / "list.pdf", [*marks, *items]))
    assert document.text == "- one loan\n- two loans\n- three loans"


def test_damaged_bytes_give_a_text_or_an_unreadable_file_and_nothing_else(tmp_path: Path) -> None:
    whole = draw(tmp_path / "whole.pdf", LEFT, RIGHT).read_bytes()
    chance = random.Random(7)
    outcomes = []
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(chance.choice([1, 5, 20])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / "damaged.pdf").write_bytes(data)
        try:
            outcomes.append(bool(loaded(tmp_path / "damaged.pdf").text))
        except Unreadable:
            outcomes.append(False)
    assert set(outcomes) == {True, False}
