"""Excel workbooks."""

from __future__ import annotations

import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from assay.corpora.loaders import xlsx
from assay.corpora.loaders.loaded import Loaded, Source, Unreadable
from assay.corpora.loaders.xlsx import load

openpyxl = pytest.importorskip("openpyxl")
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def loaded(path: Path) -> Loaded:
    (made,) = load(Source(path, path.name))
    return made


def saved(book: Any, tmp_path: Path) -> Loaded:
    book.save(tmp_path / "a.xlsx")
    return loaded(tmp_path / "a.xlsx")


def sheet_of(rows: list[list[object]]) -> tuple[Any, Any]:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Q1"
    for row in rows:
        sheet.append(row)
    return book, sheet


def with_sheet(tmp_path: Path, xml: str) -> Path:
    """A workbook whose only sheet is the given XML."""
    openpyxl.Workbook().save(tmp_path / "plain.xlsx")
    path = tmp_path / "made.xlsx"
    with (
        zipfile.ZipFile(tmp_path / "plain.xlsx") as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            made = f"<worksheet {MAIN}>{xml}</worksheet>".encode()
            new.writestr(name, made if name.endswith("sheet1.xml") else old.read(name))
    return path


def cells(made: Loaded) -> list[tuple[str, object]]:
    return [(made.text[b.start : b.end], b.place.get("cells")) for b in made.blocks]


def test_a_row_has_its_header_its_numbers_as_written_and_its_cells(tmp_path: Path) -> None:
    book, sheet = sheet_of(
        [["Region", "Revenue", "Share", "Day"], ["North", 1234.5, 0.125, date(2024, 3, 31)]]
    )
    sheet["B2"].number_format = '#,##0.00 "EUR"'
    sheet["C2"].number_format = "0.0%"
    made = saved(book, tmp_path)
    assert cells(made) == [
        ("## Q1", None),
        ("Columns: Region; Revenue; Share; Day", "A1:D1"),
        ("Region: North; Revenue: 1,234.50 EUR; Share: 12.5%; Day: 2024-03-31", "A2:D2"),
    ]
    assert all(block.place["sheet"] == "Q1" for block in made.blocks)


def test_tables_apart_by_blank_rows_and_columns_are_apart(tmp_path: Path) -> None:
    book, _ = sheet_of(
        [
            ["Item", "Fee", None, "Person", "Age"],
            ["Book", 2, None, "Ann", 30],
            ["Map", 3, None, "Bob", 40],
            [], [], [], [], [],
            ["City", "Size"],
            ["Bonn", 5],
        ]
    )  # fmt: skip
    assert cells(saved(book, tmp_path))[1:] == [
        ("Columns: Item; Fee", "A1:B1"),
        ("Item: Book; Fee: 2", "A2:B2"),
        ("Item: Map; Fee: 3", "A3:B3"),
        ("Columns: Person; Age", "D1:E1"),
        ("Person: Ann; Age: 30", "D2:E2"),
        ("Person: Bob; Age: 40", "D3:E3"),
        ("Columns: City; Size", "A9:B9"),
        ("City: Bonn; Size: 5", "A10:B10"),
    ]


def test_spacer_columns_and_section_rows_do_not_break_a_statement(tmp_path: Path) -> None:
    book, _ = sheet_of(
        [["", None, "2023", None, "2024"], ["Sales", None, 1, None, 2], [], ["Costs"], [],
         ["Rent", None, 3, None, 4]]
    )  # fmt: skip
    made = saved(book, tmp_path)
    assert "A: Sales; 2023: 1; 2024: 2" in made.text
    assert "A: Rent; 2023: 3; 2024: 4" in made.text
    assert "\n\nCosts\n\n" in made.text


def test_a_title_over_a_table_and_the_name_of_a_table_are_headings(tmp_path: Path) -> None:
    from openpyxl.worksheet.table import Table

    book, sheet = sheet_of([["Sales by region"], ["Region", "City"], ["North", "Kiel"]])
    sheet.merge_cells("A1:B1")
    sheet.add_table(Table(displayName="Sales_2024", ref="A2:B3"))
    made = saved(book, tmp_path)
    assert made.text == (
        "## Q1\n\n### Sales by region\n\n### Sales_2024\n\n"
        "Columns: Region; City\nRegion: North; City: Kiel"
    )


def test_merged_cells_are_carried_to_all_that_they_cover(tmp_path: Path) -> None:
    book, sheet = sheet_of(
        [["Region", "2023", None], [None, "EUR", "%"], ["North", 1, 2], [None, 3, 4]]
    )
    for merged in ("A1:A2", "B1:C1", "A3:A4"):
        sheet.merge_cells(merged)
    assert saved(book, tmp_path).text.split("\n")[-2:] == [
        "Region: North; 2023 / EUR: 1; 2023 / %: 2",
        "Region: North; 2023 / EUR: 3; 2023 / %: 4",
    ]


def test_hidden_sheets_rows_and_columns_are_left_out_and_named(tmp_path: Path) -> None:
    book, sheet = sheet_of(
        [["Item", "Fee", "Secret"], ["Book", 2, 7], ["Map", 3, 8], ["Pen", 4, 9]]
    )
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["C"].hidden = True
    book.create_sheet("Old")["A1"] = "gone"
    book["Old"].sheet_state = "hidden"
    made = saved(book, tmp_path)
    assert made.text.endswith("Item: Book; Fee: 2\nItem: Pen; Fee: 4")
    assert "gone" not in made.text and "Secret" not in made.text
    assert made.problems == (
        "sheet 'Q1': 1 hidden row (3) left out",
        "sheet 'Q1': 1 hidden column (3) left out",
        "sheet 'Old': hidden; left out",
    )


def test_a_formula_is_its_saved_result_and_without_one_a_problem(tmp_path: Path) -> None:
    path = with_sheet(
        tmp_path,
        '<sheetData><row r="1"><c r="A1"><f>1+1</f><v>2</v></c><c r="B1"><f>A1*2</f></c>'
        '<c r="C1" t="e"><f>A9</f><v>#REF!</v></c><c r="D1"><f>X</f><v/></c></row></sheetData>',
    )
    made = loaded(path)
    assert made.text == "## Sheet\n\nA: 2; C: #REF!"
    (problem,) = made.problems
    assert problem.startswith("sheet 'Sheet': 2 formulas without a saved result (B1, D1)")


def test_a_long_sheet_keeps_its_header_to_the_end(tmp_path: Path) -> None:
    book, _ = sheet_of([["Id", "Name"], *([n, f"n{n}"] for n in range(2500)), [1, "x", "late"]])
    made = saved(book, tmp_path)
    assert "\nId: 2499; Name: n2499\n" in made.text
    assert made.text.endswith("Id: 1; Name: x; C: late")
    assert made.blocks[-1].place["cells"] == "A2502:C2502"


def test_a_long_workbook_becomes_parts_that_lose_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx, "PART_CHARACTERS", 1000)
    book, _ = sheet_of([["Id", "Name"], *([n, f"n{n}"] for n in range(200))])
    book.save(tmp_path / "a.xlsx")
    made = list(load(Source(tmp_path / "a.xlsx", "a.xlsx")))
    assert [one.id for one in made] == [f"part {n}" for n in range(1, len(made) + 1)]
    assert len(made) > 3 and all(len(one.text) <= 1000 for one in made)
    assert all(one.text.startswith("## Q1\n\n") for one in made)
    rows = [line for one in made for line in one.text.split("\n") if line.startswith("Id")]
    assert rows == [f"Id: {n}; Name: n{n}" for n in range(200)]


def test_the_file_says_its_title_author_and_date(tmp_path: Path) -> None:
    book, _ = sheet_of([["x"]])
    book.properties.title, book.properties.creator = "Fees", "Ann"
    made = saved(book, tmp_path)
    assert (made.title, made.metadata) == ("Fees", {"author": "Ann"})
    assert isinstance(made.date, date) and not isinstance(made.date, datetime)


@pytest.mark.parametrize(
    "xml",
    [
        '<sheetData><row r="99999999999"><c r="A1"><v>1</v></c></row></sheetData>',
        '<sheetData><row r="1"><c r="ZZZ1"><v>1</v></c></row></sheetData>',
        '<sheetData><row r="2"/><row r="1"><c r="A1"><v>1</v></c></row></sheetData>',
    ],
)
def test_a_cell_outside_of_any_sheet_is_a_problem_of_the_sheet(tmp_path: Path, xml: str) -> None:
    made = loaded(with_sheet(tmp_path, xml))
    assert made.text == ""
    assert made.problems[0].startswith("sheet 'Sheet': cannot be read")


def test_a_false_size_and_a_giant_merged_cell_cost_nothing(tmp_path: Path) -> None:
    made = loaded(
        with_sheet(
            tmp_path,
            '<dimension ref="A1:XFD1048576"/><sheetData><row r="1"><c r="A1"><v>7</v></c></row>'
            '</sheetData><mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>',
        )
    )
    assert made.text == "## Sheet\n\n7"
    assert "merged" in made.problems[0]


def test_an_entity_bomb_under_the_name_of_a_picture_is_not_expanded(tmp_path: Path) -> None:
    entities = '<!ENTITY a "lol">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
    )
    path = with_sheet(tmp_path, "<sheetData/>")
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(bomb, "w") as new:
        for name in old.namelist():
            data = old.read(name).replace(b"sheet1.xml", b"sheet1.svg")
            if name.endswith("sheet1.xml"):
                body = f'<worksheet {MAIN}><sheetData><row r="1"><c r="A1" t="str"><v>&j;</v></c>'
                data = f"<!DOCTYPE w [{entities}]>{body}</row></sheetData></worksheet>".encode()
            new.writestr(name.replace("sheet1.xml", "sheet1.svg"), data)
    try:
        made = loaded(bomb)
    except Unreadable:
        return
    assert made.text == ""
    assert made.problems


def test_a_broken_workbook_is_refused_with_its_name(tmp_path: Path) -> None:
    path = with_sheet(tmp_path, "<sheetData>")
    with pytest.raises(Unreadable, match=r"made\.xlsx: cannot be read as a workbook"):
        loaded(path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(Unreadable, match=r"made\.xlsx: the file is damaged"):
        loaded(path)


def test_a_broken_sheet_costs_no_other_its_rows(tmp_path: Path) -> None:
    book, _ = sheet_of([["x", "y"], ["a", 1]])
    book.create_sheet("Q2").append(["kept"])
    book.save(tmp_path / "two.xlsx")
    path = tmp_path / "half.xlsx"
    with zipfile.ZipFile(tmp_path / "two.xlsx") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data.replace(b"</sheetData>", b"") if "sheet1.xml" in name else data)
    made = loaded(path)
    assert "## Q2\n\nkept" in made.text
    assert made.problems[0].startswith("sheet 'Q1': cannot be read, or not to its end")


def test_macros_links_and_hyperlinks_are_never_followed(tmp_path: Path) -> None:
    book, sheet = sheet_of([["Site", "n"], ["home", 1]])
    sheet["A2"].hyperlink = "http://example.invalid/x"
    book.save(tmp_path / "a.xlsm")
    with zipfile.ZipFile(tmp_path / "a.xlsm", "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"\xcc\x61 no code runs")
    assert loaded(tmp_path / "a.xlsm").text.endswith("Site: home; n: 1")
