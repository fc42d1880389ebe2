"""Chunks of table rows; what is no table is cut by structure.

Loaders write each row readable alone, with the header in it, so a row is a chunk by itself, or
several in a row are. A heading or caption right above a table stays with its first row; rows under
two headings, or in two sheets, are never in one chunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from assay.corpora.chunk import count_words
from assay.corpora.chunkers.by_structure import ByStructure, block_pieces
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
from assay.corpora.chunkers.packing import pack, slack_of
from assay.corpora.chunkers.sentences import Span
from assay.corpora.loaders.loaded import Block, Loaded
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

    def cut(self, loaded: Loaded) -> list[Chunk]:
        """A document's chunks, in order.

        >>> from assay.corpora.loaders.loaded import TextBuilder
        >>> made = TextBuilder()
        >>> made.add("Name: Ada; Born: 1815", "table_row")
        >>> made.add("Name: Alan; Born: 1912", "table_row")
        >>> len(ByRows().cut(Loaded(made.text, made.blocks)))
        2
        """
        if loaded.whole:
            return whole(loaded)
        spans = [
            span
            for section in sections(loaded.text, all_blocks(loaded))
            for span in self._spans(loaded.text, section)
        ]
        return chunks(loaded, spans)

    def _spans(self, text: str, section: Section) -> Iterator[Span]:
        others = ByStructure(self.budget, self.count, slack=self.slack)
        above: tuple[Block, ...] = ()
        for table, run in groupby(section.blocks, key=_table):
            blocks = tuple(run)
            if table is not None:
                yield from self._rows(text, above, blocks)
                above = ()
                continue
            above = _above(blocks)
            body = blocks[: len(blocks) - len(above)]
            if body:
                yield from others.spans(text, replace(section, blocks=body))
        if above:
            yield from others.spans(text, replace(section, blocks=above))

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
            head = Span(above[0].start, above[-1].end)
            cost = self.count(text[head.start : head.end])
            if cost + self.count(text[spans[0].start : spans[0].end]) <= self.budget + slack:
                spans[0] = Span(head.start, spans[0].end)
            else:
                yield from ByStructure(self.budget, self.count, slack=slack).spans(
                    text, Section((), tuple(above))
                )
        yield from spans


def _table(block: Block) -> object:
    """What tells two tables apart that follow one another; None for what is no row."""
    return ("table", block.place.get("sheet")) if block.kind == "table_row" else None


def _above(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """The headings and captions at the end of blocks."""
    count = 0
    while count < len(blocks) and blocks[-1 - count].kind in ("heading", "caption"):
        count += 1
    return tuple(blocks[len(blocks) - count :])
