"""What a worksheet says beside its values: merged and hidden cells, and formulas without a result.

openpyxl's read-only mode, which reads a sheet of any length in little memory, leaves these out.
One pass over the XML with the standard library's parser collects them and checks that no cell
stands outside of what a sheet can have, before openpyxl walks the rows.
"""

from __future__ import annotations

import re
from bisect import insort
from dataclasses import dataclass, field
from typing import IO
from xml.parsers import expat

ROWS = 1_048_576
COLUMNS = 16_384
GRID = 100_000_000
"""Most cells of a sheet, empty cells before the last one of each row counted."""
MERGED = 1_000_000
"""Most cells that merged cells of one sheet cover."""
_NAMED = 5  # cells that a problem names

_CELL = re.compile(r"\$?([A-Za-z]{1,3})\$?([0-9]{1,7})")


class Outside(ValueError):
    """The sheet has a cell where none can be, or more than can be read."""


@dataclass(slots=True)
class SheetFacts:
    """What one pass over a worksheet found; rows and columns count from 1.

    Args:
        merged: (first row, first column, last row, last column) of each merged range, in order.
        hidden_rows: the hidden rows.
        hidden_columns: the hidden columns that lie before the sheet's last column.
        pending: the first cells with a formula whose result was never saved.
        pending_count: how many these are.
        not_merged: merged ranges that are too large to carry.
        columns: the last column in use.
    """

    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    pending: list[str] = field(default_factory=list)
    pending_count: int = 0
    not_merged: int = 0
    columns: int = 0


def cell_position(reference: str) -> tuple[int, int]:
    """Row and column, from 1, of a reference such as ``C7``.

    Raises:
        Outside: if a sheet has no such cell.

    >>> cell_position("C7")
    (7, 3)
    """
    found = _CELL.fullmatch(reference)
    if not found:
        raise Outside(f"{reference[:20]!r} is no cell")
    column = 0
    for letter in found[1].upper():
        column = column * 26 + ord(letter) - ord("A") + 1
    row = int(found[2])
    if not 1 <= row <= ROWS or column > COLUMNS:
        raise Outside(f"the cell {reference!r} lies outside of a sheet")
    return row, column


def scan(stream: IO[bytes]) -> SheetFacts:
    """One pass over a worksheet's XML.

    Args:
        stream: the part of the archive.

    Raises:
        Outside: see ``Outside``.
        xml.parsers.expat.ExpatError: if it is not well-formed.
    """
    scanner = _Scanner()
    parser = expat.ParserCreate()
    parser.StartElementHandler = scanner.start
    parser.EndElementHandler = scanner.end
    parser.CharacterDataHandler = scanner.characters
    parser.StartDoctypeDeclHandler = scanner.doctype
    parser.ParseFile(stream)
    facts = scanner.facts
    facts.hidden_columns = {column for column in facts.hidden_columns if column <= facts.columns}
    facts.merged.sort()
    return facts


class _Scanner:
    def __init__(self) -> None:
        self.facts = SheetFacts()
        self._row = 0
        self._column = 0
        self._grid = 0
        self._covered = 0
        self._formula = False
        self._value = False
        self._in_value = False

    def doctype(self, *_: object) -> None:
        raise Outside("a document type is declared")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name == "c":
            reference = attributes.get("r")
            if reference is None:
                self._column += 1
            else:
                _, self._column = cell_position(reference)
            self._formula = self._value = False
        elif name in ("v", "is"):
            self._in_value = True
        elif name == "f":
            self._formula = True
        elif name == "row":
            self._start_row(attributes)
        elif name == "col" and attributes.get("hidden") in ("1", "true"):
            last = min(int(attributes.get("max", "0")), COLUMNS)
            self.facts.hidden_columns.update(range(int(attributes.get("min", "1")), last + 1))
        elif name == "mergeCell":
            self._merge(attributes.get("ref", ""))

    def characters(self, data: str) -> None:
        if self._in_value and not self._value and data.strip():
            self._value = True

    def end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        if name in ("v", "is"):
            self._in_value = False
        elif name == "c":
            self.facts.columns = max(self.facts.columns, self._column)
            if self._formula and not self._value:
                self.facts.pending_count += 1
                if len(self.facts.pending) < _NAMED:
                    self.facts.pending.append(f"{_letters(self._column)}{self._row}")
        elif name == "row":
            self._grid += self._column
            if self._grid > GRID:
                raise Outside(f"the sheet has more than {GRID} cells")

    def _start_row(self, attributes: dict[str, str]) -> None:
        said = attributes.get("r")
        row = int(said) if said is not None else self._row + 1
        if not self._row < row <= ROWS:
            raise Outside(f"row {row} follows row {self._row}")
        self._row, self._column = row, 0
        if attributes.get("hidden") in ("1", "true"):
            self.facts.hidden_rows.add(row)

    def _merge(self, reference: str) -> None:
        first, _, last = reference.partition(":")
        top, left = cell_position(first)
        bottom, right = cell_position(last or first)
        size = (bottom - top + 1) * (right - left + 1)
        if size < 1 or self._covered + size > MERGED:
            self.facts.not_merged += 1
            return
        self._covered += size
        self.facts.merged.append((top, left, bottom, right))


def _letters(column: int) -> str:
    from assay.corpora.loaders.tables import column_letters

    return column_letters(column - 1)


class Carried:
    """Carries the text of merged cells to all cells that they cover, row by row.

    Args:
        merged: as ``SheetFacts.merged``.
    """

    def __init__(self, merged: list[tuple[int, int, int, int]]) -> None:
        self._waiting = merged[::-1]
        self._open: list[tuple[int, int, int, str]] = []  # last row, columns, text

    def fill(self, row: int, cells: dict[int, str]) -> bool:
        """Fill a row's cells in; rows come in order.

        Returns:
            Whether the row says something of its own.
        """
        own = any(cells.values())
        while self._waiting and self._waiting[-1][0] <= row:
            top, left, bottom, right = self._waiting.pop()
            text = cells.get(left, "") if top == row else ""
            if text:
                insort(self._open, (bottom, left, right, text))
        while self._open and self._open[0][0] < row:
            self._open.pop(0)
        for _, left, right, text in self._open:
            for column in range(left, right + 1):
                cells.setdefault(column, text)
        return own
