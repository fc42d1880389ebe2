"""Chunks of sentences, across headings and paragraphs.

The plain method that needs no structure: sentences in a row up to the budget. A block's end is
a sentence's end, so that a heading or a table row never runs into what follows; a heading moves
along with the sentence behind it where both fit. A sentence over the budget is cut by lines and
words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assay.corpora.block import Block
from assay.corpora.chunkers.by_structure import introduces
from assay.corpora.chunkers.chunker import Chunk, all_blocks, check, chunks, whole
from assay.corpora.chunkers.packing import Piece, fitting, pack, slack_of
from assay.corpora.chunkers.spans import Count, Span, count_words
from assay.corpora.document import Document
from assay.pipeline.sentences import sentences


@dataclass(frozen=True, slots=True)
class BySentences:
    """See the module.

    Args:
        budget: cost of a chunk, from 1.
        count: what a stretch costs; see ``packing``.
        overlap: sentences of the chunk before that a chunk begins with, as far as the budget has
            room for them.
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
        >>> document = Document("d", "One two. Three four. Five.", Scope("t"))
        >>> [(one.start, one.end) for one in BySentences(budget=4, overlap=1).cut(document)]
        [(0, 20), (9, 26)]
        """
        if document.whole:
            return whole(document)
        text, blocks = document.text, all_blocks(document)
        spans = pack(
            list(self._pieces(text, blocks)),
            budget=self.budget,
            slack=slack_of(self.budget, self.slack),
            overlap=self.overlap,
        )
        return chunks(text, blocks, spans)

    def _pieces(self, text: str, blocks: Sequence[Block]) -> Iterator[Piece]:
        for block in blocks:
            found = sentences(text, block.start, block.end)
            for number, sentence in enumerate(found, start=1):
                yield from fitting(
                    text,
                    Span(sentence.start, sentence.end),
                    budget=self.budget,
                    count=self.count,
                    introduces=number == len(found) and introduces(text, block),
                )
