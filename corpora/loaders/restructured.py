"""The block structure of reStructuredText, by its lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from assay.corpora.block import Block, Kind
from assay.corpora.loaders.text import Line, block

_ADORNED = re.compile(r"([!-/:-@\[-`{-~])\1+\s*\Z")
_ITEM = re.compile(r"\s*(?:[-*+•]|(?:\d{1,9}|[A-Za-z#])[.)]|\((?:\d{1,9}|[A-Za-z])\))\s")
_FIELD = re.compile(r":([A-Za-z][\w -]{0,40}):[ \t]+(\S.{0,500})")
_CODE = re.compile(r"\.\.\s+(?:code|code-block|sourcecode|parsed-literal|literalinclude)::")


def restructured(text: str, found: Sequence[Line]) -> tuple[list[Block], dict[str, str]]:
    """The blocks of a text and the fields of its head (``:Author: ...``).

    Args:
        text: the raw text.
        found: its lines.

    Returns:
        Blocks in order, and the fields by lower-case name.
    """
    return list(_Scanner(text, found).blocks()), _fields(found)


def _fields(found: Sequence[Line]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for line in found[:60]:
        match = _FIELD.match(line.text)
        if match:
            facts.setdefault(match[1].lower(), match[2].strip())
    return facts


class _Scanner:
    """One pass over the lines; each step takes the lines of one block."""

    def __init__(self, text: str, found: Sequence[Line]) -> None:
        self._text = text
        self._lines = found
        self._at = 0
        self._levels: list[str] = []

    def blocks(self) -> Iterator[Block]:
        """All blocks, in order."""
        literal = False  # whether a paragraph ending in '::' stands above
        while self._at < len(self._lines):
            line = self._row(self._at)
            if not line:
                self._at += 1
                continue
            heading = self._heading()
            if literal and line[0].isspace():
                yield self._take(self._indented_end(self._at), "code")
            elif _CODE.match(line):
                yield self._take(self._indented_end(self._at + 1), "code")
            elif heading:
                yield heading
            elif line.startswith("+-") and not line.strip("+-= "):
                yield from self._grid()
            elif self._border(self._at):
                yield from self._simple_table()
            else:
                kind: Kind = "list" if _ITEM.match(line + " ") else "paragraph"
                yield self._take(self._run_end(kind), kind)
            literal = self._row(self._at - 1).endswith("::")

    def _row(self, at: int) -> str:
        return self._lines[at].text.rstrip() if at < len(self._lines) else ""

    def _take(self, end: int, kind: Kind, *, level: int = 0) -> Block:
        first, last = self._lines[self._at], self._lines[end - 1]
        self._at = end
        return block(self._text, first.start, last.end, kind, first.number, level=level)

    def _heading(self) -> Block | None:
        """A title with a line of one repeated sign below it, perhaps above it too."""
        first, second, third = (self._row(self._at + step) for step in range(3))
        over = _ADORNED.match(first)
        if over and second and third == first and len(first) >= len(second.strip()):
            return self._take(self._at + 3, "heading", level=self._level(first[0] * 2))
        under = _ADORNED.match(second)
        fits = under and len(second) >= min(len(first), 4)
        if fits and not over and not first[0].isspace():
            return self._take(self._at + 2, "heading", level=self._level(second[0]))
        return None

    def _level(self, style: str) -> int:
        if style not in self._levels:
            self._levels.append(style)
        return self._levels.index(style) + 1

    def _indented_end(self, at: int) -> int:
        """Behind the last line of an indented stretch that begins here or after blank lines."""
        end = at
        while at < len(self._lines):
            row = self._row(at)
            if row and not row[0].isspace():
                break
            at += 1
            end = at if row else end
        return end

    def _run_end(self, kind: Kind) -> int:
        """Behind a paragraph or a list item; only an item ends where another one begins."""
        at = self._at + 1
        while self._row(at) and not (kind == "list" and _ITEM.match(self._row(at) + " ")):
            at += 1
        return at

    def _grid(self) -> Iterator[Block]:
        """Rows of a grid table, each with the border below it, the first with both."""
        at = self._at + 1
        while self._row(at).lstrip().startswith(("+", "|")):
            at += 1
            if self._row(at - 1).lstrip().startswith("+"):
                yield self._take(at, "table_row")
        if at > self._at:
            yield self._take(at, "table_row")

    def _border(self, at: int) -> bool:
        row = self._row(at)
        return " " in row.strip() and not row.strip("= ") and len(row) > 2

    def _simple_table(self) -> Iterator[Block]:
        """The header with the borders around it, then each line, the last with the border."""
        borders = [self._at]
        at = self._at + 1
        while at < len(self._lines) and (self._row(at) or not self._border(at - 1)):
            if self._border(at):
                borders.append(at)
            at += 1
            if not self._row(at) and self._border(at - 1):
                break
        yield self._take((borders[1] if len(borders) > 2 else self._at) + 1, "table_row")
        while self._at < at:
            last = self._at + 1 < at and self._border(self._at + 1) and self._at + 2 >= at
            if self._row(self._at):
                yield self._take(self._at + (2 if last else 1), "table_row")
            else:
                self._at += 1
