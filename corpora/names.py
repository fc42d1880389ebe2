"""Names in a text: runs of capitalised words, and words that hold a figure."""

from __future__ import annotations

import re

from assay.corpora.times import without_times
from assay.pipeline.text import STOP_WORDS

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

_WORD = r"[A-Z\u00c0-\u00de][\w\u00c0-\u024f'’&.-]*+"
_CODE = r"(?=[\w.-]*[A-Za-z])(?=[\w.-]*\d)[\w][\w.-]*+"
_PART = rf"(?:{_CODE}|{_WORD})"
_RUN = re.compile(rf"(?<!\w){_PART}(?:\s(?:(?:of|the|and|de|van|von|al|for|&)\s){{0,2}}{_PART})*")
_SENTENCE = re.compile(r"[.!?:]\s*$|^\s*$")

OPENERS = STOP_WORDS | frozenset(
    "according among are calculate compare compute compared define describe determine discuss"
    " during each every explain extract find first give given identify in list list name please"
    " provide regarding show since state summarise summarize tell under using whether yes".split()
)
"""Words that open a question and are no names, though they have a capital there."""


def names(text: str) -> tuple[str, ...]:
    """Names in a text, each once, in order, as they are written.

    A name is a run of words that begin with a capital or hold both letters and figures (``3M``,
    ``10-K``, ``GPT-4``), with ``of``, ``the``, ``and`` and the like between two of them. Times
    (``times``) are no names. A word that opens a sentence has a capital anyway; it counts unless
    it is one of those that open questions (``OPENERS``). Scripts without capitals have none, and
    a text in small letters has few.

    >>> names("What was the Bank of America's tier 1 ratio in the 10-K of March 2021?")
    ("Bank of America's", '10-K')
    >>> names("Are Christopher Nolan and Sathish Kalathil both film directors?")
    ('Christopher Nolan and Sathish Kalathil',)
    """
    found: dict[str, None] = {}
    plain = without_times(text)
    for match in _RUN.finditer(plain):
        parts = match[0].split()
        if _SENTENCE.search(plain[: match.start()][-20:]):
            while parts and parts[0].lower().split("'")[0] in OPENERS:
                parts = parts[1:]
        while parts and parts[0].lower() in STOP_WORDS:
            parts = parts[1:]
        name = " ".join(parts).rstrip(".'’&-")
        if len(name) > 1:
            found[name] = None
    return tuple(found)
