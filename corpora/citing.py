"""Where a passage stands, as a person would say it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assay.corpora.block import Block
from assay.corpora.document import Document
from assay.corpora.loaders.text import line_breaks
from assay.corpora.passages import SEPARATOR
from assay.pipeline.words import Passage, Scalar

_SINGLE = ("slide", "sheet", "table", "cells")
_RANGES = ("row", "record", "path")


def where(passage: Passage, document: Document | None = None) -> str:
    """The file and the place in it.

    The place is the page, slide, cells, row, record or lines that the loader named. Where it named
    none, it is the heading that the passage stands under, and within it the paragraphs and rows, or
    the anchor of a page that is nearest above; else the passage's characters in the document's
    text. Of a passage from which something was left out, lines and characters are those of its
    pieces.

    Args:
        passage: as it is cited; its metadata are the document's.
        document: its document with the raw text and blocks, so that lines, paragraphs and anchors
            can be told; without it only what its metadata say.

    >>> from assay.pipeline.words import Scope
    >>> page = Passage("a#0", "a", "Soup.", Scope("t"), metadata={"file": "menu.pdf", "page": 3})
    >>> where(page)
    'menu.pdf, page 3'
    """
    file = str(passage.metadata.get("file", passage.document_id))
    places = list(_places(passage, document))
    if not places:
        name = file.rpartition("/")[2]
        headings = [part for part in passage.title.split(SEPARATOR) if part not in ("", name)]
        places = [f"under '{SEPARATOR.join(headings)}'"] if headings else []
        places += _within(passage, document.blocks if document else ())
        spans = passage.pieces or ((passage.start, passage.end),)
        places = places or ["characters " + ", ".join(f"{one}-{other}" for one, other in spans)]
    return ", ".join([file, *places])


def lines(passage: Passage, document: Document) -> tuple[int, int] | None:
    """The first and the last line of a passage in its file, counted from 1.

    Args:
        passage: of the document.
        document: with the raw text.

    Returns:
        None where the document's text is not lines of a file: where its labels ``line`` and
        ``last_line`` are missing or say another number of lines than the text has.
    """
    found = _lines(((passage.start, passage.end),), document)
    return found[0] if found else None


def _lines(spans: Sequence[tuple[int, int]], document: Document) -> list[tuple[int, int]]:
    """The first and the last line of each span of a document, those that touch as one."""
    first = document.metadata.get("line")
    last = document.metadata.get("last_line", first)
    if type(first) is not int or type(last) is not int:
        return []
    text = document.text
    if line_breaks(text, 0, len(text.rstrip())) != last - first:
        return []
    found: list[tuple[int, int]] = []
    for begin, end in spans:
        start = first + line_breaks(text, 0, begin)
        stop = begin + len(text[begin:end].rstrip())
        span = (start, start + line_breaks(text, begin, stop))
        if found and span[0] <= found[-1][1] + 1:
            span = (found.pop()[0], span[1])
        found.append(span)
    return found


def _places(passage: Passage, document: Document | None) -> Iterator[str]:
    spans = passage.pieces or ((passage.start, passage.end),)
    found = _lines(spans, document) if document else []
    labels = passage.metadata
    if "page" in labels:
        label = labels.get("label", labels["page"])
        printed = "" if str(label) == str(labels["page"]) else f" (printed {label})"
        yield _ranged("page", labels["page"], labels.get("last_page")) + printed
    for key in _SINGLE:
        if key in labels:
            yield f"{key} {labels[key]}"
    for key in _RANGES:
        if key in labels:
            yield _ranged(key, labels[key], labels.get(f"last_{key}"))
    if found:
        yield _several("line", found)
    elif "line" in labels and ("last_line" not in labels or passage.id == passage.document_id):
        yield _ranged("line", labels["line"], labels.get("last_line"))


def _within(passage: Passage, blocks: Sequence[Block]) -> Iterator[str]:
    """Paragraphs, rows and notes that the passage is made of, and the anchor nearest above it.

    The headings at a passage's head are no part of it.
    """
    spans = passage.pieces or ((passage.start, passage.end),)
    own = [
        one for one in blocks if any(one.start < end and one.end > start for start, end in spans)
    ]
    own = [one for one in own if one.kind != "heading"] or own
    numbers = [one.place["paragraph"] for one in own if one.place.keys() == {"paragraph"}]
    if numbers:
        yield _several("paragraph", _runs(numbers, passage))
    tables: dict[Scalar, list[Scalar]] = {}
    for one in own:
        if "table" in one.place and "row" in one.place:
            tables.setdefault(one.place["table"], []).append(one.place["row"])
    for table, rows in tables.items():
        yield f"table {table}, {_several('row', _runs(rows, passage))}"
    notes = [one.place["note"] for one in own if "note" in one.place]
    if notes:
        yield _ranged("note", notes[0], notes[-1])
    above = [one for one in blocks if "element" in one.place and one.start <= passage.start]
    if above and (anchor := str(above[-1].place["element"])).isprintable():
        yield f"#{anchor}"


def _runs(numbers: Sequence[Scalar], passage: Passage) -> list[tuple[Scalar, Scalar]]:
    """The first and the last number; of a passage with pieces, of each run without a gap."""
    if not passage.pieces:
        return [(numbers[0], numbers[-1])]
    found: list[tuple[Scalar, Scalar]] = []
    for number in numbers:
        if found and isinstance(number, int) and number - 1 <= int(found[-1][1]):
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _several(name: str, spans: Sequence[tuple[Scalar, Scalar]]) -> str:
    """One range as ``_ranged`` says it, several behind one name."""
    if len(spans) == 1:
        return _ranged(name, *spans[0])
    return f"{name}s " + ", ".join(
        str(first) if first == last else f"{first}-{last}" for first, last in spans
    )


def _ranged(name: str, first: Scalar, last: Scalar | None) -> str:
    if last is None or last == first:
        return f"{name} {first}"
    return f"{name}s {first} to {last}" if isinstance(first, str) else f"{name}s {first}-{last}"
