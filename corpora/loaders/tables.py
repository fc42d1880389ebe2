"""How a row of a table is written so that it can be read, found and cited alone.

Every loader that meets tables (CSV, DOCX, PPTX, XLSX ...) writes rows through here, so that a row
looks the same wherever it came from: each cell stands behind the name of its column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

HEADER_ROWS = 3
"""Most rows that a header is taken to have."""

SAMPLE_ROWS = 20
"""Rows from the top of a table that are enough to decide where its header ends."""

LABEL_CHARACTERS = 60
"""Longest cell of a header above a table that holds words only."""

_CURRENCY = r"(?:[$€£¥₹]|[A-Z]{3})?"
_VALUE = re.compile(
    rf"\(?[+\-−]?\s?{_CURRENCY}\s?[+\-−]?(?:\d[\d.,'’\u00a0\u202f ]*|[.,]\d+)"
    rf"(?:[eE][+\-]?\d+)?\s?%?\s?{_CURRENCY}\)?"
)
_PERIOD = re.compile(r"(?:19|20)\d\d(?:-\d\d(?:-\d\d)?)?")
_DATE = re.compile(
    r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(?:[ T]\d\d:\d\d(?::\d\d)?)?|\d\d:\d\d(?::\d\d)?"
)


def column_letters(index: int) -> str:
    """The name that a spreadsheet gives a column.

    Args:
        index: the column, from 0.

    >>> column_letters(0), column_letters(25), column_letters(26), column_letters(16383)
    ('A', 'Z', 'AA', 'XFD')
    """
    letters = ""
    number = index + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def column_names(header: Sequence[str], width: int) -> tuple[str, ...]:
    """One name for each column, no two alike.

    Args:
        header: what the header says, column by column; may be shorter than the table.
        width: columns of the table.

    Returns:
        The header's words; the column's letters where it says nothing; ``(2)``, ``(3)`` ... behind
        a name that stood before.

    >>> column_names(["Year", "EUR", "EUR", ""], 5)
    ('Year', 'EUR', 'EUR (2)', 'D', 'E')
    """
    return _names(tuple(header), width)


@lru_cache(maxsize=64)  # the same header stands over each of a table's rows
def _names(header: tuple[str, ...], width: int) -> tuple[str, ...]:
    plain = [_one_line(cell).rstrip(":").rstrip() for cell in header]
    said = set(plain)
    counts: dict[str, int] = {}
    taken: set[str] = set()
    names: list[str] = []
    for index in range(max(width, len(plain))):
        first = (plain[index] if index < len(plain) else "") or column_letters(index)
        count = counts.get(first, 0) + 1
        name = first if count == 1 else f"{first} ({count})"
        while name in taken or (name in said and name != first):
            count += 1
            name = f"{first} ({count})"
        counts[first] = count
        taken.add(name)
        names.append(name)
    return tuple(names)


def row_text(header: Sequence[str], cells: Sequence[str], *, title: str = "") -> str:
    """A row that is readable without its table.

    Args:
        header: names of the columns; empty for a table without a header, whose columns are
            called A, B, C ...
        cells: the row, as written in the file; empty cells are left out.
        title: the table's or sheet's name to stand before the row, '' for none.

    Returns:
        One line; '' where every cell is empty.

    >>> row_text(["Region", "Revenue (EUR m)", "Note"], ["North", "1,234.5", ""])
    'Region: North; Revenue (EUR m): 1,234.5'
    >>> row_text([], ["North", "", "7 %"], title="Q1")
    'Q1 | A: North; C: 7 %'
    """
    names = column_names(header, len(cells))
    pairs = [
        f"{name}: {text}"
        for name, cell in zip(names, cells, strict=False)
        if (text := _one_line(cell))
    ]
    if not pairs:
        return ""
    before = f"{_one_line(title)} | " if title.strip() else ""
    return before + "; ".join(pairs)


def header_text(header: Sequence[str]) -> str:
    """The header as a line of its own: it can be cited, and no empty column's name is lost.

    Args:
        header: names of the columns.

    Returns:
        One line; '' where the header is empty.

    >>> header_text(["Region", "", "Note"])
    'Columns: Region; Note'
    """
    said = [text for cell in header if (text := _one_line(cell))]
    return "Columns: " + "; ".join(said) if said else ""


def join_header(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """One name for each column out of a header of several rows, from the top down.

    Args:
        rows: the header's rows; merged cells already carried to all columns that they cover.

    >>> join_header([["", "2023", "2023"], ["Region", "EUR", "Change"]])
    ('Region', '2023 / EUR', '2023 / Change')
    """
    width = max((len(row) for row in rows), default=0)
    names: list[str] = []
    for column in range(width):
        parts: list[str] = []
        for row in rows:
            part = _one_line(row[column]) if column < len(row) else ""
            if part and (not parts or parts[-1] != part):
                parts.append(part)
        names.append(" / ".join(parts))
    return tuple(names)


def caption_rows(rows: Sequence[Sequence[str]]) -> int:
    """How many rows at the top say one thing only, such as a table's title over its columns.

    Args:
        rows: the table from its top; ``SAMPLE_ROWS`` of them are enough.

    Returns:
        The number of leading rows with one distinct filled cell, in a table where some row below
        has more; 0 in a table of one column.

    >>> caption_rows([["Sales by region", ""], ["Region", "EUR"], ["North", "7"]])
    1
    """
    several = [len(_said(row)) > 1 for row in rows]
    return several.index(True) if True in several else 0


def looks_like_header(rows: Sequence[Sequence[str]]) -> int:
    """How many rows at the top name the columns.

    The rule. A cell is a *value* if it is a number, an amount, a percentage, a date or a time,
    else it is *words*. A year or an ISO date counts as words in the first rows where its column
    holds no such thing below.

    - The first row is a header if it holds words only, at least two cells (or all of them) and
      either some column holds more values than words below it, or the row is filled in every
      column, with different cells of at most 60 characters (and in a table of two columns, which
      may as well be a list of names and values, no value stands below and no cell ends with ':').
    - Where the first row has gaps or the same cell side by side (a merged cell), the rows below
      belong to the header as well as long as they hold words only, up to and with the first one
      without, at most three in all; only where a column of values follows.

    Args:
        rows: the table from its top, without caption; ``SAMPLE_ROWS`` of them are enough.

    Returns:
        The number of header rows, 0 for a table without a header.

    >>> looks_like_header([["Region", "EUR"], ["North", "7"], ["South", "8"]])
    1
    >>> looks_like_header([["", "2023", "2023"], ["Region", "EUR", "%"], ["North", "7", "8"]])
    2
    >>> looks_like_header([["North", "7"], ["South", "8"]])
    0
    """
    width = max((len(row) for row in rows), default=0)
    grid = [[_one_line(cell) for cell in row] + [""] * (width - len(row)) for row in rows]
    if len(grid) < 2 or not _names_columns(grid, 0):
        return 0
    first = grid[0]
    count = 1
    while count < HEADER_ROWS and _spans(grid[count - 1]):
        if count + 1 >= len(grid) or not _names_columns(grid, count):
            break
        if not _values_follow(grid, count + 1):
            break
        count += 1
    if _values_follow(grid, count):
        return count
    filled = [cell for cell in first if cell]
    full = len(filled) == width and len(set(filled)) == width
    short = all(len(cell) <= LABEL_CHARACTERS for cell in filled)
    form = width == 2 and (
        any(cell.endswith(":") for cell in first)
        or any(is_value(cell) for row in grid[1:] for cell in row)
    )
    return 1 if full and short and not form else 0


def _one_line(cell: str) -> str:
    return " ".join(cell.split())


def _said(row: Sequence[str]) -> set[str]:
    return {text for cell in row if (text := _one_line(cell))}


def is_value(cell: str) -> bool:
    """Whether a cell is a number, an amount, a percentage, a date or a time.

    >>> is_value("(1,234.5)"), is_value("$ 3"), is_value("2024-03-31"), is_value("3rd floor")
    (True, True, True, False)
    """
    return bool(_VALUE.fullmatch(cell) or _DATE.fullmatch(cell) or _PERIOD.fullmatch(cell))


def _names_columns(grid: Sequence[Sequence[str]], at: int) -> bool:
    """Whether a row holds words only, enough of them to be names."""
    row = grid[at]
    filled = sum(1 for cell in row if cell)
    if not filled or (filled < 2 and len(row) > 1):
        return False
    for column, cell in enumerate(row):
        if not cell or not is_value(cell):
            continue
        below = [other[column] for other in grid[at + 1 :]]
        if not _PERIOD.fullmatch(cell) or any(_PERIOD.fullmatch(other) for other in below):
            return False
    return any(cell and not is_value(cell) for cell in row) or not row[0]


def _spans(row: Sequence[str]) -> bool:
    """Whether cells of the row cover several columns: gaps, or the same twice side by side."""
    return any(left == right or not right for left, right in pairwise(row)) or not row[0]


def _values_follow(grid: Sequence[Sequence[str]], start: int) -> bool:
    for column in range(len(grid[0])):
        below = [row[column] for row in grid[start:] if row[column]]
        values = sum(1 for cell in below if is_value(cell))
        if values * 2 > len(below):
            return True
    return False
