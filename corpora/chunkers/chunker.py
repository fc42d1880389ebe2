"""What every chunker gives, and where a stretch of a document stands.

A chunker is a frozen dataclass with one method, ``cut``. Its chunks are offsets into the loaded
text and nothing else: who makes passages of them adds ids, scope and titles.

* Chunks are in order, none is white space only, and without an overlap none shares a character
  with another. All that is not white space lies in one: headings too, at the head of what they
  introduce.
* A document that is ``whole`` gives one chunk, from 0 to its end.
* Equal documents and settings give equal chunks, in time linear in the text (``packing`` says what
  a budget means).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from assay.corpora.chunkers.sentences import Span
from assay.corpora.loaders.loaded import Block, Loaded
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Scalar

Count = Callable[[str], int]
"""How much a stretch costs: words, or tokens without those that a model adds at the ends."""

DEEPEST = 6
"""Headings of a deeper level count as this level, as in the Markdown that loaders write."""

_TITLE = 200  # characters of a heading that are kept in a path
_HASHES = re.compile(r"\s*#{1,6}(?=\s|$)")
_UNDERLINE = re.compile(r"\n[ \t]*([=\-~^*\"'+#`])\1*[ \t]*$")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a document.

    Args:
        start: offset of its first character in ``Loaded.text``.
        end: offset behind its last character.
        heading_path: the headings that all of it stands under, outermost first; a heading at its
            head counts.
        place: where its first character stands in the file; a key whose value is another at its
            last character is there again with ``last_`` before it, for instance
            ``{"page": 3, "last_page": 4}``.
        position: its number in the document, from 0.
    """

    start: int
    end: int
    heading_path: tuple[str, ...]
    place: Mapping[str, Scalar]
    position: int


class Chunker(Protocol):
    """A way to cut documents."""

    def cut(self, loaded: Loaded) -> list[Chunk]:
        """A document's chunks, in order; none for a text that is only white space."""


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under one heading: perhaps headings, each deeper than the last, then the rest."""

    path: tuple[str, ...]
    blocks: tuple[Block, ...]


def all_blocks(loaded: Loaded) -> list[Block]:
    """A document's blocks, with paragraphs where text lies in none, so that none is lost."""
    found: list[Block] = []
    done = 0
    for block in loaded.blocks:
        found += _between(loaded.text, done, block.start, found)
        found.append(block)
        done = block.end
    found += _between(loaded.text, done, len(loaded.text), found)
    return [one for one in found if not loaded.text[one.start : one.end].isspace()]


def _between(text: str, start: int, end: int, before: Sequence[Block]) -> list[Block]:
    piece = text[start:end]
    inner = piece.strip()
    if not inner:
        return []
    first = start + len(piece) - len(piece.lstrip())
    place = before[-1].place if before else {}
    return [Block(first, first + len(inner), "paragraph", place=place)]


def sections(text: str, blocks: Iterable[Block]) -> Iterator[Section]:
    """Blocks by heading; a heading that is not deeper than the one before begins a new section."""
    path: list[tuple[int, str]] = []
    held: list[Block] = []
    for block in blocks:
        if block.kind == "heading":
            level = min(max(block.level, 1), DEEPEST)
            deeper = held and held[-1].kind == "heading" and level > path[-1][0]
            if held and not deeper:
                yield Section(tuple(title for _, title in path), tuple(held))
                held = []
            path = [one for one in path if one[0] < level]
            path.append((level, heading_title(text[block.start : block.end])))
        held.append(block)
    if held:
        yield Section(tuple(title for _, title in path), tuple(held))


def heading_title(text: str) -> str:
    """A heading's words without its marks, at most 200 characters.

    >>> heading_title("## Loans  of books ##"), heading_title("Loans\\n====="), heading_title("C#")
    ('Loans of books', 'Loans', 'C#')
    """
    text = text[: 4 * _TITLE]
    hashes = _HASHES.match(text)
    if hashes:
        text = re.sub(r"\s#+\s*$", "", text[hashes.end() :])
    return " ".join(_UNDERLINE.sub("", text).split())[:_TITLE]


def chunks(loaded: Loaded, spans: Sequence[Span]) -> list[Chunk]:
    """Spans with what the document says of where they stand.

    Args:
        loaded: the document.
        spans: starts and ends in rising order; overlaps are allowed.
    """
    blocks: list[Block] = []
    paths: list[tuple[str, ...]] = []
    path: list[tuple[int, str]] = []
    titles: tuple[str, ...] = ()
    for block in all_blocks(loaded):
        if block.kind == "heading":
            level = min(max(block.level, 1), DEEPEST)
            path = [one for one in path if one[0] < level]
            path.append((level, heading_title(loaded.text[block.start : block.end])))
            titles = tuple(title for _, title in path if title)
        blocks.append(block)
        paths.append(titles)
    made: list[Chunk] = []
    first = 0
    for position, span in enumerate(spans):
        while first < len(blocks) - 1 and blocks[first].end <= span.start:
            first += 1
        last = first
        while last + 1 < len(blocks) and blocks[last + 1].start < span.end:
            last += 1
        inside = range(first, min(last + 1, len(blocks)))
        place = _place([blocks[number] for number in inside])
        shared = _shared([(blocks[number].kind == "heading", paths[number]) for number in inside])
        made.append(Chunk(span.start, span.end, shared, place, position))
    return made


def whole(loaded: Loaded) -> list[Chunk]:
    """The document as one chunk; none where it is only white space."""
    if not loaded.text or loaded.text.isspace():
        return []
    return chunks(loaded, [Span(0, len(loaded.text))])


def _place(blocks: Sequence[Block]) -> Mapping[str, Scalar]:
    if not blocks:
        return {}
    place = dict(blocks[0].place)
    for key, value in blocks[-1].place.items():
        if key not in blocks[0].place or blocks[0].place[key] != value:
            place[f"last_{key}"] = value
    return place


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
