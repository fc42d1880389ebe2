"""Stretches of a text and what they cost."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from assay.corpora.analyzer import UNSPACED

Count = Callable[[str], int]
"""How much a stretch costs: words, or tokens without those that a model adds at the ends."""

WORD = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]{{1,80}}")
"""A word by white space, at most 80 characters of it; of a script without spaces a character."""


class Span(NamedTuple):
    """A stretch of a text: ``text[start:end]``."""

    start: int
    end: int


def stripped(text: str, start: int, end: int) -> Span:
    """A stretch without white space at its ends.

    >>> stripped(" a b ", 0, 5)
    Span(start=1, end=4)
    """
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)


def count_words(text: str) -> int:
    """Words by white space; a script without spaces counts its characters.

    >>> count_words("one two"), count_words("東京")
    (2, 2)
    """
    return len(WORD.findall(text))


def word_offsets(text: str) -> list[tuple[int, int]]:
    """Where the words that ``count_words`` counts stand.

    >>> word_offsets("one 東京")
    [(0, 3), (4, 5), (5, 6)]
    """
    return [match.span() for match in WORD.finditer(text)]
