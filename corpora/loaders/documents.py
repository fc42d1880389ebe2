"""From what a loader read to documents: one for each place that a citation can name.

A file without pages, slides, sheets or rows is one document. Else each page, slide and sheet is
one, ``<file>#page=3``, with the place in its metadata, which every passage inherits:

- Headings in force where a page begins stand in its title: a passage of page 4 is still read under
  the chapter that began on page 3. Where a heading in the middle of a page ends that chapter, the
  page becomes two documents (``#page=4`` and ``#page=4&part=2``).
- Rows of a spreadsheet or a CSV file, and of a long table elsewhere, are taken together up to
  ``ROW_WORDS`` words; each group is one passage, ``#sheet=Q1&cells=A2:F9``.
- Headings with nothing below them are no section; they are kept as text, so that they are found.
- What stands before the first place goes with it. No character between two blocks is dropped.
- A document whose text is that of its file, sign by sign, says which lines of it: ``line`` and
  ``last_line``. Each document keeps the loader's blocks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from assay.corpora.block import Block
from assay.corpora.chunkers.spans import count_words, stripped
from assay.corpora.document import Document
from assay.corpora.loaders.loaded import Loaded
from assay.corpora.loaders.names import quoted
from assay.corpora.loaders.text import line_breaks
from assay.corpora.markup import first_heading, heading_title
from assay.corpora.passages import titled
from assay.pipeline.words import Scalar, Scope

PLACES = ("page", "slide", "sheet")
"""Places that a document of their own is made for."""

PAGE_LABELS = ("label", "last_page")
"""What a page's blocks may say besides: the number printed on it, and where a paragraph ends."""

ROW_PLACES = ("table", "cells", "line", "record", "row", "path")
"""Places of a table's row that its passage is to name."""

RANGES = ("line", "record", "row", "path")
"""Of these the last row's is told as well, as ``last_line`` and so on."""

TABLE_KINDS = ("heading", "caption", "table_row")
"""What a file that is one table is made of."""

ROW_WORDS = 100
"""Words that rows are taken together to; a row is cut only above ``LONG_ROW`` words."""

LONG_ROW = 400

LONGEST_LABEL = 500
"""Most characters of a label, and of a title, that are kept."""

_CELLS = re.compile(r"([A-Z]+)(\d+)(?::([A-Z]+)(\d+))?")


@dataclass(frozen=True, slots=True)
class _Piece:
    """Blocks that become one document."""

    blocks: tuple[Block, ...]
    place: Mapping[str, Scalar]
    path: tuple[tuple[int, str], ...]
    rows: bool = False


def documents_of(
    loaded: Loaded, *, file: str, name: str, scope: Scope, markup: str = "markdown"
) -> Iterator[Document]:
    """The documents that a loaded one becomes, in order.

    Args:
        loaded: what the loader read.
        file: the file's id; stands in the metadata as ``file``.
        name: the file's name, the title of a file that has none.
        scope: who may read it.
        markup: how headings are written in the text.

    Returns:
        None for a text of white space. Ids are unique for one ``loaded``.
    """
    text = _without_surrogates(loaded.text)
    base = f"{file}#{quoted(loaded.id)}" if loaded.id else file
    rows = _rows(loaded.blocks, text)
    divided = not loaded.whole and bool(rows or any(_major(block) for block in loaded.blocks))
    title = _short(loaded.title) or ("" if loaded.id else name)
    if not (loaded.title.strip() or loaded.id or divided):
        title = _short(first_heading(text, loaded.blocks)) or name
    known = {**_flat(loaded.metadata), "file": file}
    if title:
        known.setdefault("title", title)

    is_verbatim = not loaded.id and _tells_its_lines(loaded.blocks, text)

    def made(
        start: int,
        end: int,
        place: Mapping[str, Scalar],
        own_id: str,
        own_title: str,
        blocks: Sequence[Block],
        *,
        whole: bool,
    ) -> Document:
        own = text[start:end]
        labels = {**known, **_flat(place, keep=True)}
        if is_verbatim:
            first = 1 + line_breaks(text, 0, start)
            labels |= {"line": first, "last_line": first + line_breaks(own.rstrip())}
        return Document(
            id=own_id,
            text=own,
            scope=scope,
            title=own_title,
            date=loaded.date,
            metadata=labels,
            markup=markup,
            whole=whole,
            blocks=() if whole else _moved(blocks, start),
        )

    if not text.strip():
        return
    if not divided:
        place = loaded.blocks[0].place if loaded.blocks and (loaded.id or loaded.whole) else {}
        yield made(0, len(text), place, base, title, loaded.blocks, whole=loaded.whole)
        return
    issued: set[str] = set()
    pieces = list(_pieces(loaded.blocks, text, rows))
    starts = [0, *(piece.blocks[0].start for piece in pieces[1:]), len(text)]
    for number, piece in enumerate(pieces):
        if _stands_in_title(piece, pieces[number + 1 :]):
            continue
        start, end = stripped(text, starts[number], starts[number + 1])
        yield made(
            start,
            end,
            piece.place,
            _named(base, loaded.id, piece.place, issued),
            titled(title, *(heading for _, heading in piece.path)),
            piece.blocks,
            whole=piece.rows and count_words(text[start:end]) <= LONG_ROW,
        )


def _moved(blocks: Sequence[Block], start: int) -> tuple[Block, ...]:
    """Blocks of a text that begins here."""
    if start == 0:
        return tuple(blocks)
    return tuple(
        replace(one, start=max(0, one.start - start), end=one.end - start) for one in blocks
    )


def _tells_its_lines(blocks: Sequence[Block], text: str) -> bool:
    """Whether the text is that of its file: each block stands in the line that it says."""
    line, done = 1, 0
    for block in blocks:
        line, done = line + line_breaks(text, done, block.start), block.start
        if block.place.get("line") != line:
            return False
    return bool(blocks)


def _rows(blocks: Sequence[Block], text: str) -> frozenset[int]:
    """Starts of the rows that are grouped: of a file of rows, of cells, of long tables."""
    is_table = all(block.kind in TABLE_KINDS or _is_in_row(block) for block in blocks)
    found: set[int] = set()
    for (is_row, place, _), run in groupby(blocks, key=_table):
        rows = list(run)
        if is_row and (is_table or "cells" in place or _words(rows, text) > ROW_WORDS):
            found.update(block.start for block in rows)
    return frozenset(found)


def _is_in_row(block: Block) -> bool:
    """Whether a block is text of a file of rows, such as a caption above them."""
    return block.place.keys() == {"row"}


def _table(block: Block) -> tuple[bool, Mapping[str, Scalar], Scalar]:
    """What rows of one table have in common."""
    is_row = block.kind == "table_row" and any(key in block.place for key in ROW_PLACES)
    shared = {**_major(block), **({"cells": True} if "cells" in block.place else {})}
    return is_row, shared, block.place.get("table", "")


def _words(blocks: Sequence[Block], text: str) -> int:
    return sum(count_words(text[block.start : block.end]) for block in blocks)


def _pieces(blocks: Sequence[Block], text: str, rows: frozenset[int]) -> Iterator[_Piece]:
    """Blocks put together by place, by the chapter they stand in, and rows by words."""
    first = next((_major(block) for block in blocks if _major(block)), {})
    place: Mapping[str, Scalar] = first
    open_blocks: list[Block] = []
    path: list[tuple[int, str]] = []
    carried = tuple(path)
    words = 0
    for block in blocks:
        here = _major(block) or place
        count = count_words(text[block.start : block.end])
        ends_chapter = block.kind == "heading" and any(level >= block.level for level, _ in carried)
        if open_blocks:
            last = open_blocks[-1]
            row, was_row = block.start in rows, last.start in rows
            full = row and (words + count > ROW_WORDS or _table(block) != _table(last))
            if here != place or row != was_row or full or ends_chapter:
                yield _piece(open_blocks, place, carried, was_row)
                open_blocks = []
        if not open_blocks:
            words = 0
            kept = [one for one in path if block.kind != "heading" or one[0] < block.level]
            carried = tuple(kept)
        place = here
        open_blocks.append(block)
        words += count
        if block.kind == "heading":
            path = [one for one in path if one[0] < block.level]
            path.append((block.level, heading_title(text[block.start : block.end])))
    if open_blocks:
        yield _piece(open_blocks, place, carried, open_blocks[-1].start in rows)


def _piece(
    blocks: Sequence[Block],
    place: Mapping[str, Scalar],
    path: tuple[tuple[int, str], ...],
    rows: bool,
) -> _Piece:
    if not rows:
        said = {key: one.place[key] for one in blocks for key in PAGE_LABELS if key in one.place}
        above = [one.place["row"] for one in blocks if _is_in_row(one)]
        if above:  # of a file of rows what stands above them: its caption, its columns' names
            said |= {"row": above[0]} | ({"last_row": above[-1]} if above[-1] != above[0] else {})
        return _Piece(tuple(blocks), {**said, **place}, path)
    spanned: dict[str, Scalar] = {**blocks[0].place, **place}
    last = blocks[-1].place
    for key in RANGES:
        if key in spanned and last.get(key, spanned[key]) != spanned[key]:
            spanned[f"last_{key}"] = last[key]
    if "cells" in spanned:
        spanned["cells"] = _around([str(block.place.get("cells", "")) for block in blocks])
    return _Piece(tuple(blocks), spanned, path, rows=True)


def _stands_in_title(piece: _Piece, following: Sequence[_Piece]) -> bool:
    """Whether a piece is nothing but headings that are all a part of the next piece's title."""
    if not following or any(block.kind != "heading" for block in piece.blocks):
        return False
    return len(following[0].path) == len(piece.path) + len(piece.blocks)


def _around(ranges: Sequence[str]) -> str:
    """The smallest range of cells around several.

    >>> _around(["A2:F2", "A3:F3", "B4:G4"]), _around(["table 1"])
    ('A2:G4', 'table 1')
    """
    matches = [_CELLS.fullmatch(one) for one in ranges]
    corners: list[tuple[tuple[int, str], int]] = []
    for match in matches:
        if match is None:
            return ranges[0] if len(ranges) == 1 else f"{ranges[0]} to {ranges[-1]}"
        left, top, right, bottom = match.groups()
        corners.append(((len(left), left), int(top)))
        corners.append(((len(right or left), right or left), int(bottom or top)))
    columns = [column for column, _ in corners]
    lines = [line for _, line in corners]
    return f"{min(columns)[1]}{min(lines)}:{max(columns)[1]}{max(lines)}"


def _major(block: Block) -> Mapping[str, Scalar]:
    return {key: block.place[key] for key in PLACES if key in block.place}


def _named(base: str, own_id: str, place: Mapping[str, Scalar], issued: set[str]) -> str:
    """The id of a place: unique, and the same again for the same file."""
    said = "&".join(
        f"{key}={quoted(str(place[key]))}"
        for key in (*PLACES, *ROW_PLACES)
        if key in place and not (own_id and own_id in (str(place[key]), f"{key}={place[key]}"))
    )
    name = f"{base}{'&' if own_id else '#'}{said}" if said else base
    number = 1
    while name in issued:
        number += 1
        joint = "&" if "#" in base or said else "#"
        name = f"{base}{'&' if own_id else '#'}{said}" if said else base
        name = f"{name}{joint}part={number}"
    issued.add(name)
    return name


def _flat(labels: Mapping[str, object], *, keep: bool = False) -> dict[str, Scalar]:
    """Labels that a corpus can hold; a file's own label named like one of ours gets ``own_``."""
    ours = ("file", *PLACES, *PAGE_LABELS, *ROW_PLACES, *(f"last_{key}" for key in RANGES))
    found: dict[str, Scalar] = {}
    for key, value in labels.items():
        name = _short(key) if keep or key not in ours else f"own_{key}"
        if isinstance(value, str):
            if _short(value):
                found[name] = _short(value)
        elif isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
            found[name] = value
    return found


def _short(text: str) -> str:
    clean = " ".join(_without_surrogates(text).split())
    return clean if len(clean) <= LONGEST_LABEL else clean[: LONGEST_LABEL - 3].rstrip() + "..."


def _without_surrogates(text: str) -> str:
    """Half characters, which no file can hold, as the sign for unknown; offsets stay."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return re.sub("[\ud800-\udfff]", "\ufffd", text)
    return text
