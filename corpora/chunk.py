"""Documents to passages, along the document's own structure.

1. The text is split at its headings; a passage never crosses one, and the
   heading path becomes its title.
2. A section is split into blocks at blank lines (a fenced code block is one).
3. Blocks are packed up to ``max_words``. A block that is indented deeper than
   the one before, or that follows a colon, belongs to what introduces it: the
   packing moves the introduction along where both fit.
4. A block over the budget is split by sentences, these by lines, these by words.

Packing starts anew at every heading, so the same section gives the same
passages wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assay.corpora.analyzer import UNSPACED
from assay.corpora.document import Document
from assay.corpora.headings import fenced, headings, lines_of
from assay.pipeline.words import Passage

SEPARATOR = " › "
_WORD = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]{{1,80}}")
_SENTENCE_END = re.compile(r"(?:[.!?][\"'”’)\]]*(?=\s)|[。！？])\s*(?=[^\s\da-z])")
_SHORT = 5  # a tail under a fifth of the budget joins the passage before it


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a text with the indentation of its first line."""

    start: int
    end: int
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """Text under one heading, with the headings above it, outermost first."""

    path: tuple[str, ...]
    start: int
    end: int


def count_words(text: str) -> int:
    """Words by white space; a script without spaces counts its characters.

    >>> count_words("one two"), count_words("東京")
    (2, 2)
    """
    return sum(1 for _ in _WORD.finditer(text))


def sections(text: str, markup: str) -> Iterator[Section]:
    """The text between headings, with heading lines left out; empty ones too."""
    path: list[tuple[int, str]] = []
    start = 0
    for heading in headings(text, markup):
        yield Section(tuple(title for _, title in path), start, heading.start)
        path = [item for item in path if item[0] < heading.level]
        if heading.title:
            path.append((heading.level, heading.title))
        start = heading.end
    yield Section(tuple(title for _, title in path), start, len(text))


def blocks(text: str, section: Section, markup: str) -> list[Span]:
    """A section's paragraphs and code blocks; offsets begin at the line's start."""
    lines = lines_of(text, section.start, section.end)
    in_code = fenced(lines) if markup == "markdown" else [False] * len(lines)
    found: list[Span] = []
    is_open = False
    for line, code in zip(lines, in_code, strict=True):
        content = line.text.rstrip()
        if not content and not (code and is_open):
            is_open = False
            continue
        end = line.start + len(content)
        if is_open:
            found[-1] = Span(found[-1].start, max(end, found[-1].end), found[-1].indent)
        else:
            indent = len(content) - len(content.lstrip())
            found.append(Span(line.start, end, indent))
            is_open = True
    return [span for span in found if text[span.start : span.end].strip()]


def sentences(text: str, span: Span) -> list[Span]:
    """A span's sentences, without the white space between them."""
    found: list[Span] = []
    start = span.start
    for match in _SENTENCE_END.finditer(text, span.start, span.end):
        end = match.start() + len(match.group().rstrip())
        if text[start:end].strip():
            found.append(Span(start, end, span.indent))
        start = match.end()
    if text[start : span.end].strip():
        found.append(Span(start, span.end, span.indent))
    return found


def cut(document: Document, *, max_words: int = 120, overlap: int = 0) -> list[Passage]:
    """A document's passages, in order.

    Args:
        document: where ``document.whole``, the one passage is the document itself
            and carries its id; else ids are ``<document id>#<position>``.
        max_words: budget of a passage; a short tail may exceed it by a fifth.
        overlap: sentences of the passage before (of the same section) that are
            repeated at a passage's start, on top of the budget.

    Returns:
        Passages with ``document.text[start:end] == text``; none for a text that
        is only white space or headings.
    """
    if document.whole:
        span = Span(0, len(document.text))
        return (
            [_passage(document, document.id, 0, span, document.title)]
            if (document.text.strip())
            else []
        )
    passages: list[Passage] = []
    for section in sections(document.text, document.markup):
        found = blocks(document.text, section, document.markup)
        packed = _pack(document.text, found, max_words)
        for place, piece in enumerate(packed):
            span = piece
            title = _title(document, section, _term(document.text, found, span))
            if overlap and place:
                last = sentences(document.text, packed[place - 1])[-overlap:]
                span = Span(last[0].start, span.end, last[0].indent)
            position = len(passages)
            passage_id = f"{document.id}#{position}"
            passages.append(_passage(document, passage_id, position, span, title))
    return passages


def _passage(document: Document, passage_id: str, position: int, span: Span, title: str) -> Passage:
    return Passage(
        id=passage_id,
        document_id=document.id,
        text=document.text[span.start : span.end],
        scope=document.scope,
        title=title,
        position=position,
        start=span.start,
        end=span.end,
        date=document.date,
        metadata=document.metadata,
    )


def _title(document: Document, section: Section, term: str) -> str:
    parts: list[str] = []
    for part in (document.title, *section.path, term):
        if part and part.casefold() not in {known.casefold() for known in parts}:
            parts.append(part)
    return SEPARATOR.join(parts)


def _term(text: str, found: Sequence[Span], span: Span) -> str:
    """The term whose indented definition the span continues, '' where it starts one."""
    before = [block for block in found if block.start <= span.start]
    if not before or not before[-1].indent:
        return ""
    outer = [block for block in before if not block.indent]
    if not outer:
        return ""
    term = text[outer[-1].start : outer[-1].end].strip()
    return term if "\n" not in term and not term.endswith((".", ":")) else ""


def _pack(text: str, found: Sequence[Span], max_words: int) -> list[Span]:
    pieces = [piece for block in found for piece in _split(text, block, max_words)]
    sizes = [count_words(text[piece.start : piece.end]) for piece in pieces]
    groups: list[list[int]] = []
    for number, size in enumerate(sizes):
        if not groups:
            groups.append([])
        elif sum(sizes[i] for i in groups[-1]) + size > max_words:
            count = _introduction(text, [pieces[i] for i in (*groups[-1], number)])
            while count and size + sum(sizes[number - count : number]) > max_words:
                count -= 1
            groups.append([groups[-1].pop() for _ in range(count)][::-1])
        groups[-1].append(number)
    if len(groups) > 1:
        tail = sum(sizes[i] for i in groups[-1])
        total = tail + sum(sizes[i] for i in groups[-2])
        if tail <= max_words // _SHORT and total <= max_words + max_words // _SHORT:
            last = groups.pop()
            groups[-1] += last
    return [
        Span(pieces[group[0]].start, pieces[group[-1]].end, pieces[group[0]].indent)
        for group in groups
    ]


def _introduction(text: str, pieces: Sequence[Span]) -> int:
    """How many pieces introduce the last one; the first piece never counts."""
    count = 0
    for before, after in zip(pieces[-2:0:-1], pieces[:1:-1], strict=True):
        if after.indent <= before.indent and text[before.end - 1] != ":":
            break
        count += 1
    return count


def _split(text: str, block: Span, max_words: int) -> list[Span]:
    """A block as it is, or its sentences, or its lines, or stretches of words."""
    if count_words(text[block.start : block.end]) <= max_words:
        return [block]
    parts: list[Span] = []
    for sentence in sentences(text, block):
        if count_words(text[sentence.start : sentence.end]) <= max_words:
            parts.append(sentence)
            continue
        for line in lines_of(text, sentence.start, sentence.end):
            found = list(_WORD.finditer(line.text))
            for place in range(0, len(found), max_words):
                stretch = found[place : place + max_words]
                start = line.start + (stretch[0].start() if place else 0)
                parts.append(Span(start, line.start + stretch[-1].end(), block.indent))
    return parts
