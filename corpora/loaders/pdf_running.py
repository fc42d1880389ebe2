"""Headers and footers that repeat from page to page, page numbers among them.

A row is a running one if a row with the same words stands at the same height on enough of the
pages around it. A number in it may differ, but only as page numbers do: it must grow by one
from page to page. So a table's last row, whose figures differ freely, never counts as one.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from assay.corpora.loaders.pdf_layout import Row, joined_text, rows_of
from assay.corpora.loaders.pdf_tables import Table
from assay.corpora.loaders.pdf_words import Word

_REACH = 8  # pages looked at to either side
_DEEPEST = 3  # rows from the top and from the bottom that may be running ones
_SHARE = 0.4  # of the pages around; left and right pages may have different headers
_HEIGHT = 4.0  # points that a row's height may differ
_NUMBER = re.compile(r"\d{1,6}|\b[ivxlc]{1,7}\b")
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


@dataclass(slots=True)
class PreparedPage:
    """A page on its way to the layout.

    Args:
        number: from 1.
        words: upright words outside of tables.
        tables: its ruled tables.
        turned: words of other directions.
        removed: texts of the running rows that were taken out.
    """

    number: int
    words: list[Word]
    tables: tuple[Table, ...]
    turned: list[Word]
    removed: list[str] = field(default_factory=list)


Key = tuple[str, str, int]
Edges = list[tuple[Row, set[Key]]]


def without_running(pages: Iterable[PreparedPage]) -> Iterator[PreparedPage]:
    """The pages without their running rows; at most 17 pages are held at a time."""
    held: deque[tuple[PreparedPage, Edges, Edges]] = deque()
    counts: Counter[Key] = Counter()
    waiting = 0  # position in ``held`` of the next page to hand out
    for page in pages:
        entry = (page, *_edges(page))
        held.append(entry)
        counts.update(_keys(entry))
        if len(held) - waiting > _REACH:
            yield _cleaned(held[waiting], counts, len(held))
            waiting += 1
        if waiting > _REACH:
            counts.subtract(_keys(held.popleft()))
            waiting -= 1
    for entry in itertools.islice(held, waiting, None):
        yield _cleaned(entry, counts, len(held))


def _keys(entry: tuple[PreparedPage, Edges, Edges]) -> set[Key]:
    return {key for edge in entry[1:] for _, keys in edge for key in keys}


def _edges(page: PreparedPage) -> tuple[Edges, Edges]:
    rows = rows_of(page.words)
    if page.tables:  # only what stands above the first and below the last table
        first = min(table.top for table in page.tables)
        last = max(table.bottom for table in page.tables)
        top = [row for row in rows if row[0].base < first]
        bottom = [row for row in rows if row[0].base > last]
    else:
        top = bottom = rows
    return (
        [(row, _row_keys(row, "top", page.number)) for row in top[:_DEEPEST]],
        [(row, _row_keys(row, "bottom", page.number)) for row in bottom[::-1][:_DEEPEST]],
    )


def _row_keys(row: Row, edge: str, page: int) -> set[Key]:
    """What the row would look like elsewhere, were its numbers page numbers or fixed."""
    text = joined_text(row)
    found = list(_NUMBER.finditer(text))[:3]
    letters = sum(letter.isalpha() for letter in text)
    height = int(row[0].base // _HEIGHT)
    keys: set[Key] = set()
    for grows in itertools.product((False, True), repeat=len(found)):
        if letters < 3 and not any(grows):
            continue  # a lone figure that stays the same is no page number
        pieces, behind = [], 0
        for number, moves in zip(found, grows, strict=True):
            pieces.append(text[behind : number.start()])
            pieces.append(f"<{_value(number.group()) - page}>" if moves else number.group())
            behind = number.end()
        form = "".join([*pieces, text[behind:]])
        keys |= {(edge, form, height), (edge, form, height + 1)}
    return keys


def _value(number: str) -> int:
    if number.isdigit():
        return int(number)
    values = [_ROMAN[letter] for letter in number]
    return sum(
        -value if value < following else value
        for value, following in zip(values, [*values[1:], 0], strict=True)
    )


def _cleaned(
    entry: tuple[PreparedPage, Edges, Edges], counts: Counter[Key], pages: int
) -> PreparedPage:
    page, top, bottom = entry
    needed = max(2 if pages == 2 else 3, _SHARE * pages)
    running: list[Row] = []
    for edge in (top, bottom):
        found: list[Row] = []
        for row, keys in edge:
            if row in running or not any(counts[key] >= needed for key in keys):
                break
            found.append(row)
        while found and not _stands_apart(found[-1], page, found):
            found.pop()  # so near to the text it is text: a phrase that comes back
        running += found
    gone = {id(word) for row in running for word in row}
    rest = [word for word in page.words if id(word) not in gone]
    if running and (rest or page.tables):  # a page of nothing else keeps them: it is its text
        page.words = rest
        page.removed = [joined_text(row) for row in running]
    return page


def _stands_apart(row: Row, page: PreparedPage, running: list[Row]) -> bool:
    """Whether a row is set off from the text next to it, by a gap or by its size."""
    gone = {id(word) for one in running for word in one}
    rest = [word for word in page.words if id(word) not in gone]
    if not rest:
        return True
    near = min(rest, key=lambda word: abs(word.base - row[0].base))
    size = max(near.size, row[0].size)
    differs = abs(near.size - row[0].size) > 0.08 * size
    return differs or abs(near.base - row[0].base) > 1.7 * size
