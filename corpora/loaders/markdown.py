"""Markdown: ``.md`` and ``.markdown``; ``.rst`` goes on to ``restructured``.

The text of the document is the text of the file, sign by sign; the blocks say what its lines are.
The block structure follows CommonMark 0.31 with pipe tables and front matter; what only matters
inside a line (emphasis, links) is left alone, so one pass over the lines is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date as Day

from assay.corpora.block import Block, Kind
from assay.corpora.loaders.loaded import Loaded, Source
from assay.corpora.loaders.restructured import restructured
from assay.corpora.loaders.text import Line, block, lines, paragraphs, text_of
from assay.pipeline.words import Scalar

MOST_LINES = 500_000
"""A file with more is read as plain text, and says so: memory stays in proportion."""

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}(#{1,6})(?=[ \t]|\Z)")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])(?:[ \t]|\Z)")
_KEY = re.compile(r"([A-Za-z][\w-]{0,40}):[ \t]+(\S.{0,500})")
_KEPT = {"author": "author", "lang": "language", "language": "language", "source": "source",
         "description": "description"}  # fmt: skip


def load(source: Source) -> Iterator[Loaded]:
    """The file as one document.

    Raises:
        Unreadable: if it is binary, too large, or changes while it is read.
        OSError: if it cannot be opened.
    """
    text, problems = text_of(source)
    count = text.count("\n") + text.count("\r")
    if count > MOST_LINES:
        said = (
            f"{source.id}: has {count} lines, structure is read up to {MOST_LINES}; "
            "read as plain text (split the file to keep its headings)"
        )
        yield Loaded(text, tuple(paragraphs(text)), problems=(*problems, said))
        return
    found = list(lines(text))
    if source.path.suffix.lower() == ".rst":
        blocks, facts = restructured(text, found)
    else:
        facts = _front_matter(found)
        blocks = markdown(text, found)
    yield Loaded(
        text,
        tuple(blocks),
        title=facts.get("title", "") or _first_title(text, blocks),
        date=_day(facts.get("date", "")),
        metadata=_metadata(facts),
        problems=problems,
    )


def markdown(text: str, found: Sequence[Line]) -> list[Block]:
    """The blocks of a Markdown text, given with its lines, in order."""
    return list(_Scanner(text, found).blocks())


class _Scanner:
    """One pass over the lines; each step takes the lines of one block."""

    def __init__(self, text: str, found: Sequence[Line]) -> None:
        self._text = text
        self._lines = found
        self._at = 0
        self._in_list = False

    def blocks(self) -> Iterator[Block]:
        """All blocks, in order."""
        end = _front_matter_end(self._lines)
        if end:
            yield self._take(end, "code")
        while self._at < len(self._lines):
            if self._blank(self._at):
                self._at += 1
                continue
            line = self._lines[self._at].text
            indented = line.startswith(("    ", "\t"))
            self._in_list = self._in_list and (indented or line[0] == " ")
            atx = _ATX.match(line)
            if atx:
                yield self._take(self._at + 1, "heading", level=len(atx[1]))
            elif _FENCE.match(line) and (self._in_list or not indented):
                yield self._take(self._fence_end(), "code")
            elif self._table_begins(self._at):
                yield from self._table()
            elif _is_item(line) and (self._in_list or not indented):
                self._in_list = True
                yield self._take(self._run_end(), "list")
            elif indented and not self._in_list:
                yield self._take(self._indented_end(), "code")
            else:
                yield self._paragraph()

    def _take(self, end: int, kind: Kind, *, level: int = 0) -> Block:
        first, last = self._lines[self._at], self._lines[end - 1]
        self._at = end
        return block(self._text, first.start, last.end, kind, first.number, level=level)

    def _blank(self, at: int) -> bool:
        return not self._lines[at].text.strip()

    def _fence_end(self) -> int:
        """Behind the closing fence; without one the rest of the file is code."""
        opened = _FENCE.match(self._lines[self._at].text)
        fence = opened[1] if opened else ""
        for at in range(self._at + 1, len(self._lines)):
            line = self._lines[at].text.strip()
            if line.startswith(fence) and not line.strip(fence[0]):
                return at + 1
        return len(self._lines)

    def _table_begins(self, at: int) -> bool:
        """A line with pipes above a line of dashes and pipes."""
        if at + 1 >= len(self._lines) or "|" not in self._lines[at].text:
            return False
        under = self._lines[at + 1].text
        return "-" in under and "|" in under and not under.strip("|:- \t")

    def _table(self) -> Iterator[Block]:
        """The header with its line of dashes, then each row."""
        yield self._take(self._at + 2, "table_row")
        while self._at < len(self._lines) and not self._interrupts(self._at):
            yield self._take(self._at + 1, "table_row")

    def _indented_end(self) -> int:
        at = end = self._at
        while at < len(self._lines):
            if not self._blank(at):
                if not self._lines[at].text.startswith(("    ", "\t")):
                    break
                end = at + 1
            at += 1
        return end

    def _interrupts(self, at: int) -> bool:
        """Whether a line cannot continue the paragraph, item or row above it."""
        line = self._lines[at].text
        if not line.strip():
            return True
        if _FENCE.match(line) or _ATX.match(line) or _is_rule(line):
            return True
        return _is_item(line) and (self._in_list or not line.lstrip()[0].isdigit())

    def _run_end(self) -> int:
        at = self._at + 1
        while at < len(self._lines) and not self._interrupts(at) and not self._table_begins(at):
            at += 1
        return at

    def _paragraph(self) -> Block:
        """A paragraph; with an underline of ``=`` or ``-`` it is a heading."""
        at = self._at
        if _is_rule(self._lines[at].text):
            return self._take(at + 1, "paragraph")
        while True:
            at += 1
            if at >= len(self._lines):
                break
            under = self._lines[at].text.strip()
            if under and (not under.strip("=") or not under.strip("-")) and not self._in_list:
                return self._take(at + 1, "heading", level=1 if under[0] == "=" else 2)
            if self._interrupts(at) or self._table_begins(at):
                break
        return self._take(at, "list" if self._in_list else "paragraph")


def _is_rule(line: str) -> bool:
    """Three or more of the same sign from ``*-_``, blanks between them."""
    signs = "".join(line[:400].split()) if line[:1] in " *-_" else ""
    return len(signs) > 2 and signs[0] in "*-_" and not line.strip(signs[0] + " \t")


def _is_item(line: str) -> bool:
    return bool(_ITEM.match(line)) and not _is_rule(line)


def _front_matter_end(found: Sequence[Line]) -> int:
    """Behind the closing line of a YAML head, 0 where there is none."""
    if not found or found[0].text.rstrip() != "---":
        return 0
    for at in range(1, min(len(found), 200)):
        line = found[at].text.rstrip()
        if line in ("---", "..."):
            return at + 1
        if not line:
            return 0
    return 0


def _front_matter(found: Sequence[Line]) -> dict[str, str]:
    """The plain ``key: value`` lines of a YAML head; what is nested stays in the text only."""
    facts: dict[str, str] = {}
    for line in found[: _front_matter_end(found)]:
        match = _KEY.match(line.text)
        if match:
            facts.setdefault(match[1].lower(), match[2].strip().strip("\"'"))
    return facts


def _first_title(text: str, blocks: Sequence[Block]) -> str:
    """The first heading of level 1, without its marks."""
    for one in blocks:
        if one.kind == "heading" and one.level == 1:
            rows = [row.strip() for row in text[one.start : one.end].splitlines()]
            words = [row for row in rows if any(sign.isalnum() for sign in row)]
            title = " ".join(words)
            return title.lstrip("#").rstrip("#").strip() if title.startswith("#") else title
    return ""


def _metadata(facts: dict[str, str]) -> dict[str, Scalar]:
    return {_KEPT[key]: value for key, value in facts.items() if key in _KEPT}


def _day(written: str) -> Day | None:
    try:
        return Day.fromisoformat(written[:10])
    except ValueError:
        return None
