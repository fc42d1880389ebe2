"""Rows of tables, each readable alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.loaders.tables import (
    caption_rows,
    column_letters,
    column_names,
    header_text,
    is_value,
    join_header,
    looks_like_header,
    row_text,
)


def test_a_row_names_the_column_of_each_filled_cell() -> None:
    row = row_text(["Region", "Revenue (EUR m)", "Note"], ["North", "1,234.5", " "])
    assert row == "Region: North; Revenue (EUR m): 1,234.5"


def test_a_row_without_header_has_the_letters_of_its_columns() -> None:
    assert row_text([], ["x", "", "y"]) == "A: x; C: y"


def test_cells_beyond_the_header_keep_their_text() -> None:
    assert row_text(["Name"], ["Ann", "extra"]) == "Name: Ann; B: extra"


def test_a_title_stands_before_the_row() -> None:
    assert row_text(["a"], ["1"], title="Sales\n2024") == "Sales 2024 | a: 1"


def test_a_row_of_empty_cells_is_empty_even_with_a_title() -> None:
    assert row_text(["a", "b"], ["", "\t"], title="Sales") == ""


def test_line_breaks_in_cells_do_not_break_the_row() -> None:
    assert row_text(["a\nb"], ["1\r\n2"]) == "a b: 1 2"


def test_a_colon_at_the_end_of_a_name_is_not_doubled() -> None:
    assert row_text(["Name:"], ["Ann"]) == "Name: Ann"


def test_the_same_name_twice_is_kept_apart() -> None:
    assert row_text(["EUR", "EUR", "EUR (2)"], ["1", "2", "3"]) == "EUR: 1; EUR (3): 2; EUR (2): 3"


@given(st.lists(st.sampled_from(["", "A", "B", "x", "x (2)", "x:", " x"]), max_size=9))
def test_no_two_columns_have_one_name(header: list[str]) -> None:
    names = column_names(header, 6)
    assert len(names) == len(set(names)) == max(6, len(header))


def test_many_columns_of_one_name_are_named_in_linear_time() -> None:
    assert column_names(["x"] * 16_384, 0)[-1] == "x (16384)"


@pytest.mark.parametrize(("index", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ")])
def test_columns_are_called_as_in_a_spreadsheet(index: int, letters: str) -> None:
    assert column_letters(index) == letters


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([["Region", "EUR"], ["North", "7"]], 1),
        ([["Region", "2023", "2024"], ["North", "1", "2"]], 1),
        ([["", "2023", "2023"], ["Region", "EUR", "%"], ["North", "7", "8"]], 2),
        ([["Name", "City"], ["Ann", "Paris"]], 1),
        ([["Name"], ["Ann"]], 1),
        ([["North", "7"], ["South", "8"]], 0),
        ([["North", "2023"], ["South", "2024"], ["West", "2022"]], 0),
        ([["Name:", "Ann"], ["City:", "Paris"]], 0),
        ([["Name", "Ann"], ["Age", "34"], ["City", "Paris"]], 0),
        ([["Name", "City"]], 0),
        ([["Name", "", "City"], ["Ann", "", "Paris"]], 0),
        ([["x" * 61, "b", "c"], ["d", "e", "f"]], 0),
        ([[""], [""]], 0),
        ([], 0),
    ],
)
def test_the_rule_for_headers_holds(rows: list[list[str]], count: int) -> None:
    assert looks_like_header(rows) == count


def test_a_header_has_at_most_three_rows() -> None:
    rows = [["g", "h", ""], ["b", "k", ""], ["c", "l", ""], ["d", "m", ""], ["e", "1", "2"]]
    assert looks_like_header(rows) == 3


def test_a_header_of_several_rows_is_joined_from_the_top() -> None:
    rows = [["", "2023", "2023"], ["Region", "EUR", "EUR"], ["Region", "m"]]
    assert join_header(rows) == ("Region", "2023 / EUR / m", "2023 / EUR")


def test_a_title_row_above_the_columns_is_a_caption() -> None:
    assert caption_rows([["T", "T"], ["", "u"], ["a", "b"], ["c", ""]]) == 2
    assert caption_rows([["only"], ["one"]]) == 0


def test_a_header_line_names_every_column_that_has_a_name() -> None:
    assert header_text(["a", "", "b"]) == "Columns: a; b"
    assert header_text([""]) == ""


@pytest.mark.parametrize(
    "cell",
    ["7", "-7", "(1,234.5)", "12 %", "$ 3", "EUR 1.2", "1'000", ".5", "1e-7", "2024-03-31",
     "31.12.2024", "14:05", "2023", "+3", "€5"],
)  # fmt: skip
def test_numbers_amounts_and_dates_are_values(cell: str) -> None:
    assert is_value(cell)


@pytest.mark.parametrize("cell", ["North", "Q1", "3rd", "", "-", "n/a", "EUR", "12 km", "v1.2"])
def test_words_are_no_values(cell: str) -> None:
    assert not is_value(cell)
