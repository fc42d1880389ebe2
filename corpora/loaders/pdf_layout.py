"""Reading order of a PDF page: words become rows, rows fall into columns, columns into lines.

A column border is a strip of white at least one font size wide that runs through several rows
with text on both sides. A row that crosses it (a heading over both columns) ends the columns:
what stands above it is read before it, column by column. Rows whose parts stand on common
baselines and are short are no columns but a table without rules, and are read row by row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from assay.corpora.loaders.pdf_tables import Table
from assay.corpora.loaders.pdf_words import Word

_BIT = 2.0  # points for one bit of a row's mask
_MOST_ROWS = 3000  # rows of a page that are searched for columns
_DEEPEST = 4  # columns within columns
_MARKER = re.compile(r"(?:[•▪◦‣·*–—-]|\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})[.)])")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a column, or one row of a table.

    Args:
        text: its words with single spaces, or the cells with `` | `` between them.
        left: its left edge in points; right its right one.
        base: its baseline.
        size: the font size of most of its letters.
        bold: whether all of it is bold.
        column: left and right edge of its column.
        row: whether it is a table's row.
    """

    text: str
    left: float
    right: float
    base: float
    size: float
    bold: bool
    column: tuple[float, float]
    row: bool = False


Row = list[Word]


def rows_of(words: Sequence[Word]) -> list[Row]:
    """Words that share a baseline, from the top, each row in reading order.

    Raised and lowered small letters (notes, exponents) go to the row they hang on.
    """
    rows: list[Row] = []
    for word in sorted(words, key=lambda one: (one.base, one.left)):
        if rows and word.base - rows[-1][0].base <= 0.25 * min(word.size, rows[-1][0].size):
            rows[-1].append(word)
        else:
            rows.append([word])
    joined: list[Row] = []
    for row in rows:
        if joined and _hangs_on(joined[-1], row):
            joined[-1] = joined[-1] + row
        else:
            joined.append(row)
    return [_in_order(row) for row in joined]


def _hangs_on(above: Row, below: Row) -> bool:
    small, large = sorted((above, below), key=lambda row: max(word.size for word in row))
    size = max(word.size for word in large)
    if max(word.size for word in small) > 0.85 * size:
        return False
    if abs(above[0].base - below[0].base) > 0.5 * size:
        return False
    return all(
        one.right <= other.left + 1 or other.right <= one.left + 1
        for one in small
        for other in large
    )


def _in_order(row: Row) -> Row:
    letters = "".join(word.text for word in row)
    if letters.isascii():
        return sorted(row, key=lambda word: word.left)
    leftwards = sum("\u0590" <= letter <= "\u08ff" for letter in letters)
    if leftwards * 2 > sum(letter.isalpha() for letter in letters):
        return sorted(row, key=lambda word: word.index)  # PDFium has put it in logical order
    return sorted(row, key=lambda word: word.left)


def lines_of(words: Sequence[Word], tables: Sequence[Table]) -> list[Line]:
    """The lines of a page in reading order.

    Args:
        words: those outside of tables, all turned alike.
        tables: its ruled tables.
    """
    # a table takes part in the layout as one large word, so that it stays in its column
    stands = {-1 - number: table for number, table in enumerate(tables)}
    size = median(word.size for word in words) if words else 10.0
    boxes = [
        Word("", table.left, table.right, table.top + size, size, False, number)
        for number, table in stands.items()
    ]
    placed: list[Line] = []
    for one in _read([*words, *boxes], 0):
        if one.text.startswith("\0"):
            placed += _table_lines(stands[int(one.text[1:])], one)
        else:
            placed.append(one)
    return placed


def _table_lines(table: Table, stand: Line) -> list[Line]:
    lines = []
    for row in table.rows:
        words = [word for cell in row for word in cell]
        text = " | ".join(
            " ".join(joined_text(part) for part in rows_of(cell)) if cell else "" for cell in row
        )
        lines.append(_line(words, text, stand.column, row=True))
    return lines


def _read(words: list[Word], depth: int) -> list[Line]:
    """Lines of a region, in reading order."""
    rows = rows_of(words)
    if not rows:
        return []
    left = min(word.left for word in words)
    right = max(word.right for word in words)
    whole = (left, right)
    if depth >= _DEEPEST or len(rows) > _MOST_ROWS:
        return [_plain(row, whole) for row in rows]
    width = max(3, round(median(word.size for word in words) / _BIT))
    masks = [_mask(row, left) for row in rows]
    lines: list[Line] = []
    at = 0
    while at < len(rows):
        end, columns, kind = at + 1, [words], "plain"
        runs = _runs(masks, at, width)
        for number, (behind, gaps) in enumerate(runs):
            found = _columns(rows[at:behind], [left + gap * _BIT for gap in gaps])
            is_last = number == len(runs) - 1
            # a run that would be longer with fewer strips only counts where it is a table
            if len(found) > 1 and (is_last or behind - at > 2):
                kind = _kind(rows[at:behind], found)
                end, columns = behind, found
                if kind == "table":
                    break
        if kind == "table":
            lines += [_cells(row, columns, whole) for row in rows[at:end]]
        elif kind == "columns":
            for column in columns:
                lines += _read(column, depth + 1)
        else:
            end = at + 1
            lines.append(_plain(rows[at], whole))
        at = end
    return lines


def _mask(row: Row, left: float) -> int:
    mask = 0
    for word in row:
        start = max(0, int((word.left - left) / _BIT))
        end = min(20_000, max(start + 1, int((word.right - left) / _BIT)))
        mask |= ((1 << max(1, end - start)) - 1) << start
    return mask


def _runs(masks: list[int], at: int, width: int) -> list[tuple[int, list[int]]]:
    """Runs of rows from ``at`` on that share strips of white.

    Returns:
        For every number of strips, falling: the row behind the longest run that shares so many,
        and the middles of the strips, in bits. Empty where there is no strip.
    """
    covered = 0
    runs: list[tuple[int, list[int]]] = []
    for end in range(at, len(masks)):
        covered |= masks[end]
        gaps = _gaps(covered, width)
        if gaps:
            while runs and len(runs[-1][1]) <= len(gaps):
                runs.pop()  # as many strips over more rows
            runs.append((end + 1, gaps))
        elif runs or end - at >= 2:
            break
    return runs


def _gaps(mask: int, width: int) -> list[int]:
    filled = mask
    for step in range(1, width):
        filled |= mask << step
    if not ~filled & ((1 << mask.bit_length()) - 1) & ~((mask & -mask) - 1):
        return []
    return [
        (found.start() + found.end()) // 2
        for found in re.finditer(f"0{{{width},}}", bin(mask)[:1:-1].rstrip("0"))
        if found.start() > 0
    ]


def _columns(band: list[Row], borders: list[float]) -> list[list[Word]]:
    columns: list[list[Word]] = [[] for _ in range(len(borders) + 1)]
    for row in band:
        for word in row:
            centre = (word.left + word.right) / 2
            columns[sum(centre > border for border in borders)].append(word)
    return [column for column in columns if column]


def _kind(band: list[Row], columns: list[list[Word]]) -> str:
    """Whether a band is read by ``columns``, as a ``table``, or is ``plain`` text."""
    sides = [rows_of(column) for column in columns]
    shared = sum(
        sum(any(word in row for word in column_words) for column_words in map(set, columns)) > 1
        for row in band
    )
    aligned = shared >= 0.6 * len(band)
    words = [median(len(row) for row in side) for side in sides]
    if _MARKER.fullmatch(sides[0][0][0].text) and words[0] <= 1:
        return "plain"  # the marks of a list
    if aligned and min(words) <= 3 and any(word.text for row in band for word in row):
        return "table" if len(band) >= 2 and len(columns) >= 2 else "plain"
    tables = any(not word.text for row in band for word in row)
    if min(words) <= 3 and shared >= 0.6 * min(len(side) for side in sides) and not tables:
        return "plain"  # a table's column beside rows that run over the others
    if min(len(side) for side in sides) < 3 and not tables:
        return "plain"
    tops = [side[0][0].base for side in sides]
    ends = [side[-1][0].base for side in sides]
    overlap = min(ends) - max(tops)
    shortest = min(end - top for top, end in zip(tops, ends, strict=True))
    return "columns" if overlap >= 0.5 * shortest else "plain"


def _plain(row: Row, column: tuple[float, float]) -> Line:
    if len(row) == 1 and not row[0].text:
        return _line(row, f"\0{row[0].index}", column)
    return _line(row, joined_text([word for word in row if word.text]), column)


def _cells(row: Row, columns: list[list[Word]], whole: tuple[float, float]) -> Line:
    cells = [[word for word in row if word in column] for column in map(set, columns)]
    if not all(word.text for word in row):
        return _plain([word for word in row if not word.text][:1], whole)
    text = " | ".join(joined_text(cell) for cell in cells)
    return _line(row, text, whole, row=sum(map(bool, cells)) > 1)


def joined_text(row: Sequence[Word]) -> str:
    """The words of a row with single spaces."""
    return " ".join(word.text for word in row)


def _line(words: Row, text: str, column: tuple[float, float], *, row: bool = False) -> Line:
    largest = max(words, key=lambda word: len(word.text))
    return Line(
        text=text,
        left=min(word.left for word in words),
        right=max(word.right for word in words),
        base=median(word.base for word in words),
        size=largest.size,
        bold=all(word.bold for word in words),
        column=column,
        row=row,
    )
