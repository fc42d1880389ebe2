"""Fixed windows of tokens, cut between words.

The windows know nothing of the text but its tokens and words, so they cut sentences and cross
headings: the method to compare with, and the one that never exceeds what a model reads.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from assay.corpora.analyzer import UNSPACED
from assay.corpora.block import Block
from assay.corpora.chunkers.chunker import Chunk, all_blocks, check, chunks, line_start, whole
from assay.corpora.chunkers.spans import Span, stripped
from assay.corpora.document import Document
from assay.pipeline.errors import UsageError

Offsets = Callable[[str], Sequence[tuple[int, int]]]
"""Where the tokens of a text stand in it, in order; tokens of no width do not count."""

_JOINED = re.compile(rf"[^\s{UNSPACED}]{{2}}")
"""Two characters of one word."""

_STRETCH = 20_000  # characters that are given to the tokenizer at a time


@dataclass(frozen=True, slots=True)
class ByTokens:
    """See the module.

    No window has more tokens than the budget when it is read by itself, which may be more than it
    has within the text. A word is only cut where it alone has more, with what indents its line.

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
        starts, costs = self._words(text, *self._tokens(text, blocks))
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
            while True:
                span = stripped(text, starts[first], ends[last - 1])
                over = self._cost(text, span) - self.budget
                if over <= 0 or last == first + 1:
                    break
                last = max(first + 1, bisect_right(before, before[last] - over) - 1)
            if span.end > max(span.start, done.end):
                yield span
                done = span
            if last == len(starts):
                return
            first = max(bisect_left(before, before[last] - self.overlap), first + 1)

    def _cost(self, text: str, span: Span) -> int:
        """Tokens of a stretch as a passage has it: with what indents its first line."""
        tokens = self.offsets(text[line_start(text, span.start) : span.end])
        return sum(begin != end for begin, end in tokens)

    def _words(
        self, text: str, starts: Sequence[int], costs: Sequence[int]
    ) -> tuple[Sequence[int], Sequence[int]]:
        """Starts and costs of words, and of the tokens of words that are over the budget."""
        firsts = [place for place, start in enumerate(starts) if not _inside_word(text, start)]
        if len(firsts) == len(starts):
            return starts, costs
        ends = [*starts[1:], len(text)]
        found: list[tuple[int, int]] = []
        for first, last in pairwise([*dict.fromkeys([0, *firsts]), len(starts)]):
            cost = sum(costs[first:last])
            if self._fits(text, Span(starts[first], ends[last - 1]), cost):
                found.append((starts[first], cost))
            else:
                found += zip(starts[first:last], costs[first:last], strict=True)
        return [start for start, _ in found], [cost for _, cost in found]

    def _fits(self, text: str, word: Span, cost: int) -> bool:
        """Whether a window can hold a word; one that is near the budget is looked at by itself."""
        if cost * 2 <= self.budget:
            return True
        return cost <= self.budget and self._cost(text, stripped(text, *word)) <= self.budget

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


def _inside_word(text: str, place: int) -> bool:
    """Whether a word goes on at a place; a script without spaces can be cut anywhere."""
    if not 0 < place < len(text):
        return False
    return _JOINED.match(text, place - 1) is not None


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
