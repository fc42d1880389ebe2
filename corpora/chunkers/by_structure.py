"""Chunks along a document's headings and paragraphs.

A chunk never crosses a heading. Under one, whole blocks are packed up to the budget; a block that
introduces the next one (a heading, a caption, text that ends with a colon, a line above one that is
indented deeper) moves along with it where both fit; a short tail joins the chunk before. A
block over the budget is cut by sentences, lines and words, in this order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from assay.corpora.block import Block
from assay.corpora.chunkers.chunker import (
    Chunk,
    all_blocks,
    check,
    chunks,
    free_headings,
    indent_of,
    sections,
    whole,
)
from assay.corpora.chunkers.packing import Piece, fitting, pack, slack_of
from assay.corpora.chunkers.spans import Count, Span, count_words
from assay.corpora.document import Document
from assay.pipeline.sentences import sentences


@dataclass(frozen=True, slots=True)
class ByStructure:
    """See the module.

    Args:
        budget: cost of a chunk, from 1; headings above text cost nothing, for passages carry them
            in their title, so that a section is cut alike under whatever it stands.
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

    def cut(self, document: Document) -> list[Chunk]:
        """A document's chunks, in order.

        >>> from assay.pipeline.words import Scope
        >>> text = "# Loans\\n\\nThree weeks.\\n\\n# Fees\\n\\nNone."
        >>> document = Document("d", text, Scope("t"), markup="markdown")
        >>> [one.heading_path for one in ByStructure().cut(document)]
        [('Loans',), ('Fees',)]
        """
        if document.whole:
            return whole(document)
        text, blocks = document.text, all_blocks(document)
        spans = [span for section in sections(blocks) for span in self.spans(text, section)]
        return chunks(text, blocks, spans)

    def spans(self, text: str, section: Sequence[Block]) -> list[Span]:
        """The chunks of blocks under one heading, as offsets."""
        pieces = list(block_pieces(text, section, budget=self.budget, count=self.count))
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
    free = free_headings(blocks)
    for number, block in enumerate(blocks):
        span, indent = Span(block.start, block.end), indent_of(text, block)
        if number < free:
            yield Piece(span, 0, indent, introduces=True)
            continue
        belongs = introduces(text, block)
        yield from fitting(
            text, span, budget=budget, count=count, indent=indent, introduces=belongs
        )


def introduces(text: str, block: Block) -> bool:
    """Whether what follows a block belongs to it."""
    return block.kind in ("heading", "caption") or text[block.end - 1] in ":："


def sentence_units(text: str, count: Count) -> Callable[[Piece], Sequence[Piece]]:
    """How ``pack`` gets a piece's sentences."""

    def units(piece: Piece) -> Sequence[Piece]:
        return [
            Piece(Span(one.start, one.end), count(one.text)) for one in sentences(text, *piece.span)
        ]

    return units
