"""Chunks along a document's headings and paragraphs.

A chunk never crosses a heading. Under one, whole blocks are packed up to the budget; a block that
introduces the next one (a heading, a caption, text that ends with a colon, a line above one that is
indented deeper) moves along with it where both fit; a short tail joins the chunk before. A
block over the budget is cut by sentences, lines and words, in this order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from assay.corpora.chunk import count_words
from assay.corpora.chunkers.chunker import (
    Chunk,
    Count,
    Section,
    all_blocks,
    check,
    chunks,
    sections,
    whole,
)
from assay.corpora.chunkers.packing import Piece, fitting, pack, slack_of
from assay.corpora.chunkers.sentences import Span, sentences
from assay.corpora.loaders.loaded import Block, Loaded

_INDENT = 40  # characters before a block that are looked at


@dataclass(frozen=True, slots=True)
class ByStructure:
    """See the module.

    Args:
        budget: cost of a chunk, from 1.
        count: what a stretch costs; see ``packing``.
        overlap: sentences of the chunk before, under the same heading, that a chunk begins with,
            as far as the budget has room for them.
        slack: how much more a chunk may cost so that no short stretch stands alone; None for a
            fifth of the budget.

    Raises:
        UsageError: for a setting below its least value.
    """

    budget: int = 120
    count: Count = count_words
    overlap: int = 0
    slack: int | None = None

    def __post_init__(self) -> None:
        check(budget=(self.budget, 1), overlap=(self.overlap, 0), slack=(self.slack or 0, 0))

    def cut(self, loaded: Loaded) -> list[Chunk]:
        """A document's chunks, in order.

        >>> from assay.corpora.loaders.loaded import TextBuilder
        >>> made = TextBuilder()
        >>> made.add("Loans", "heading", level=1)
        >>> made.add("Three weeks.", "paragraph", place={"page": 1})
        >>> [one.heading_path for one in ByStructure().cut(Loaded(made.text, made.blocks))]
        [('Loans',)]
        """
        if loaded.whole:
            return whole(loaded)
        spans = [
            span
            for section in sections(loaded.text, all_blocks(loaded))
            for span in self.spans(loaded.text, section)
        ]
        return chunks(loaded, spans)

    def spans(self, text: str, section: Section) -> list[Span]:
        """A section's chunks, as offsets."""
        pieces = list(block_pieces(text, section.blocks, budget=self.budget, count=self.count))
        return pack(
            pieces,
            budget=self.budget,
            slack=slack_of(self.budget, self.slack),
            overlap=self.overlap,
            units=sentence_units(text, self.count),
        )


def block_pieces(
    text: str, blocks: Sequence[Block], *, budget: int, count: Count
) -> Iterator[Piece]:
    """Blocks as pieces that fit, with what they introduce."""
    for block in blocks:
        yield from fitting(
            text,
            Span(block.start, block.end),
            budget=budget,
            count=count,
            indent=_indent(text, block.start),
            introduces=introduces(text, block),
        )


def introduces(text: str, block: Block) -> bool:
    """Whether what follows a block belongs to it."""
    return block.kind in ("heading", "caption") or text[block.end - 1] in ":："


def sentence_units(text: str, count: Count) -> Callable[[Piece], Sequence[Piece]]:
    """How ``pack`` gets a piece's sentences."""

    def units(piece: Piece) -> Sequence[Piece]:
        return [
            Piece(one, count(text[one.start : one.end])) for one in sentences(text, *piece.span)
        ]

    return units


def _indent(text: str, start: int) -> int:
    before = text[max(0, start - _INDENT) : start]
    line = before[before.rfind("\n") + 1 :]
    return len(line) if not line.strip() else 0
