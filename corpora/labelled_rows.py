"""The rows of a table that a person keeps: CSV, TSV, an Excel sheet, or JSON lines.

Nothing is known here of what the columns mean; ``labelled_questions`` knows. A table is read
strictly, since a row that slipped by one cell would be a wrong label.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.corpora.loaders.archive import checked
from assay.corpora.loaders.csv_dialect import SIGNS, Dialect, Row, rows, sniff
from assay.corpora.loaders.decoding import decode
from assay.corpora.loaders.loaded import Limits, Source, Unreadable
from assay.corpora.loaders.number_format import written
from assay.corpora.loaders.reading import read
from assay.pipeline.errors import DataError, UsageError

KINDS = (".csv", ".tsv", ".xlsx", ".jsonl")
"""Endings of the files that are read."""

FILE_BYTES = 64 * 1024 * 1024

Wanted = Callable[[Sequence[str]], bool]
"""Whether a row names the columns that are looked for."""


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """One row.

    Args:
        place: file and line or row, for messages.
        cells: column name, as written, to its value; an empty cell is left out.
    """

    place: str
    cells: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LabelledTable:
    """A table.

    Args:
        columns: names as written, in order.
        rows: those that hold anything.
        notices: what was guessed or left out, a sentence each.
    """

    columns: tuple[str, ...]
    rows: tuple[LabelledRow, ...]
    notices: tuple[str, ...] = ()


def read_table(path: Path, names_columns: Wanted) -> LabelledTable:
    """Read a file whose first row names the columns.

    Args:
        path: ``.csv``, ``.tsv``, ``.xlsx`` or ``.jsonl``. The separator of a CSV is the one that
            makes its first row fit ``names_columns``; of a workbook the first visible sheet is
            taken whose first row does, else the first one.
        names_columns: see ``Wanted``.

    Raises:
        UsageError: if the file is missing, is of another kind, or openpyxl is not installed.
        DataError: if it cannot be read, or a row has more cells than there are columns; the
            message names file and row.
    """
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise UsageError(
            f"'{path}' is no table that is read here: expected a file that ends with"
            f" {', '.join(KINDS)}"
        )
    source = Source(path, str(path), Limits(file_bytes=FILE_BYTES))
    try:
        raw = read(source)
    except FileNotFoundError as error:
        raise UsageError(f"'{path}' is missing: check the path") from error
    if kind == ".xlsx":
        return _workbook(raw, source, names_columns)
    text, notices = decode(raw, str(path))
    if kind == ".jsonl":
        return _json_lines(text, path, notices)
    return _delimited(text, path, notices, names_columns)


def _delimited(text: str, path: Path, notices: list[str], wanted: Wanted) -> LabelledTable:
    dialect = _dialect(text, wanted, tabs=path.suffix.lower() == ".tsv")
    found = [one for one in rows(text, dialect) if any(cell.strip() for cell in one.cells)]
    broken = [one.problem for one in found if one.problem]
    if broken:
        raise DataError(f"{path}: {broken[0]}: close the quotation mark, or double it in the text")
    named = [(f"{path}:{one.line}", one.cells) for one in found]
    return _table(path, named, notices)


def _dialect(text: str, wanted: Wanted, *, tabs: bool) -> Dialect:
    """The dialect whose first row names what is looked for, in most columns."""
    guessed = sniff(text, tabs=tabs)
    best: tuple[int, Dialect] = (0, guessed)
    for sign in (guessed.delimiter, *SIGNS, ""):
        dialect = Dialect(sign, guessed.quote)
        first = _first(text, dialect)
        if first is not None and wanted(first.cells) and len(first.cells) > best[0]:
            best = (len(first.cells), dialect)
    # In a table of one column every separator is a letter of its texts.
    return Dialect("", guessed.quote) if best[0] == 1 else best[1]


def _first(text: str, dialect: Dialect) -> Row | None:
    return next((one for one in rows(text, dialect) if any(map(str.strip, one.cells))), None)


def _workbook(raw: bytes, source: Source, wanted: Wanted) -> LabelledTable:
    try:
        import openpyxl
    except ImportError as error:
        raise UsageError(
            "reading .xlsx files needs openpyxl: pip install 'assay[documents]', or save the sheet"
            " as CSV"
        ) from error
    checked(raw, source)
    try:
        book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
        sheets = [one for one in book.worksheets if one.sheet_state == "visible"]
        tables = [(one.title, _sheet(one)) for one in sheets]
    except Exception as error:  # openpyxl raises anything on a file that breaks the format
        raise Unreadable(
            f"{source.id}: cannot be read as a workbook ({type(error).__name__}: {error}): open it"
            " and save it again"
        ) from error
    fitting = [one for one in tables if one[1] and wanted(one[1][0][1])]
    title, chosen = (fitting or tables or [("", [])])[0]
    others = [name for name, _ in tables if name != title]
    notices = [f"{source.id}: read sheet '{title}', not {', '.join(others)}"] if others else []
    return _table(
        source.path,
        [(f"{source.id}, sheet '{title}', row {number}", cells) for number, cells in chosen],
        notices,
    )


def _sheet(sheet: Any) -> list[tuple[int, list[str]]]:
    """Number and cells of each row that is not empty, as the sheet shows them."""
    sheet.reset_dimensions()  # what the file says of its size may be wrong
    found = []
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells = ["" if one.value is None else written(one.value, one.number_format) for one in row]
        if any(cell.strip() for cell in cells):
            found.append((number, cells))
    return found


def _table(path: Path, named: list[tuple[str, list[str]]], notices: list[str]) -> LabelledTable:
    """Rows by column name; the first row names the columns."""
    if not named:
        raise DataError(f"{path}: is empty: expected a row of column names and rows below it")
    columns = [cell.strip() for cell in named[0][1]]
    while columns and not columns[-1]:
        columns.pop()
    found = []
    for place, cells in named[1:]:
        filled = len(cells)
        while filled and not cells[filled - 1].strip():
            filled -= 1
        if filled > len(columns):
            raise DataError(
                f"{place}: expected {len(columns)} cells ({', '.join(columns)}), found {filled}:"
                " put a text that holds the separator into quotation marks"
            )
        pairs = zip(columns, cells, strict=False)
        kept = {name: cell.strip() for name, cell in pairs if name and cell.strip()}
        if kept:
            found.append(LabelledRow(place, kept))
    return LabelledTable(tuple(columns), tuple(found), tuple(notices))


def _json_lines(text: str, path: Path, notices: list[str]) -> LabelledTable:
    found: list[LabelledRow] = []
    columns: dict[str, None] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            record = json.loads(line)
        except ValueError as error:
            raise DataError(f"{place}: not JSON: {error}") from error
        if not isinstance(record, dict):
            raise DataError(f"{place}: expected a JSON object, found {type(record).__name__}")
        columns |= dict.fromkeys(record)
        kept = {key: value for key, value in record.items() if value not in (None, "", [], {})}
        found.append(LabelledRow(place, kept))
    if not found:
        raise DataError(f"{path}: is empty: expected one JSON object a line")
    return LabelledTable(tuple(columns), tuple(found), tuple(notices))
