"""Turns the cells of an HTML table into rows that are readable alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_LONGEST_HEADER = 200  # a longer one is no header; it would be repeated in every row
_WIDEST = 200  # columns that a span may cover
_NUMBER = re.compile(r"[-+(]?\s*[$€£¥]?\s*[-+(]?\d")


@dataclass(slots=True)
class Cell:
    """A cell of a table.

    Args:
        header: whether it is a ``th``.
        columns: how many columns it covers.
        rows: how many rows it covers.
        parts: its blocks' words.
    """

    header: bool = False
    columns: int = 1
    rows: int = 1
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its words on one line."""
        return " ".join(" ".join(self.parts).split())


@dataclass(slots=True)
class Row:
    """A row of a table.

    Args:
        line: where it begins in the file.
        head: whether it stands in a ``thead``.
        cells: from left to right.
    """

    line: int
    head: bool = False
    cells: list[Cell] = field(default_factory=list)


def is_data(rows: Sequence[Row]) -> bool:
    """Whether a table holds data, not the layout of a page: two columns and two rows, or headers.

    Tables with other tables or headings in them never come here.
    """
    wide = sum(len(row.cells) > 1 for row in rows)
    headed = any(row.head or any(cell.header for cell in row.cells) for row in rows)
    long = any(len(cell.parts) > 5 for row in rows for cell in row.cells)
    return wide > 0 and (headed or (wide > 1 and not long))


def readable(rows: Sequence[Row]) -> Iterator[tuple[str, int]]:
    """Each row as ``Header: value; Header: value``, and its line.

    A header that covers several columns is repeated for each, one above another joined by ``/``;
    a cell that covers several rows is repeated in each. A table of headers alone is given as is.
    """
    grid = list(_spread(rows))
    heads = _header_rows(rows, grid)
    labels = _labels(rows[:heads], grid[:heads])
    if any(len(label) > _LONGEST_HEADER for label in labels.values()):
        heads, labels = 0, {}
    if heads == len(rows):
        heads, labels = 0, {}
    for row, cells in zip(rows[heads:], grid[heads:], strict=True):
        parts = [
            f"{labels[column]}: {text}" if labels.get(column) else text
            for column, text in sorted(cells.items())
            if text
        ]
        if parts:
            yield "; ".join(parts), row.line


def _spread(rows: Sequence[Row]) -> Iterator[dict[int, str]]:
    """For each row the first column of every cell and its words, cells from above included."""
    above: dict[int, tuple[int, str]] = {}  # column: rows still covered, words
    for row in rows:
        cells = {column: text for column, (_, text) in above.items()}
        left = {column: (rest - 1, text) for column, (rest, text) in above.items() if rest > 1}
        column = 0
        for cell in row.cells:
            while column in above:
                column += 1
            text = cell.text
            cells[column] = text
            # long cells are not repeated: one cell with a million rows would fill the memory
            if cell.rows > 1 and len(text) <= _LONGEST_HEADER:
                for step in range(cell.columns):
                    left[column + step] = (cell.rows - 1, text if step == 0 else "")
            column += cell.columns
        above = left
        yield cells


def _header_rows(rows: Sequence[Row], grid: Sequence[dict[int, str]]) -> int:
    """How many rows at the top are headers."""
    count = 0
    for row in rows:
        only = bool(row.cells) and all(cell.header or not cell.text for cell in row.cells)
        if not row.head and not (only and any(cell.header for cell in row.cells)):
            break
        count += 1
    if count or any(cell.header for row in rows for cell in row.cells) or len(rows) < 2:
        return count
    first = [text for text in grid[0].values() if text]
    plain = len(first) > 1 and not any(_NUMBER.match(text) for text in first)
    numbers = any(_NUMBER.match(text) for cells in grid[1:] for text in cells.values())
    return int(plain and numbers and len(set(first)) == len(first))


def _labels(rows: Sequence[Row], grid: Sequence[dict[int, str]]) -> dict[int, str]:
    """The header of each column."""
    labels: dict[int, list[str]] = {}
    for row, cells in zip(rows, grid, strict=True):
        spans = iter(cell.columns for cell in row.cells)
        own = iter(row.cells)
        following = next(own, None)
        for column, text in sorted(cells.items()):
            mine = following is not None and following.text == text
            width = next(spans, 1) if mine else 1
            following = next(own, None) if mine else following
            for step in range(width):
                found = labels.setdefault(column + step, [])
                if text and text not in found:
                    found.append(text)
    return {column: " / ".join(found) for column, found in labels.items()}


def span(written: str | None, most: int = _WIDEST) -> int:
    """The number of a ``colspan`` or ``rowspan``, between 1 and a limit."""
    digits = (written or "").strip()
    return min(max(int(digits), 1), most) if digits.isdecimal() and len(digits) < 7 else 1
