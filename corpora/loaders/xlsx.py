"""Reads Excel workbooks (.xlsx, .xlsm): each table row as a line that is readable alone.

Numbers stand as their format shows them, results of formulas as Excel saved them. Macros and
formulas never run and links to other files are never followed. Hidden sheets, rows and columns
are left out and named in ``Loaded.problems``.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from assay.corpora.loaders.archive import checked, embedded
from assay.corpora.loaders.loaded import Loaded, Source, TextBuilder, Unreadable
from assay.corpora.loaders.number_format import written
from assay.corpora.loaders.reading import read, refuse_long
from assay.corpora.loaders.sheet_tables import SheetWriter, Written
from assay.corpora.loaders.worksheet import Carried, SheetFacts, scan
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Scalar

PART_CHARACTERS = 4_000_000
"""A workbook whose text is longer becomes several documents of about this length."""

_NAMED = 5  # rows or columns that a problem names


def load(source: Source) -> Iterator[Loaded]:
    """The sheets of a workbook, as one ``Loaded``, or as parts of about 4,000,000 characters.

    A sheet begins with the heading ``## Name``; a title over a table, and the name of an Excel
    table, are headings below it. Places are ``{"sheet": name, "cells": "A7:F7"}``.

    Args:
        source: the file.

    Raises:
        Unreadable: if it is no workbook, is broken, or is protected by a password.
        UsageError: if openpyxl is not installed.
        OSError: if it cannot be opened.
    """
    raw = read(source)
    checked(raw, source)
    try:
        import openpyxl
    except ImportError as error:
        raise UsageError(
            "reading .xlsx files needs openpyxl; pip install 'assay[documents]'"
        ) from error
    try:
        book = openpyxl.load_workbook(
            io.BytesIO(raw), read_only=True, data_only=True, keep_links=False
        )
        reader = _Reader(book, raw, min(PART_CHARACTERS, source.limits.characters))
    except Exception as error:  # openpyxl raises anything on a file that breaks the format
        raise _unreadable(source, error) from error
    documents = reader.documents()
    while True:
        try:
            made = next(documents, None)
        except Exception as error:  # the same, while the rows are read
            raise _unreadable(source, error) from error
        if made is None:
            return
        refuse_long(made.text, source)
        yield made


def _unreadable(source: Source, error: Exception) -> Unreadable:
    return Unreadable(
        f"{source.id}: cannot be read as a workbook ({type(error).__name__}: {error}); open it in "
        "Excel and save it as .xlsx again"
    )


class _Reader:
    """One pass over a workbook's sheets."""

    def __init__(self, book: Any, raw: bytes, characters: int) -> None:
        self._book = book
        self._raw = raw
        self._characters = characters
        self._problems = [
            f"the embedded file {name} is not read; index it as a file of its own"
            for name in embedded(raw)
        ]

    def documents(self) -> Iterator[Loaded]:
        made = TextBuilder()
        written_so_far = 0
        part = 0
        for sheet in self._book.worksheets:
            if sheet.sheet_state != "visible":
                self._problems.append(f"sheet {sheet.title!r}: hidden; left out")
                continue
            for text, kind, level, place in self._blocks(sheet):
                if written_so_far and written_so_far + len(text) > self._characters:
                    part += 1
                    yield self._loaded(made, f"part {part}")
                    made, written_so_far = TextBuilder(), 0
                    if kind != "heading" or level > 2:
                        made.add(sheet.title, "heading", level=2, place={"sheet": sheet.title})
                made.add(text, kind, level=level, place=place)
                written_so_far += len(text) + 2
        for sheet in self._book.chartsheets:
            self._problems.append(f"sheet {sheet.title!r}: a chart without cells; left out")
        yield self._loaded(made, f"part {part + 1}" if part else "")

    def _blocks(self, sheet: Any) -> Iterator[Written]:
        """The blocks of a sheet; one that breaks the format costs no other its rows."""
        try:
            facts = self._facts(sheet)
            self._report(sheet.title, facts)
            yield from SheetWriter(sheet.title, self._tables(sheet)).blocks(_rows(sheet, facts))
        except Exception as error:  # noqa: BLE001 - openpyxl may raise anything; it is reported
            self._problems.append(
                f"sheet {sheet.title!r}: cannot be read, or not to its end "
                f"({type(error).__name__}: {error})"
            )

    def _loaded(self, made: TextBuilder, name: str) -> Loaded:
        properties = self._book.properties
        said = {"author": properties.creator, "language": properties.language}
        metadata: dict[str, Scalar] = {name: text for name, text in said.items() if text}
        problems, self._problems = tuple(self._problems), []
        # without the part openpyxl makes properties up, with this moment as the date
        has_properties = "docProps/core.xml" in self._names()
        changed = properties.modified if has_properties else None
        return Loaded(
            text=made.text,
            blocks=made.blocks,
            id=name,
            title=properties.title or "",
            date=changed.date() if isinstance(changed, datetime) else None,
            metadata=metadata if has_properties else {},
            problems=problems,
        )

    def _names(self) -> list[str]:
        with zipfile.ZipFile(io.BytesIO(self._raw)) as archive:
            return archive.namelist()

    def _facts(self, sheet: Any) -> SheetFacts:
        with (
            zipfile.ZipFile(io.BytesIO(self._raw)) as archive,
            archive.open(sheet._worksheet_path) as stream,
        ):
            return scan(stream)

    def _tables(self, sheet: Any) -> Mapping[str, str]:
        """The names of the sheet's Excel tables by the ranges that they cover."""
        from openpyxl.packaging.relationship import get_dependents, get_rels_path
        from openpyxl.worksheet.table import Table
        from openpyxl.xml.functions import fromstring

        with zipfile.ZipFile(io.BytesIO(self._raw)) as archive:
            path = get_rels_path(sheet._worksheet_path)
            if path not in archive.namelist():
                return {}
            named: dict[str, str] = {}
            for relation in get_dependents(archive, path):
                if relation.Type.endswith("/table") and relation.target in archive.namelist():
                    table = Table.from_tree(fromstring(archive.read(relation.target)))
                    if table.headerRowCount != 0:
                        named[table.ref] = table.displayName
            return named

    def _report(self, title: str, facts: SheetFacts) -> None:
        place = f"sheet {title!r}: "
        for what, hidden in (("row", facts.hidden_rows), ("column", facts.hidden_columns)):
            if hidden:
                named = ", ".join(str(number) for number in sorted(hidden)[:_NAMED])
                more = ", ..." if len(hidden) > _NAMED else ""
                self._problems.append(
                    f"{place}{len(hidden)} hidden {what}{'s' if len(hidden) > 1 else ''} "
                    f"({named}{more}) left out"
                )
        if facts.pending_count:
            named = ", ".join(facts.pending)
            more = ", ..." if facts.pending_count > len(facts.pending) else ""
            self._problems.append(
                f"{place}{facts.pending_count} formula{'s' if facts.pending_count > 1 else ''} "
                f"without a saved result ({named}{more}); open the file in Excel and save it"
            )
        if facts.not_merged:
            self._problems.append(
                f"{place}{facts.not_merged} merged ranges too large to carry to all their cells"
            )


def _rows(sheet: Any, facts: SheetFacts) -> Iterator[tuple[int, dict[int, str]]]:
    """Number and texts by column, from 1, of each row that says something of its own."""
    sheet.reset_dimensions()  # what the file says of its size may be wrong
    carried = Carried(facts.merged)
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells: dict[int, str] = {}
        for cell in row:
            if cell.value is not None:
                text = written(cell.value, cell.number_format)
                if text.strip():
                    cells[cell.column] = " ".join(text.split())
        own = carried.fill(number, cells)
        if own and number not in facts.hidden_rows:
            visible = {
                column: text for column, text in cells.items() if column not in facts.hidden_columns
            }
            if visible:
                yield number, visible
        elif cells:
            yield number, {}  # covered by a merged cell, or hidden: no gap between tables
