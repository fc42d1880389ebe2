"""Where the headings of a text stand, for each way of writing them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assay.pipeline.errors import DataError

MARKUPS = ("plain", "markdown", "underlined")

_LINE = re.compile(r"[^\n]*\n?")
_HASHES = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))??(?:[ \t]+#+)?[ \t]*")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ADORNMENT = re.compile(r"([^\w\s])\1{2,}")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its text without line end, and its offsets with line end."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading and the lines that write it.

    Args:
        title: the heading's words.
        level: 1 for the topmost level of the text.
        start: offset of its first line (an overline counts).
        end: offset after its last line (an underline counts).
    """

    title: str
    level: int
    start: int
    end: int


def lines_of(text: str, start: int = 0, end: int | None = None) -> list[Line]:
    """The lines of ``text[start:end]`` with offsets into ``text``."""
    stop = len(text) if end is None else end
    return [
        Line(match.group().rstrip("\r\n"), match.start(), match.end())
        for match in _LINE.finditer(text, start, stop)
        if match.end() > match.start()
    ]


def fenced(lines: list[Line]) -> list[bool]:
    """For each line of a Markdown text whether it belongs to a fenced code block."""
    inside: list[bool] = []
    fence = ""
    for line in lines:
        match = _FENCE.match(line.text)
        if fence:
            inside.append(True)
            if match and match.group(1).startswith(fence) and line.text.strip(" `~") == "":
                fence = ""
        elif match:
            inside.append(True)
            fence = match.group(1)
        else:
            inside.append(False)
    return inside


def headings(text: str, markup: str) -> list[Heading]:
    """Every heading of a text, in order.

    Args:
        text: the raw text.
        markup: ``plain`` (no headings), ``markdown`` (``#`` lines and underlined
            lines outside code fences and front matter) or ``underlined`` (a line
            of one repeated sign below the heading and perhaps above it, as in
            reStructuredText, where the first style that is met is the top level).

    Raises:
        DataError: for another markup.
    """
    lines = lines_of(text)
    match markup:
        case "plain":
            return []
        case "markdown":
            return list(_markdown(lines))
        case "underlined":
            return list(_underlined(lines))
        case _:
            raise DataError(f"unknown markup '{markup}'; expected {', '.join(MARKUPS)}")


def _front_matter(lines: list[Line]) -> int:
    """How many lines a block between ``---`` lines at the very start takes."""
    if lines and lines[0].text.rstrip() == "---":
        for number, line in enumerate(lines[1:], start=2):
            if line.text.rstrip() in ("---", "..."):
                return number
    return 0


def _markdown(lines: list[Line]) -> Iterator[Heading]:
    first = _front_matter(lines)
    in_code = fenced(lines)
    done = 0  # offset after the heading before
    for number in range(first, len(lines)):
        line = lines[number]
        if in_code[number]:
            continue
        if match := _HASHES.fullmatch(line.text):
            yield Heading((match.group(2) or "").strip(), len(match.group(1)), line.start, line.end)
            done = line.end
        elif number > first and (match := _SETEXT.fullmatch(line.text)):
            above = lines[number - 1]
            alone = number - 1 == first or not lines[number - 2].text.strip()
            is_words = above.text.strip() and not above.text.startswith(("    ", "\t", "|"))
            is_free = above.start >= done and not _SETEXT.fullmatch(above.text)
            if (alone or above.start == done) and is_words and is_free and not in_code[number - 1]:
                level = 1 if match.group(1)[0] == "=" else 2
                yield Heading(above.text.strip(), level, above.start, line.end)
                done = line.end


def _underlined(lines: list[Line]) -> Iterator[Heading]:
    styles: list[tuple[str, bool]] = []
    done = 0  # offset after the heading before: its underline is nobody's overline
    for number in range(1, len(lines)):
        line, above = lines[number], lines[number - 1]
        match = _ADORNMENT.fullmatch(line.text.rstrip())
        title = above.text.strip()
        if not match or not title or _ADORNMENT.fullmatch(title) or above.start < done:
            continue
        over = lines[number - 2] if number > 1 and lines[number - 2].start >= done else None
        has_overline = over is not None and over.text.rstrip() == line.text.rstrip()
        if len(line.text.rstrip()) < len(title) or (above.text[0].isspace() and not has_overline):
            continue
        if not has_overline and over is not None and over.text.strip():
            # A heading stands alone: below a line of text this is a table or a rule.
            continue
        style = (match.group(1), has_overline)
        if style not in styles:
            styles.append(style)
        start = over.start if over is not None and has_overline else above.start
        yield Heading(title, styles.index(style) + 1, start, line.end)
        done = line.end
