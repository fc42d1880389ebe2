"""Leave out parts of a passage, or join passages, so that offsets still point at the source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from assay.pipeline.sentences import sentences
from assay.pipeline.words import LEFT_OUT, Passage

COMPUTES = True
"""What is below decides what selectors give, so it counts for fingerprints."""

Span = tuple[int, int]
"""Start and end, in characters."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A sentence of a passage.

    Args:
        piece: number of the passage's piece that it stands in.
        start: offset in the passage's text.
        end: behind its last character.
    """

    piece: int
    start: int
    end: int


def sentences_of(passage: Passage) -> list[Stretch]:
    """The sentences of a passage, in order; none goes over the gap between two pieces.

    Returns:
        Stretches that are not empty; none for a text of white space.
    """
    return [
        Stretch(piece, one.start, one.end)
        for piece, (start, end) in enumerate(passage.stretches)
        for one in sentences(passage.text, start, end)
    ]


def shortened(passage: Passage, kept: Sequence[Stretch], *, all_of: Sequence[Stretch]) -> Passage:
    """The passage with some of its sentences only, in their order.

    Neighbouring sentences stay one piece, with the white space that stands between them. Id, title
    and labels stay. Where a passage's offsets are not those of its text (it has none, or was
    changed), they count from its ``start``.

    Args:
        passage: that is shortened.
        kept: of ``all_of``, at least one.
        all_of: all sentences of the passage, as ``sentences_of`` gives them.

    Returns:
        A passage with ``raw[start:end]`` of its pieces equal to ``text[start:end]`` of its
        stretches; the passage itself where all is kept.

    >>> from assay.pipeline.words import Scope
    >>> whole = Passage("d#1", "d", "One. Two. Three.", Scope("t"), start=100, end=116)
    >>> every = sentences_of(whole)
    >>> short = shortened(whole, [every[0], every[2]], all_of=every)
    >>> short.text, short.start, short.end, short.pieces
    ('One.\\n\\nThree.', 100, 116, ((100, 104), (110, 116)))
    """
    wanted = {one.start for one in kept}
    places = [place for place, one in enumerate(all_of) if one.start in wanted]
    if len(places) == len(all_of):
        return passage
    runs: list[tuple[int, int, int]] = []  # piece, start, end
    before = -2
    for place in places:
        one = all_of[place]
        if before == place - 1 and runs and runs[-1][0] == one.piece:
            runs[-1] = (one.piece, runs[-1][1], one.end)
        else:
            runs.append((one.piece, one.start, one.end))
        before = place
    return _made_of(passage, runs)


def beginning(passage: Passage, size: int) -> Passage:
    """The first ``size`` characters of a passage's text, at least one."""
    if size >= len(passage.text):
        return passage
    runs = [
        (piece, start, min(end, size))
        for piece, (start, end) in enumerate(passage.stretches)
        if start < size
    ]
    return _made_of(passage, runs)


def touching(first: Passage, second: Passage) -> bool:
    """Whether two passages of a document overlap, or follow one another.

    They follow where their positions do; what stands between them is white space or a heading.
    They must have one title and one scope, so that neither loses the heading that it stands under,
    and offsets that are those of their texts.
    """
    alike = (first.document_id, first.title, first.scope) == (
        second.document_id,
        second.title,
        second.scope,
    )
    if not alike or not _located(first) or not _located(second):
        return False
    overlap = min(first.end, second.end) >= max(first.start, second.start)
    return overlap or abs(first.position - second.position) == 1


def joined(first: Passage, second: Passage) -> Passage | None:
    """Two passages of a document as one, with the first one's id and all that either says.

    What stands between them in the document, if anything, is left out.

    Args:
        first: touches the second, or is made of passages of which one does.
        second: of the same document.

    Returns:
        None where they say different things of one place.

    >>> from assay.pipeline.words import Scope
    >>> raw = "Cats purr. Dogs bark."
    >>> cats = Passage("d#0", "d", raw[:10], Scope("t"), start=0, end=10)
    >>> dogs = Passage("d#1", "d", raw[5:], Scope("t"), position=1, start=5, end=21)
    >>> joined(dogs, cats).text, joined(dogs, cats).id
    ('Cats purr. Dogs bark.', 'd#1')
    """
    if not _agree(first, second):
        return None
    spans = _union([*_sources(first), *_sources(second)])
    return replace(
        first,
        text=LEFT_OUT.join(_read(first, second, span) for span in spans),
        position=min(first.position, second.position),
        start=spans[0][0],
        end=spans[-1][1],
        pieces=tuple(spans) if len(spans) > 1 else (),
    )


def _made_of(passage: Passage, runs: Sequence[tuple[int, int, int]]) -> Passage:
    """The passage of stretches of its text: number of the piece, start, end."""
    homes = passage.stretches
    sources = _sources(passage)
    pieces = []
    for piece, start, end in runs:
        shift = sources[piece][0] - homes[piece][0]
        pieces.append((start + shift, end + shift))
    return replace(
        passage,
        text=LEFT_OUT.join(passage.text[start:end] for _, start, end in runs),
        start=pieces[0][0],
        end=pieces[-1][1],
        pieces=tuple(pieces) if len(pieces) > 1 else (),
    )


def _sources(passage: Passage) -> tuple[Span, ...]:
    return passage.pieces or ((passage.start, passage.end),)


def _located(passage: Passage) -> bool:
    """Whether the offsets are those of the text."""
    sizes = [end - start for start, end in _sources(passage)]
    return sizes == [end - start for start, end in passage.stretches] and bool(passage.text)


def _agree(left: Passage, right: Passage) -> bool:
    """Whether the passages say the same wherever their pieces overlap."""
    for start, end in _sources(left):
        for other_start, other_end in _sources(right):
            low, high = max(start, other_start), min(end, other_end)
            if low < high and _at(left, low, high) != _at(right, low, high):
                return False
    return True


def _at(passage: Passage, start: int, end: int) -> str:
    """What a passage says from an offset of the raw text on, up to the end of that piece."""
    for (low, high), (home, _) in zip(_sources(passage), passage.stretches, strict=True):
        if low <= start < high:
            return passage.text[home + start - low : home + min(end, high) - low]
    return ""


def _union(spans: Iterable[Span]) -> list[Span]:
    """Spans in order; those that touch or overlap as one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _read(left: Passage, right: Passage, span: Span) -> str:
    """The raw text of a span that pieces of the two passages cover together."""
    text, at = "", span[0]
    while at < span[1]:
        text += max((_at(one, at, span[1]) for one in (left, right)), key=len)
        at = span[0] + len(text)
    return text
