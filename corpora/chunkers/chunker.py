"""What every chunker gives, and where a stretch of a document stands.

A chunker is a frozen dataclass with one method, ``cut``. Its chunks are offsets into the document's
text with the headings that they stand under; ``corpora.passages`` makes passages of them.

* Chunks are in order, none is white space only, and without an overlap none shares a character
  with another. All that is not white space lies in one: headings too, at the head of what they
  introduce.
* A document that is ``whole`` gives one chunk, from 0 to its end.
* Equal documents and settings give equal chunks, in time linear in the text (``packing`` says what
  a budget means).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from assay.corpora.block import Block
from assay.corpora.chunkers.spans import Span, stripped
from assay.corpora.document import Document
from assay.corpora.markup import TITLE, blocks_of, heading_title
from assay.pipeline.errors import UsageError

DEEPEST = 6
"""Headings of a deeper level count as this level, as in the Markdown that loaders write."""

_INDENT = 40  # characters at the beginning of a line that are looked at


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a document.

    Args:
        start: offset of its first character in ``Document.text``.
        end: offset behind its last character.
        heading_path: the headings that all of it stands under, outermost first; a heading at its
            head counts.
        term: what its beginning goes on about: the line that its indented text stands below, or the
            head of the table that its rows are of; '' for none, and where the chunk holds it.
        body: offset behind the headings at its head that the path names in full; ``start`` where
            there is nothing else.
    """

    start: int
    end: int
    heading_path: tuple[str, ...]
    term: str
    body: int


class Chunker(Protocol):
    """A way to cut documents."""

    def cut(self, document: Document) -> list[Chunk]:
        """A document's chunks, in order; none for a text that is only white space."""


def all_blocks(document: Document) -> list[Block]:
    """A document's blocks, with paragraphs where text lies in none, so that none is lost.

    Raises:
        DataError: for an unknown markup.
    """
    text = document.text
    found: list[Block] = []
    done = 0
    for block in document.blocks or blocks_of(text, document.markup):
        found += _between(text, done, block.start)
        found.append(block)
        done = block.end
    found += _between(text, done, len(text))
    return [one for one in found if not text[one.start : one.end].isspace()]


def _between(text: str, start: int, end: int) -> list[Block]:
    inner = stripped(text, start, end)
    return [Block(inner.start, inner.end, "paragraph")] if inner.end > inner.start else []


def sections(blocks: Iterable[Block]) -> Iterator[tuple[Block, ...]]:
    """Blocks by heading: perhaps headings, each deeper than the last, then the rest."""
    held: list[Block] = []
    for block in blocks:
        if block.kind == "heading" and held:
            last = held[-1]
            if last.kind != "heading" or _level(block) <= _level(last):
                yield tuple(held)
                held = []
        held.append(block)
    if held:
        yield tuple(held)


def _level(heading: Block) -> int:
    return min(max(heading.level, 1), DEEPEST)


def free_headings(blocks: Sequence[Block]) -> int:
    """How many headings at the head of a chunk of blocks its path names in full; never all of it.

    They cost nothing, since passages carry them in their titles and not in their texts.
    """
    if all(block.kind == "heading" for block in blocks):
        return 0
    costly = (block.kind != "heading" or block.end - block.start > TITLE for block in blocks)
    return next(number for number, one in enumerate(costly) if one)


def line_start(text: str, place: int) -> int:
    """Where a line begins whose first word stands at a place; else the place itself.

    >>> line_start("a:\\n   b c", 6), line_start("a:\\n   b c", 8)
    (3, 8)
    """
    start = place
    while start and place - start < _INDENT and text[start - 1] in " \t":
        start -= 1
    return start if start == 0 or text[start - 1] in "\r\n" else place


def indent_of(text: str, block: Block) -> int:
    """Blanks before a block's first word on its line; 0 where something else stands there."""
    inner = text[block.start : block.start + _INDENT]
    inside = len(inner) - len(inner.lstrip(" \t"))
    start = line_start(text, block.start)
    is_first = start == 0 or text[start - 1] in "\r\n"
    return block.start - start + inside if is_first else 0


def chunks(text: str, blocks: Sequence[Block], spans: Sequence[Span]) -> list[Chunk]:
    """Spans with what the document says of where they stand.

    Args:
        text: of the document.
        blocks: all of them.
        spans: starts and ends in rising order; overlaps are allowed.
    """
    paths = list(_paths(text, blocks))
    terms = list(_terms(text, blocks))
    made: list[Chunk] = []
    first = 0
    for span in spans:
        while first < len(blocks) - 1 and blocks[first].end <= span.start:
            first += 1
        last = first
        while last + 1 < len(blocks) and blocks[last + 1].start < span.end:
            last += 1
        inside = range(first, min(last + 1, len(blocks)))
        shared = _shared([(blocks[number].kind == "heading", paths[number]) for number in inside])
        head = first + free_headings(blocks[first : last + 1])
        while head > first and paths[head - 1] != shared[: len(paths[head - 1])]:
            head -= 1
        body = max(span.start, blocks[head].start) if head > first else span.start
        outer = terms[head] if blocks else None
        term = outer[0] if outer is not None and outer[1] < body else ""
        made.append(Chunk(span.start, span.end, shared, term, body))
    return made


def whole(document: Document) -> list[Chunk]:
    """The document as one chunk; none where it is only white space."""
    return [Chunk(0, len(document.text), (), "", 0)] if document.text.strip() else []


def _paths(text: str, blocks: Sequence[Block]) -> Iterator[tuple[str, ...]]:
    """For each block the headings that it stands under, its own included."""
    path: list[tuple[int, str]] = []
    titles: tuple[str, ...] = ()
    for block in blocks:
        if block.kind == "heading":
            level = _level(block)
            path = [one for one in path if one[0] < level]
            path.append((level, heading_title(text[block.start : block.end])))
            titles = tuple(title for _, title in path if title)
        yield titles


def _terms(text: str, blocks: Sequence[Block]) -> Iterator[tuple[str, int] | None]:
    """For each block the line that it goes on about and where it stands; None for none."""
    outer: tuple[str, int] | None = None
    table: tuple[str, int] | None = None
    before: Block | None = None
    for block in blocks:
        own = text[block.start : block.end]
        if block.kind == "table_row":
            if before is None or table_of(before) != table_of(block):
                table = _head_of_table(own, block.start)
            yield table
        elif block.kind != "heading" and indent_of(text, block):
            yield outer
        else:
            is_term = block.kind == "paragraph" and len(own) <= TITLE and "\n" not in own
            outer = (own, block.start) if is_term and not own.endswith((".", ":")) else None
            yield None
        before = block


def table_of(block: Block) -> object:
    """What tells two tables apart that follow one another; None for what is no row."""
    if block.kind != "table_row":
        return None
    return "table", block.place.get("sheet"), block.place.get("table")


def _head_of_table(row: str, start: int) -> tuple[str, int] | None:
    """The names of the columns and where they stand, if a line under the first row says so."""
    lines = [line.strip() for line in row[: 10 * TITLE].splitlines()]
    names = next((at for at, line in enumerate(lines) if _has_words(line)), len(lines))
    under = lines[names + 1] if names + 1 < len(lines) else ""
    if _has_words(under) or not (under.startswith("|") or "=" in under):
        return None
    cells = [cell.strip() for cell in lines[names].split("|")]
    return " | ".join(cell for cell in cells if cell)[:TITLE], start + row.index(lines[names])


def _has_words(line: str) -> bool:
    return any(sign.isalnum() for sign in line)


def _shared(paths: Sequence[tuple[bool, tuple[str, ...]]]) -> tuple[str, ...]:
    """What the paths of the text have in common; of nested headings alone, the last one's path."""
    texts = [path for is_heading, path in paths if not is_heading]
    if not texts:
        texts = [path for _, path in paths]
        if not texts or all(texts[-1][: len(path)] == path for path in texts):
            return texts[-1] if texts else ()
    shared = texts[0]
    for path in texts[1:]:
        if path is not shared:
            same = [left == right for left, right in zip(shared, path, strict=False)]
            shared = shared[: same.index(False) if False in same else len(same)]
    return shared


def check(**settings: tuple[int, int]) -> None:
    """Refuse settings below their least value.

    Args:
        settings: name to value and least value.

    Raises:
        UsageError: naming the first that is too small.
    """
    for name, (value, least) in settings.items():
        if value < least:
            raise UsageError(f"{name} of a chunker is {value}; expected {least} or more")
