"""How a delimited file is written, by a rule that can be foretold, and its rows by that.

The rule, over the first 50 rows:

- The quotation mark is ``"``, unless the sample has none and two fields or more stand wholly in
  ``'``.
- Each of tab, ``;``, ``,`` and ``|`` is tried. Its score is the share of rows that have the most
  frequent number of fields, of two or more, and no broken quote; a quarter is added if the first
  row has that sign, so that the commas of decimal numbers below a header do not win. The best
  score wins, then more fields, then the order above. A ``.tsv`` has tabs wherever its first row
  has one.
- Where none gives two fields the file has one column.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

SIGNS = ("\t", ";", ",", "|")
SAMPLE = 50
FIELD_CHARACTERS = 1_000_000
"""How far behind an opening quotation mark its end is looked for."""

MOST_BROKEN = 1000
"""Rows with a broken quote, after which quotation marks are taken as letters."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Args:
    delimiter: one character; '' for a file of one column.
    quote: one character; '' where quotation marks are letters.
    """

    delimiter: str
    quote: str = '"'


@dataclass(frozen=True, slots=True)
class Row:
    """Args:
    number: from 1; empty rows and the header count, as in a spreadsheet.
    line: its first line in the file, from 1.
    cells: as written, without the quotes around them.
    problem: what is wrong with it, '' for nothing.
    """

    number: int
    line: int
    cells: list[str]
    problem: str = ""


def sniff(text: str, *, tabs: bool = False) -> Dialect:
    """The dialect of a text by the rule of this module; ``tabs`` for a ``.tsv``.

    >>> sniff("name;price\\nA;1,50\\nB;2,75\\n")
    Dialect(delimiter=';', quote='"')
    """
    head = text[: 64 * 1024]
    if len(text) > len(head):
        head = head[: head.rfind("\n") + 1] or head  # half a row would count as a wrong one
    first = next((line for line in head.splitlines() if line.strip()), "")
    single = (
        0 if '"' in head else len(re.findall(r"(?:^|[\t;,|])'[^'\n]*'(?=[\t;,|]|$)", head, re.M))
    )
    quote = "'" if single >= 2 else '"'
    if tabs and "\t" in first:
        return Dialect("\t", quote)
    best = (0.0, 0)
    chosen = ""
    for sign in SIGNS:
        if sign not in head:
            continue
        found = islice(rows(head, Dialect(sign, quote)), SAMPLE)
        widths = Counter(0 if row.problem else len(row.cells) for row in found if any(row.cells))
        usual = max(
            ((count, width) for width, count in widths.items() if width > 1), default=(0, 0)
        )
        if not usual[0]:
            continue
        score = (usual[0] / widths.total() + (0.25 if sign in first else 0), usual[1])
        if score > best:
            best, chosen = score, sign
    return Dialect(chosen, quote)


def rows(text: str, dialect: Dialect) -> Iterator[Row]:
    """The rows of a text, one at a time.

    A quotation mark counts only at the start of a field. One that is not closed within
    ``FIELD_CHARACTERS``, or is closed before the field's end, is taken as a letter, and its row
    has a problem; the row then ends with its line.
    """
    sign, quote = dialect.delimiter, dialect.quote
    end_of_line = "\n" if "\n" in text or "\r" not in text else "\r"
    place, number, line, broken = 0, 0, 1, 0
    while place < len(text):
        number += 1
        found = text.find(end_of_line, place)
        stop = len(text) if found < 0 else found
        row = text[place:stop]
        if row.endswith("\r"):
            row = row[:-1]
        problem = ""
        after = stop + 1
        lines = 1
        if not quote or quote not in row:
            cells = row.split(sign) if sign else [row]
        elif (quick := _quick(row, sign, quote)) is not None:
            cells = quick
        else:
            cells, after, problem = _slow(text, place, sign, quote, end_of_line)
            lines = max(text.count(end_of_line, place, after), 1)
        if problem:
            broken += 1
            problem = f"row {number} (line {line}): {problem}"
            if broken == MOST_BROKEN:
                quote = ""
                problem += f"; the {broken}th such row: from here on quotes are letters"
        yield Row(number, line, cells, problem)
        place = after
        line += lines


def _quick(row: str, sign: str, quote: str) -> list[str] | None:
    """The fields of a row that is one line and in order; None for others."""
    if len(row) > 100_000:  # csv refuses fields above a limit of the whole process
        return None
    try:
        return next(csv.reader([row], delimiter=sign or "\0", quotechar=quote, strict=True))
    except csv.Error:
        return None


def _slow(
    text: str, start: int, sign: str, quote: str, end_of_line: str
) -> tuple[list[str], int, str]:
    """The fields of a row, where the next row begins, and what is wrong."""
    cells: list[str] = []
    problem = ""
    place = start
    line_end = _or_end(text, text.find(end_of_line, place))
    while True:
        end = -1
        if text[place : place + 1] == quote:
            end = _closing(text, place + 1, quote)
            behind = text[end + 1 : end + 2] if end >= 0 else ""
            fits = end >= 0 and (
                end + 1 == len(text)
                or behind in (end_of_line, sign)
                or (behind == "\r" and text[end + 2 : end + 3] == end_of_line)
            )
            if not fits:
                said = (
                    "opens and does not close" if end < 0 else "closes before the end of its field"
                )
                problem = problem or f"a quote {said} (field {len(cells) + 1}); taken as a letter"
                end = -1
        if end >= 0:
            cells.append(text[place + 1 : end].replace(quote * 2, quote))
            stop = end + 1
            if text[stop : stop + 1] == "\r" and end_of_line == "\n":
                stop += 1
            line_end = stop if stop >= line_end else line_end
        else:
            if place > line_end:
                line_end = _or_end(text, text.find(end_of_line, place))
            found = text.find(sign, place, line_end) if sign else -1
            stop = found if found >= 0 else line_end
            cells.append(text[place:stop].removesuffix("\r") if found < 0 else text[place:stop])
        if sign and text[stop : stop + 1] == sign:
            place = stop + 1
            if place > line_end:
                line_end = _or_end(text, text.find(end_of_line, place))
            continue
        return cells, stop + 1, problem


def _closing(text: str, start: int, quote: str) -> int:
    """Where the quotation mark stands that closes a field; -1 for none."""
    limit = min(len(text), start + FIELD_CHARACTERS)
    while (found := text.find(quote, start, limit)) >= 0:
        if text[found + 1 : found + 2] != quote:
            return found
        start = found + 2
    return -1


def _or_end(text: str, found: int) -> int:
    return len(text) if found < 0 else found
