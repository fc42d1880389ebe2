"""Words and content words: the small text rules that stages and guards share."""

from __future__ import annotations

import re

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

WORD = re.compile(r"[^\W_](?:[\w.'-]*\w)?|__\w+__|\w+")

STOP_WORDS = frozenset(
    "a about an and any are as at be been but by can could did do does for from had has have how"
    " i if in into is it its may might must not of on or shall should so such than that the their"
    " them then there these they this those to was were what when where which while who whose why"
    " will with would you your".split()
)


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
