"""What a loader makes of a file: readable text, and where each stretch of it stands.

A loader is a module of this folder with one function::

    def load(source: Source) -> Iterator[Loaded]: ...

It reads one kind of file and knows nothing of corpora. Its text is what a person would read, in
reading order, with structure written as Markdown: headings as ``#`` lines, a blank line between
blocks, a table's rows as lines of their own that are readable alone. ``blocks`` say what each
stretch is and where it stands in the file, so that a citation can name a page or a cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date as Day
from pathlib import Path
from typing import Protocol

from assay.corpora.block import Block, Kind
from assay.pipeline.errors import DataError
from assay.pipeline.words import Scalar


class Unreadable(DataError):
    """A file, or a part of it, cannot be read; the message is the reason, for the report."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One document.

    Args:
        text: see the module.
        blocks: in order, not overlapping; all that is not white space lies in one.
        title: as the file says, '' where it says none.
        id: '' for a file that is one document; else unique within the file (a row, a record).
        date: of the content, None where the file does not say.
        metadata: what the file says of itself (author, language, source ...), flat.
        problems: what could not be read, a sentence each, with its place.
        whole: True where the text is one passage already and must not be cut.
    """

    text: str
    blocks: tuple[Block, ...]
    title: str = ""
    id: str = ""
    date: Day | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost.

    Args:
        file_bytes: largest file that is opened.
        unpacked_bytes: most bytes that an archive (DOCX, XLSX ...) may unpack to.
        ratio: most unpacked bytes for one packed byte, above one megabyte.
        characters: longest text that is made of one document.
        pdf_seconds: longest time that is spent on one PDF file, whose library can hang.
    """

    file_bytes: int = 256 * 1024 * 1024
    unpacked_bytes: int = 1024 * 1024 * 1024
    ratio: int = 200
    characters: int = 50_000_000
    pdf_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Source:
    """A file to load.

    Args:
        path: where it lies.
        id: how the report and the corpus call it: the path below the indexed folder.
        limits: what it may cost.
        options: settings of this kind of file, such as a field map; already checked.
    """

    path: Path
    id: str
    limits: Limits = Limits()
    options: Mapping[str, object] = field(default_factory=dict)


class Load(Protocol):
    """A loader's function."""

    def __call__(self, source: Source) -> Iterator[Loaded]:
        """The documents of a file.

        Raises:
            Unreadable: if nothing of it can be read.
            OSError: if the file cannot be opened.
        """


class TextBuilder:
    """Puts a text together block by block, with a blank line between two.

    >>> made = TextBuilder()
    >>> made.add("Loans", "heading", level=1, place={"page": 1})
    >>> made.add("Three weeks.", "paragraph", place={"page": 1})
    >>> made.text
    '# Loans\\n\\nThree weeks.'
    >>> [made.text[block.start : block.end] for block in made.blocks]
    ['# Loans', 'Three weeks.']
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []

    def add(
        self,
        text: str,
        kind: Kind,
        *,
        level: int = 0,
        place: Mapping[str, Scalar] | None = None,
    ) -> None:
        """Put a block behind the others; nothing happens for white space."""
        clean = text.strip()
        if not clean:
            return
        if kind == "heading":
            clean = f"{'#' * min(max(level, 1), 6)} {' '.join(clean.split())}"
        between = ""
        if self._blocks:
            alike = kind == self._blocks[-1].kind and kind in ("list", "table_row")
            between = "\n" if alike else "\n\n"
        start = self._length + len(between)
        self._pieces += [between, clean]
        self._length = start + len(clean)
        self._blocks.append(Block(start, self._length, kind, level, dict(place or {})))

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self._pieces)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks, in order."""
        return tuple(self._blocks)
