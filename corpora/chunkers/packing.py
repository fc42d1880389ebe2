"""Pieces of text, each within a budget, packed to chunks within the budget.

A piece's cost is counted for the piece by itself, and a chunk's cost is the sum over its pieces:
with words that is exact, with tokens it differs by what a tokenizer does at a border of two
pieces. A chunk costs at most ``budget``, and at most ``budget + slack`` where a stretch of at most
``slack`` would stand alone otherwise: a short tail joins the chunk before it, a short start (a
heading) is kept with what follows. One character is never cut, whatever it costs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from assay.corpora.chunkers.spans import WORD, Count, Span, stripped
from assay.pipeline.sentences import sentences

_LINE = re.compile(r"[^\n]+")
_CHAIN = 3  # introductions of introductions that are moved along, at most
_SHORT = 5


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch that is not cut.

    Args:
        span: where it stands.
        cost: by the chunker's count.
        indent: of its first line, in characters.
        introduces: whether the next piece belongs to it whatever that is (a heading, a caption,
            text that ends with a colon).
    """

    span: Span
    cost: int
    indent: int = 0
    introduces: bool = False


def slack_of(budget: int, slack: int | None) -> int:
    """A fifth of the budget where no slack is given."""
    return budget // _SHORT if slack is None else slack


def fitting(
    text: str, span: Span, *, budget: int, count: Count, indent: int = 0, introduces: bool = False
) -> Iterator[Piece]:
    """A stretch as one piece; over the budget its sentences, of these the lines, the words.

    Yields:
        Pieces that cost at most the budget, except single characters; the last one introduces
        what the stretch introduces.
    """
    found = list(_narrowed(text, span, budget, count, 0))
    for number, (inner, cost) in enumerate(found, start=1):
        yield Piece(inner, cost, indent, introduces and number == len(found))


def _narrowed(
    text: str, span: Span, budget: int, count: Count, step: int
) -> Iterator[tuple[Span, int]]:
    cost = count(text[span.start : span.end])
    if cost <= budget or span.end - span.start == 1:
        yield span, cost
    elif step == 0:
        for sentence in sentences(text, span.start, span.end):
            inner = Span(sentence.start, sentence.end)
            yield from _narrowed(text, inner, budget, count, 1)
    elif step == 1:
        for match in _LINE.finditer(text, span.start, span.end):
            inner = stripped(text, match.start(), match.end())
            if inner.end > inner.start:
                yield from _narrowed(text, inner, budget, count, 2)
    else:
        yield from _stretches(text, span, budget, count)


def _stretches(text: str, span: Span, budget: int, count: Count) -> Iterator[tuple[Span, int]]:
    """Words in a row up to the budget; a word over it is halved until it fits."""
    held: tuple[Span, int] | None = None
    waiting = (Span(*match.span()) for match in WORD.finditer(text, span.start, span.end))
    for word in waiting:
        for atom, cost in _halved(text, word, budget, count):
            if held and held[1] + cost <= budget:
                held = Span(held[0].start, atom.end), held[1] + cost
                continue
            if held:
                yield held
            held = atom, cost
    if held:
        yield held


def _halved(text: str, span: Span, budget: int, count: Count) -> Iterator[tuple[Span, int]]:
    cost = count(text[span.start : span.end])
    if cost <= budget or span.end - span.start == 1:
        yield span, cost
        return
    middle = (span.start + span.end) // 2
    yield from _halved(text, Span(span.start, middle), budget, count)
    yield from _halved(text, Span(middle, span.end), budget, count)


@dataclass(slots=True)
class _Group:
    """Pieces of a chunk: what is repeated from before, then its own."""

    repeated: Span | None
    repeated_cost: int
    pieces: list[Piece]
    cost: int

    @property
    def total(self) -> int:
        return self.cost + self.repeated_cost

    @property
    def span(self) -> Span:
        first = self.repeated or self.pieces[0].span
        return Span(first.start, self.pieces[-1].span.end)


def pack(
    pieces: Sequence[Piece],
    *,
    budget: int,
    slack: int,
    overlap: int = 0,
    units: Callable[[Piece], Sequence[Piece]] = lambda piece: (piece,),
) -> list[Span]:
    """Pieces in a row to chunks.

    Args:
        pieces: of one section, in order.
        budget: see the module.
        slack: see the module.
        overlap: units at a chunk's end that the next one repeats, as far as they and what they are
            put before stay within the budget.
        units: a piece's units of overlap, for instance its sentences.
    """
    groups: list[_Group] = []
    for piece in pieces:
        if groups and _fits(groups[-1], piece, budget, slack):
            groups[-1].pieces.append(piece)
            groups[-1].cost += piece.cost
            continue
        moved = _introductions(groups[-1].pieces, piece, budget) if groups else []
        if moved:
            del groups[-1].pieces[-len(moved) :]
            groups[-1].cost -= sum(one.cost for one in moved)
        own = [*moved, piece]
        cost = sum(one.cost for one in own)
        repeated, repeated_cost = None, 0
        if overlap and groups:
            repeated, repeated_cost = _repeated(groups[-1].pieces, overlap, budget - cost, units)
        groups.append(_Group(repeated, repeated_cost, own, cost))
    if len(groups) > 1 and groups[-1].cost <= slack:
        last = groups.pop()
        if groups[-1].total + last.cost <= budget + slack:
            groups[-1].pieces += last.pieces
        else:
            groups.append(last)
    return [group.span for group in groups]


def _fits(group: _Group, piece: Piece, budget: int, slack: int) -> bool:
    if group.total + piece.cost <= budget:
        return True
    if group.cost <= slack and group.cost + piece.cost <= budget + slack:
        if group.total + piece.cost > budget + slack:
            group.repeated, group.repeated_cost = None, 0
        return True
    return False


def _introductions(before: Sequence[Piece], piece: Piece, budget: int) -> list[Piece]:
    """The last pieces that belong to the next one and fit with it; never all there are."""
    found: list[Piece] = []
    cost, after = piece.cost, piece
    for one in reversed(before[max(1, len(before) - _CHAIN) :]):
        cost += one.cost
        if cost > budget or not (one.introduces or after.indent > one.indent):
            break
        found.insert(0, one)
        after = one
    return found


def _repeated(
    before: Sequence[Piece],
    overlap: int,
    room: int,
    units: Callable[[Piece], Sequence[Piece]],
) -> tuple[Span | None, int]:
    start, cost, taken = None, 0, 0
    for piece in reversed(before):
        for unit in reversed(units(piece)):
            if taken == overlap or cost + unit.cost > room:
                return (Span(start, before[-1].span.end), cost) if start is not None else (None, 0)
            start, cost, taken = unit.span.start, cost + unit.cost, taken + 1
    return (Span(start, before[-1].span.end), cost) if start is not None else (None, 0)
