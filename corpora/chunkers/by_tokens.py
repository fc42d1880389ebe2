"""Fixed windows of tokens, cut where a token ends.

The windows know nothing of the text but its tokens, so they cut sentences and cross headings: the
method to compare with, and the one that never exceeds what a model reads.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from assay.corpora.block import Block
from assay.corpora.chunkers.chunker import Chunk, all_blocks, check, chunks, whole
from assay.corpora.chunkers.spans import Span, stripped
from assay.corpora.document import Document
from assay.pipeline.errors import UsageError

Offsets = Callable[[str], Sequence[tuple[int, int]]]
"""Where the tokens of a text stand in it, in order; tokens of no width do not count."""

_STRETCH = 20_000  # characters that are given to the tokenizer at a time


@dataclass(frozen=True, slots=True)
class ByTokens:
    """See the module.

    Text is given to ``offsets`` in stretches of whole blocks; a block of more than 20,000
    characters in several, cut at white space where there is some. Tokens that share a character (a
    character written in several bytes) are never parted, even where they alone exceed the
    budget; text that no token covers stays with what is before it.

    Args:
        offsets: the tokenizer's.
        budget: tokens of a chunk, from 1.
        overlap: tokens of the chunk before that a chunk begins with, fewer than the budget.

    Raises:
        UsageError: for a setting out of its range; from ``cut`` if offsets are not those of tokens
            in order.
    """

    offsets: Offsets = field(repr=False)
    budget: int = 256
    overlap: int = 0

    def __post_init__(self) -> None:
        check(budget=(self.budget, 1), overlap=(self.overlap, 0))
        if self.overlap >= self.budget:
            raise UsageError(
                f"overlap of a chunker is {self.overlap} with a budget of {self.budget}; "
                "expected less than the budget"
            )

    def cut(self, document: Document) -> list[Chunk]:
        """A document's chunks, in order.

        >>> from assay.corpora.chunkers.spans import word_offsets
        >>> from assay.pipeline.words import Scope
        >>> document = Document("d", "a b c d", Scope("t"))
        >>> found = ByTokens(word_offsets, budget=2, overlap=1).cut(document)
        >>> [(one.start, one.end) for one in found]
        [(0, 3), (2, 5), (4, 7)]
        """
        if document.whole:
            return whole(document)
        text, blocks = document.text, all_blocks(document)
        starts, costs = self._tokens(text, blocks)
        if not starts:
            return []
        ends = [*starts[1:], len(text)]
        return chunks(text, blocks, list(self._windows(text, starts, ends, costs)))

    def _windows(
        self, text: str, starts: Sequence[int], ends: Sequence[int], costs: Sequence[int]
    ) -> Iterator[Span]:
        before = [0, *accumulate(costs)]
        first, done = 0, Span(0, 0)
        while True:
            last = max(bisect_right(before, before[first] + self.budget) - 1, first + 1)
            span = stripped(text, starts[first], ends[last - 1])
            if span.end > max(span.start, done.end):
                yield span
                done = span
            if last == len(starts):
                return
            first = max(bisect_left(before, before[last] - self.overlap), first + 1)

    def _tokens(self, text: str, blocks: Sequence[Block]) -> tuple[list[int], list[int]]:
        """Starts of the tokens that can be parted, and how many tokens each stands for."""
        starts: list[int] = []
        costs: list[int] = []
        done = 0
        for stretch in _stretches(text, blocks):
            first = len(starts)
            latest = stretch.start
            for begin, end in self.offsets(text[stretch.start : stretch.end]):
                if end == begin:
                    continue
                start, stop = stretch.start + begin, stretch.start + end
                if not latest <= start < stop <= stretch.end:
                    raise UsageError(
                        f"offsets of a chunker gave ({begin}, {end}) in a text of "
                        f"{stretch.end - stretch.start} characters; expected tokens in order, "
                        "inside the text"
                    )
                if len(starts) > first and start < done:
                    costs[-1] += 1
                else:
                    starts.append(start if len(starts) > first else stretch.start)
                    costs.append(1)
                latest, done = start, max(done, stop)
            if len(starts) == first:
                starts.append(stretch.start)
                costs.append(0)
            done = stretch.end
        return starts, costs


def _stretches(text: str, blocks: Sequence[Block]) -> Iterator[Span]:
    """What is given to the tokenizer at a time."""
    start = end = -1
    for block in blocks:
        if start >= 0 and block.end - start > _STRETCH:
            yield Span(start, end)
            start = -1
        start = block.start if start < 0 else start
        end = block.end
        while end - start > _STRETCH:
            middle = start + _STRETCH
            space = max(text.rfind(sign, start, middle) for sign in (" ", "\n"))
            border = space if space > start else middle
            yield Span(start, border)
            start = border
    if start >= 0 and end > start:
        yield Span(start, end)
