"""Sentences and content words: the small text rules that stages and guards share."""

from __future__ import annotations

import re
from dataclasses import dataclass

WORD = re.compile(r"[^\W_](?:[\w.'-]*\w)?|__\w+__|\w+")
_SENTENCE_END = re.compile(r"(?<=[.!?:])[\"')\]*]*\s+(?=[\"'(*]*[A-Z0-9_\"'])|\n\s*\n")
_ABBREVIATIONS = ("e.g.", "i.e.", "etc.", "vs.", "cf.", "Dr.", "Mr.", "Mrs.", "No.", "St.", "Inc.")

STOP_WORDS = frozenset(
    "a about an and any are as at be been but by can could did do does for from had has have how"
    " i if in into is it its may might must not of on or shall should so such than that the their"
    " them then there these they this those to was were what when where which while who whose why"
    " will with would you your".split()
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with its place in the text that it was cut from."""

    text: str
    start: int
    end: int


def sentences(text: str) -> tuple[Sentence, ...]:
    """Cut a text into sentences; ``text[s.start:s.end] == s.text`` for each.

    Paragraph breaks always cut; a full stop after a common abbreviation does not.

    >>> [one.text for one in sentences("Lists are mutable, e.g. [1]. Tuples are not.")]
    ['Lists are mutable, e.g. [1].', 'Tuples are not.']
    """
    pieces: list[Sentence] = []
    begin = 0
    for match in _SENTENCE_END.finditer(text):
        if text[begin : match.start()].endswith(_ABBREVIATIONS):
            continue
        _append(pieces, text, begin, match.end())
        begin = match.end()
    _append(pieces, text, begin, len(text))
    return tuple(pieces)


def _append(pieces: list[Sentence], text: str, begin: int, end: int) -> None:
    piece = text[begin:end]
    stripped = piece.strip()
    if stripped:
        start = begin + len(piece) - len(piece.lstrip())
        pieces.append(Sentence(stripped, start, start + len(stripped)))


def words(text: str) -> tuple[str, ...]:
    """Word forms in lower case, in order; dotted names and dunders stay whole.

    >>> words("Call str.format(), then __enter__.")
    ('call', 'str.format', 'then', '__enter__')
    """
    return tuple(match.group().lower() for match in WORD.finditer(text))


def content_words(text: str) -> tuple[str, ...]:
    """Words that carry meaning: no stop words, in order."""
    return tuple(word for word in words(text) if word not in STOP_WORDS)


def fold(text: str) -> str:
    """Whitespace runs as one space, ends trimmed."""
    return " ".join(text.split())
