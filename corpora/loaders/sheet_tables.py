"""Finds the tables on a sheet while its rows stream by, and writes them row by row.

Blank rows end a table. A blank column ends one if what stands to its right can be read without
its left: two columns or more of which the first holds mostly words, or cells in other rows only.
So two tables side by side are two, and a statement with spacer columns is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from assay.corpora.block import Kind
from assay.corpora.loaders.tables import (
    SAMPLE_ROWS,
    caption_rows,
    column_letters,
    column_names,
    header_text,
    is_value,
    join_header,
    looks_like_header,
    row_text,
)
from assay.corpora.loaders.worksheet import cell_position
from assay.pipeline.words import Scalar

WAITING_ROWS = 1_000
"""Rows that are held back to see which columns are blank; later rows follow what these say."""

Row = tuple[int, Mapping[int, str]]
Written = tuple[str, Kind, int, dict[str, Scalar]]

_TITLE_CHARACTERS = 100
_WIDE = 256  # columns above which only the filled cells of a row are looked at
_SAME_TABLE = 3  # rows: a part without header this close below a table has that table's header


@dataclass(slots=True)
class _Table:
    """The table that rows are written to.

    Args:
        left: its first column, from 1.
        right: its last.
        names: its columns' names, ``left`` to ``right``; letters where there is no header.
        last: the last row written.
    """

    left: int
    right: int
    names: tuple[str, ...]
    last: int


class SheetWriter:
    """Writes one sheet.

    Args:
        title: the sheet's name.
        tables: names of Excel tables by their range, such as ``{"A3:F20": "Sales"}``.
    """

    def __init__(self, title: str, tables: Mapping[str, str]) -> None:
        self._title = title
        self._named = {cell_position(range_.partition(":")[0]): tables[range_] for range_ in tables}
        self._done: list[_Table] = []

    def blocks(self, rows: Iterable[Row]) -> Iterator[Written]:
        """The sheet's blocks: text, kind, level and place of each.

        Args:
            rows: number and texts by column, in order; a row without texts is one that does not
                count, a number that is missing is a blank row.
        """
        waiting: list[Row] = []
        streaming: list[tuple[int, _Table]] | None = None
        last = 0
        started = False
        for number, cells in rows:
            if number > last + 1:
                yield from self._written(waiting)
                waiting, streaming = [], None
            last = number
            if not cells:
                continue
            if not started:
                started = True
                yield self._title, "heading", 2, {"sheet": self._title}
            if streaming is not None:
                yield from self._streamed(number, cells, streaming)
                continue
            waiting.append((number, cells))
            if len(waiting) >= WAITING_ROWS:
                starts = _starts(waiting)
                yield from self._written(waiting)
                streaming = [(start, self._table_at(start, last)) for start in starts]
                waiting = []
        yield from self._written(waiting)

    def _written(self, band: list[Row]) -> Iterator[Written]:
        """Rows without a blank one between them."""
        if not band:
            return
        starts = _starts(band)
        for start, behind in zip(starts, [*starts[1:], 1 << 30], strict=True):
            part: list[Row] = []
            for number, cells in band:
                own = {at: text for at, text in cells.items() if start <= at < behind}
                if own:
                    part.append((number, own))
                elif part:
                    yield from self._write_part(part)
                    part = []
            if part:
                yield from self._write_part(part)

    def _write_part(self, part: list[Row]) -> Iterator[Written]:
        """Rows and columns that belong together."""
        left = min(min(cells) for _, cells in part)
        right = max(max(cells) for _, cells in part)
        sample = [_texts(cells, left, right) for _, cells in part[: SAMPLE_ROWS * 2]]
        captions = caption_rows(sample)
        if _says_one_thing(part) and not (left == right and looks_like_header(sample)):
            captions = len(part)
        for number, cells in part[:captions]:
            for other in self._done:
                if 0 <= number - other.last <= _SAME_TABLE:
                    other.last = number  # the name of a section inside a table
            text = next(iter(cells.values()))
            place = self._place(number, min(cells), max(cells))
            is_title = captions < len(part) and len(text) <= _TITLE_CHARACTERS
            is_title = is_title and not text.endswith((".", ":", ";"))
            yield (text, "heading", 3, place) if is_title else (text, "paragraph", 0, place)
        if captions == len(part):
            return
        first = part[captions][0]
        named = next(
            (self._named[first, at] for at in part[captions][1] if (first, at) in self._named), ""
        )
        if named:
            yield named, "heading", 3, self._place(first, left, right)
        below = sample[captions:]
        count = 1 if named else looks_like_header(below[:SAMPLE_ROWS])
        table = self._table(left, right, first, join_header(below[:count]))
        if count:
            place = self._place(first, left, right)
            yield header_text(join_header(below[:count])), "table_row", 0, place
        for number, cells in part[captions + count :]:
            yield self._line(table, number, cells)

    def _table(self, left: int, right: int, first: int, header: tuple[str, ...]) -> _Table:
        """A table with its header, or with that of the table close above."""
        if not header:
            for other in reversed(self._done):
                near = 0 <= first - other.last <= _SAME_TABLE
                if near and other.left <= left and right <= other.right:
                    return other
        said = [*header, *[""] * (right - left + 1 - len(header))]
        said = [name or column_letters(left - 1 + at) for at, name in enumerate(said)]
        table = _Table(left, right, column_names(said, len(said)), first)
        self._done = [*self._done[-20:], table]
        return table

    def _table_at(self, start: int, last: int) -> _Table:
        for table in reversed(self._done):
            if table.left >= start:
                return table
        return self._table(start, start, last, ())

    def _streamed(
        self, number: int, cells: Mapping[int, str], tables: list[tuple[int, _Table]]
    ) -> Iterator[Written]:
        """A row below those that waited."""
        for index, (start, table) in enumerate(tables):
            low = start if index else 0
            behind = tables[index + 1][0] if index + 1 < len(tables) else 1 << 30
            own = {at: text for at, text in cells.items() if low <= at < behind}
            if own:
                yield self._line(table, number, own)

    def _line(self, table: _Table, number: int, cells: Mapping[int, str]) -> Written:
        table.last = number
        low, high = min(cells), max(cells)
        inside = table.left <= low and high <= table.right
        if inside and table.right - table.left < _WIDE:
            names, texts = table.names, _texts(cells, table.left, table.right)
        else:
            columns = sorted(cells)
            texts = [cells[at] for at in columns]
            names = tuple(
                table.names[at - table.left]
                if table.left <= at <= table.right
                else column_letters(at - 1)
                for at in columns
            )
        place = self._place(number, min(low, table.left), max(high, table.right))
        return row_text(names, texts), "table_row", 0, place

    def _place(self, row: int, left: int, right: int) -> dict[str, Scalar]:
        first = f"{column_letters(left - 1)}{row}"
        cells = first if left == right else f"{first}:{column_letters(right - 1)}{row}"
        return {"sheet": self._title, "cells": cells}


def _texts(cells: Mapping[int, str], left: int, right: int) -> list[str]:
    return [cells.get(at, "") for at in range(left, right + 1)]


def _says_one_thing(part: list[Row]) -> bool:
    return all(len(set(cells.values())) == 1 for _, cells in part)


def _starts(band: list[Row]) -> list[int]:
    """The first columns of the tables that stand side by side."""
    used = sorted({at for _, cells in band for at in cells})
    groups: list[list[int]] = []
    for at in used:
        if groups and at == groups[-1][1] + 1:
            groups[-1][1] = at
        else:
            groups.append([at, at])
    starts = [groups[0][0]]
    left = groups[0]
    for group in groups[1:]:
        if _stands_alone(band, left, group):
            starts.append(group[0])
            left = group
        else:
            left = [left[0], group[1]]
    return starts


def _stands_alone(band: list[Row], left: list[int], right: list[int]) -> bool:
    def says(cells: Mapping[int, str], group: list[int]) -> bool:
        return any(group[0] <= at <= group[1] for at in cells)

    if not any(says(cells, left) and says(cells, right) for _, cells in band):
        return True
    if left[0] == left[1] or right[0] == right[1]:
        return False
    labels = [cells[right[0]] for _, cells in band if right[0] in cells]
    words = sum(1 for text in labels if not is_value(text))
    return len(labels) > 1 and words * 2 > len(labels)
