"""Chunks of table rows; what is no table is cut by structure.

Loaders write each row readable alone, with the header in it, so a row is a chunk by itself, or
several in a row are. A heading or caption right above a table stays with its first row; rows under
two headings, or in two sheets, are never in one chunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from assay.corpora.block import Block
from assay.corpora.chunkers.by_structure import ByStructure, block_pieces
from assay.corpora.chunkers.chunker import (
    Chunk,
    all_blocks,
    check,
    chunks,
    free_headings,
    sections,
    table_of,
    whole,
)
from assay.corpora.chunkers.packing import pack, slack_of
from assay.corpora.chunkers.spans import Count, Span, count_words
from assay.corpora.document import Document
from assay.pipeline.errors import UsageError


@dataclass(frozen=True, slots=True)
class ByRows:
    """See the module.

    Args:
        budget: cost of a chunk, from 1; a row over it is cut.
        count: what a stretch costs; see ``packing``.
        rows: most rows of a chunk, from 1.
        overlap: rows of the chunk before, of the same table, that a chunk begins with, as far as
            the budget has room; fewer than ``rows``.
        slack: as in ``ByStructure``, for what is no table and for what stands above one.

    Raises:
        UsageError: for a setting out of its range.
    """

    budget: int = 120
    count: Count = count_words
    rows: int = 1
    overlap: int = 0
    slack: int | None = None

    def __post_init__(self) -> None:
        check(
            budget=(self.budget, 1),
            rows=(self.rows, 1),
            overlap=(self.overlap, 0),
            slack=(self.slack or 0, 0),
        )
        if self.overlap >= self.rows:
            raise UsageError(
                f"overlap of a chunker is {self.overlap} with {self.rows} rows a chunk; "
                "expected less than the rows"
            )

    def cut(self, document: Document) -> list[Chunk]:
        """A document's chunks, in order.

        >>> from assay.pipeline.words import Scope
        >>> text = "| Name | Born |\\n|---|---|\\n| Ada | 1815 |\\n| Alan | 1912 |"
        >>> document = Document("d", text, Scope("t"), markup="markdown")
        >>> [text[one.start : one.end] for one in ByRows().cut(document)][1:]
        ['| Ada | 1815 |', '| Alan | 1912 |']
        """
        if document.whole:
            return whole(document)
        text, blocks = document.text, all_blocks(document)
        spans = [span for section in sections(blocks) for span in self._spans(text, section)]
        return chunks(text, blocks, spans)

    def _spans(self, text: str, section: Sequence[Block]) -> Iterator[Span]:
        others = ByStructure(self.budget, self.count, slack=self.slack)
        above: tuple[Block, ...] = ()
        for table, run in groupby(section, key=table_of):
            blocks = tuple(run)
            if table is not None:
                yield from self._rows(text, above, blocks)
                above = ()
                continue
            above = _above(blocks)
            body = blocks[: len(blocks) - len(above)]
            if body:
                yield from others.spans(text, body)
        if above:
            yield from others.spans(text, above)

    def _rows(self, text: str, above: Sequence[Block], rows: Sequence[Block]) -> Iterator[Span]:
        slack = slack_of(self.budget, self.slack)
        pieces = list(block_pieces(text, rows, budget=self.budget, count=self.count))
        spans: list[Span] = []
        first = 0
        while True:  # each window is packed by itself, so that no more than ``rows`` are in one
            window = pieces[first : first + self.rows]
            span = pack(window, budget=self.budget, slack=0)[0]
            if not spans or span.end > spans[-1].end:
                spans.append(span)
            last = first + sum(1 for piece in window if piece.span.end <= span.end)
            if last == len(pieces):
                break
            first = max(last - self.overlap, first + 1)
        if above:
            costly = [Span(one.start, one.end) for one in above[free_headings((*above, *rows)) :]]
            cost = sum(self.count(text[one.start : one.end]) for one in (*costly, spans[0]))
            if cost <= self.budget + slack:
                spans[0] = Span(above[0].start, spans[0].end)
            else:
                yield from ByStructure(self.budget, self.count, slack=slack).spans(text, above)
        yield from spans


def _above(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """The headings and captions at the end of blocks."""
    count = 0
    while count < len(blocks) and blocks[-1 - count].kind in ("heading", "caption"):
        count += 1
    return tuple(blocks[len(blocks) - count :])
