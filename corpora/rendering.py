"""What indexes and embedders read of a passage."""

from __future__ import annotations

import re

from assay.corpora.invisible import has_invisible
from assay.corpora.normalise import strip_invisible
from assay.pipeline.words import Passage

_HALF = re.compile("[\ud800-\udfff]")


def rendered(passage: Passage) -> str:
    """What is indexed and embedded of a passage: its title, a line end, its text, all ``readable``.

    >>> from assay.pipeline.words import Scope
    >>> rendered(Passage("d#0", "d", "Return <b> if a < b.", Scope("t"), title="C\\u00adode"))
    'Code\\nReturn <b> if a < b.'
    """
    return readable(f"{passage.title}\n{passage.text}" if passage.title else passage.text)


def readable(text: str) -> str:
    """A text without invisible carriers, and with half characters as the sign for unknown.

    Entities and markup stay as they are: in documentation they are what is looked for. Spelling
    stays, too; folding case and forms is the analyzer's.
    ``assay.corpora.normalise.strip_invisible`` gives the same with the way back to the raw text.
    """
    if has_invisible(text):
        text = strip_invisible(text).text
    return text if text.isascii() else _HALF.sub("\ufffd", text)
