"""Plain text, and any file that turns out to be text: ``.txt``, ``.text``, ``.log``, unknown.

The text of the document is the text of the file, sign by sign, line ends included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from assay.corpora.block import Block, Kind
from assay.corpora.loaders.decoding import decode
from assay.corpora.loaders.loaded import Loaded, Source
from assay.corpora.loaders.reading import read, refuse_long

MOST_BLOCKS = 500_000
"""Above it small paragraphs are put together, so that memory stays in proportion."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")


class Line(NamedTuple):
    """A line without its end, and where it stands.

    Args:
        text: its characters.
        start: offset of the first.
        end: offset behind the last, before the line end.
        number: counted from 1.
    """

    text: str
    start: int
    end: int
    number: int


def load(source: Source) -> Iterator[Loaded]:
    """The file as one document: paragraphs by blank lines; in a log each entry by itself.

    Raises:
        Unreadable: if it is binary, too large, or changes while it is read.
        OSError: if it cannot be opened.
    """
    text, problems = text_of(source)
    entries = source.path.suffix.lower() == ".log"
    yield Loaded(text, tuple(paragraphs(text, entries=entries)), problems=problems)


def text_of(source: Source) -> tuple[str, tuple[str, ...]]:
    """The decoded text of a file and what was wrong with it; an empty file is a problem too.

    Raises:
        Unreadable: see ``load``.
        OSError: if it cannot be opened.
    """
    text, problems = decode(read(source), source.id)
    refuse_long(text, source)
    if not text.strip():
        problems.append(f"{source.id}: has no text: expected words, found {len(text)} blanks")
    return text, tuple(problems)


def lines(text: str) -> Iterator[Line]:
    """The lines of a text; line ends are those of Windows, Unix and the old Macintosh.

    >>> [(line.text, line.start, line.number) for line in lines("a\\r\\nb\\n")]
    [('a', 0, 1), ('b', 3, 2)]
    """
    for number, match in enumerate(_LINE.finditer(text), 1):
        if match.end() == match.start():
            return
        content = match.group().rstrip("\r\n")
        yield Line(content, match.start(), match.start() + len(content), number)


def line_breaks(text: str, start: int = 0, end: int | None = None) -> int:
    """How many lines, as ``lines`` knows them, end in ``text[start:end]``.

    >>> line_breaks("a\\r\\nb\\rc\\n")
    3
    """
    stop = len(text) if end is None else end
    count = text.count
    return count("\n", start, stop) + count("\r", start, stop) - count("\r\n", start, stop + 1)


def block(text: str, start: int, end: int, kind: Kind, line: int, *, level: int = 0) -> Block:
    """A block without the white space around it; code keeps the indent of its first line."""
    stretch = text[start:end]
    stop = start + len(stretch.rstrip())
    if kind != "code":
        start += len(stretch) - len(stretch.lstrip())
    return Block(start, stop, kind, level, {"line": line})


def paragraphs(text: str, *, entries: bool = False) -> Iterator[Block]:
    """The paragraphs of a text without markup.

    Args:
        text: the text.
        entries: whether each line that is not indented begins a new one, as in a log.

    Returns:
        Blocks, in texts above half a million characters put together where they are tiny.
    """
    least = len(text) // MOST_BLOCKS
    start = end = first = -1
    open_ = False
    for line in lines(text):
        blank = not line.text.strip()
        ends = blank or (entries and not line.text[0].isspace())
        if open_ and ends and end - start >= least:
            yield block(text, start, end, "paragraph", first)
            open_ = False
        if blank:
            continue
        if not open_:
            start, first, open_ = line.start, line.number, True
        end = line.end
    if open_:
        yield block(text, start, end, "paragraph", first)
