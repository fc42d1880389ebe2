from __future__ import annotations

import csv
import io
import time
from datetime import date as Day
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.loaders import csv as loader
from assay.corpora.loaders.csv_dialect import Dialect, rows, sniff
from assay.corpora.loaders.loaded import Limits, Loaded, Source, Unreadable
from assay.pipeline.errors import UsageError

USUAL = Limits()


def loaded(
    folder: Path,
    name: str,
    content: str | bytes,
    /,
    *,
    limits: Limits = USUAL,
    **options: object,
) -> list[Loaded]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = list(loader.load(Source(path, f"sub/{name}", limits, options)))
    for one in found:
        covered = "".join(one.text[block.start : block.end] for block in one.blocks)
        assert "".join(covered.split()) == "".join(one.text.split())
    assert len({one.id for one in found}) == len(found)
    return found


def test_each_row_can_be_read_alone_and_names_its_row(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, "prices.csv", "\ufeffItem;Price\r\nBolt;1,50 €\r\n\r\nNut;0,75 €\r\n")
    assert (
        one.text
        == "# prices.csv\n\nColumns: Item; Price\n\nItem: Bolt; Price: 1,50 €\nItem: Nut; Price: 0,75 €"
    )
    assert [dict(block.place) for block in one.blocks] == [{}, {"row": 1}, {"row": 2}, {"row": 4}]
    assert (one.title, one.id, one.problems) == ("prices.csv", "", ())
    assert one.metadata == {"delimiter": ";", "quote": '"', "header": 1, "columns": 2, "rows": 2}


@pytest.mark.parametrize(
    ("text", "delimiter", "quote"),
    [
        ("a,b\n1,2\n", ",", '"'),
        ("a;b\n1,5;2,5\n1,5;2,5\n", ";", '"'),
        ("a\tb\nx, y\tz, w\n", "\t", '"'),
        ("a|b|c\n1|2|3\n", "|", '"'),
        ("'a, b','c'\n'd','e, f'\n", ",", "'"),
        ('"a;b",c\n"d;e",f\n', ",", '"'),
        ("one\ntwo\n", "", '"'),
    ],
)
def test_the_dialect_follows_the_written_rule(text: str, delimiter: str, quote: str) -> None:
    assert sniff(text) == Dialect(delimiter, quote)


def test_the_options_overrule_the_rule(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, "a.csv", "a:b,c\nd:e,f\n", delimiter=":", header=False)
    assert "A: a; B: b,c\nA: d; B: e,f" in one.text
    assert one.metadata["delimiter"] == ":" and one.metadata["header"] == 0


@given(
    st.lists(
        st.lists(st.text("ab,;\"'\n x", max_size=5), min_size=1, max_size=4), min_size=1, max_size=6
    ),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_the_standard_writer_writes_is_read_back(
    table: list[list[str]], quoting: int, end: str
) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=quoting, lineterminator=end).writerows(table)  # type: ignore[arg-type]
    found = list(rows(out.getvalue(), Dialect(",")))
    assert [row.cells for row in found] == table
    assert not any(row.problem for row in found)


def test_a_quoted_cell_may_have_several_lines_and_the_lines_are_counted(tmp_path: Path) -> None:
    text = 'a,b\n"first\nsecond, with ""quotes""",1\nx,2,3\n'
    (one,) = loaded(tmp_path, "a.csv", text)
    assert 'a: first second, with "quotes"; b: 1' in one.text
    assert one.problems == ("row 3 (line 4): expected 2 cells, found 3; read as they stand",)
    assert "a: x; b: 2; C: 3" in one.text


def test_a_quote_that_is_not_closed_costs_its_row_only(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, "a.csv", 'a,b\n1,2\n3,"open\n5,6\n7,"end')
    for said in ("a: 1; b: 2", 'a: 3; b: "open', "a: 5; b: 6", 'a: 7; b: "end'):
        assert said in one.text
    assert [problem[:16] for problem in one.problems] == ["row 3 (line 3): ", "row 5 (line 5): "]
    assert "a quote opens and does not close (field 2)" in one.problems[1]


def test_a_quote_inside_a_cell_is_a_letter(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, "a.csv", 'size,n\n5" pipe,10\n3" pipe,20\n"4" hose",30\n')
    assert 'size: 5" pipe; n: 10' in one.text and 'size: "4" hose"; n: 30' in one.text
    assert len(one.problems) == 1 and "closes before the end" in one.problems[0]


def test_rows_become_documents_by_a_field_map(tmp_path: Path) -> None:
    text = (
        'Key,Body,When,Price\nk1,First text,2024-01-31,"1,50"\nk2,,2024-02-01,2\nk1,Third,soon,3\n'
    )
    found = loaded(
        tmp_path,
        "a.csv",
        text,
        rows="documents",
        text="Body",
        id="Key",
        date="When",
        metadata=["Price"],
    )
    assert [(one.text, one.id, one.date) for one in found] == [
        ("First text", "k1", Day(2024, 1, 31)), ("Third", "k1~2", None),
    ]  # fmt: skip
    assert found[0].metadata["Price"] == "1,50" and found[0].metadata["delimiter"] == ","
    assert found[0].blocks[0].place == {"row": 2}
    said = " ".join(found[1].problems)
    assert "row 3: expected text in 'Body'" in said
    assert "id 'k1' stands already in row 2" in said and "'soon' is not like 2024-01-31" in said


def test_rows_without_a_map_become_documents_of_one_line(tmp_path: Path) -> None:
    found = loaded(tmp_path, "a.tsv", "a\tb\n1\tx, y\n2\tz\n", rows="documents")
    assert [(one.text, one.id) for one in found] == [
        ("a: 1; b: x, y", "row-2"),
        ("a: 2; b: z", "row-3"),
    ]


def test_a_column_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no column 'Bdy'; did you mean 'Body'"):
        loaded(tmp_path, "a.csv", "Key,Body\n1,x\n", rows="documents", text="Bdy")


@pytest.mark.parametrize(
    "options", [{"rows": "all"}, {"delimiter": "::"}, {"quote": ","}, {"header": 3}]
)
def test_an_option_that_makes_no_sense_is_the_callers_mistake(
    tmp_path: Path, options: dict[str, object]
) -> None:
    with pytest.raises(UsageError, match="option"):
        loaded(tmp_path, "a.csv", "a,b\n1,2\n", limits=USUAL, **options)


@pytest.mark.parametrize("content", ["", "\n\n", ";;;\n;;;\n", '""\n'])
def test_a_file_without_rows_is_unreadable(tmp_path: Path, content: str) -> None:
    with pytest.raises(Unreadable, match=r"sub/a\.csv: expected rows, found none"):
        loaded(tmp_path, "a.csv", content)


def test_a_long_file_becomes_parts_and_no_row_is_lost(tmp_path: Path) -> None:
    text = "n,word\n" + "".join(f"{number},w{number}\n" for number in range(500))
    found = loaded(tmp_path, "a.csv", text, limits=Limits(characters=2000))
    assert len(found) > 3 and found[0].id.startswith("rows-2-") and found[-1].id.endswith("-501")
    assert all(len(one.text) <= 2000 and one.text.startswith("# a.csv") for one in found)
    lines = [line for one in found for line in one.text.splitlines() if line.startswith("n: ")]
    assert lines == [f"n: {number}; word: w{number}" for number in range(500)]


def test_a_very_long_cell_is_cut_and_said(tmp_path: Path) -> None:
    for quote in ("", '"'):
        (one,) = loaded(tmp_path, "a.csv", f"a,b\n1,{quote}{'x' * 3_000_000}{quote}\n2,y\n")
        assert len(one.text) < 1_000_200 and "a: 2; b: y" in one.text
        assert any("characters; the first 1000000 are read" in problem for problem in one.problems)


def test_ten_thousand_open_quotes_do_not_hang_and_are_counted(tmp_path: Path) -> None:
    start = time.process_time()
    (one,) = loaded(tmp_path, "a.csv", "a,b\n" + '"x" y,"1\n' * 10_000)
    assert time.process_time() - start < 5
    assert one.metadata["rows"] == 10_000
    assert len(one.problems) == 21


def test_old_line_ends_and_legacy_encodings_are_read(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, "a.csv", "Name,Straße\rJörg,Höhe\rÄnne,Süd\r".encode("utf-16"))
    assert "Name: Jörg; Straße: Höhe\nName: Änne; Straße: Süd" in one.text


def test_a_caption_above_the_header_is_text_and_label(tmp_path: Path) -> None:
    (one,) = loaded(
        tmp_path,
        "a.csv",
        "Account statement 2024\n\nDay;Text;EUR\n1.2.2024;Rent;-1.200,00\n2.2.2024;Food;-10,50\n",
    )
    assert "Day: 1.2.2024; Text: Rent; EUR: -1.200,00" in one.text
    assert "Account statement 2024\n\nColumns: Day; Text; EUR" in one.text
    assert one.metadata["caption"] == "Account statement 2024" and one.problems == ()


def test_a_huge_column_name_is_not_repeated_in_every_row(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, "a.csv", f"{'n' * 100_000},b\n" + "x,y\n" * 1000, header=True)
    assert len(one.text) < 300_000
    assert "names of more than 200 characters" in one.problems[0]


@given(st.text('ab,"\n\r', max_size=30), st.sampled_from([",", ""]))
def test_no_letter_of_any_text_is_lost_and_lines_are_numbered(text: str, sign: str) -> None:
    found = list(rows(text, Dialect(sign)))
    letters = "".join("".join(row.cells) for row in found)
    assert [one for one in letters if one in "ab"] == [one for one in text if one in "ab"]
    assert [row.number for row in found] == list(range(1, len(found) + 1))
    end = "\n" if "\n" in text or "\r" not in text else "\r"
    physical = text.split(end)
    for row in found:
        first = row.cells[0].replace('"', "")[:1]
        assert not first or first in ",\r\n" or first in physical[row.line - 1]
