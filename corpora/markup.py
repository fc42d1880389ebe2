"""The blocks of a text by its markup, for documents whose loader did not say them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from assay.corpora.block import Block
from assay.corpora.loaders.markdown import MOST_LINES, markdown
from assay.corpora.loaders.restructured import restructured
from assay.corpora.loaders.text import lines, paragraphs
from assay.pipeline.errors import DataError

MARKUPS = ("plain", "markdown", "underlined")

TITLE = 200
"""Characters of a heading that are kept in a title."""

_HASHES = re.compile(r"\s*#{1,6}(?=\s|$)")
_ADORNMENT = re.compile(r"\s*([^\w\s])\1*\s*")


def blocks_of(text: str, markup: str) -> list[Block]:
    """What a text's stretches are, in order.

    Args:
        text: the raw text. Of one with more than half a million lines only paragraphs are told.
        markup: ``plain`` (paragraphs between blank lines, no headings), ``markdown``, or
            ``underlined`` (reStructuredText-like: a heading is a line above, perhaps also below, a
            line of one repeated sign; the style that is met first is the top level).

    Raises:
        DataError: for another markup.

    >>> [(one.kind, one.start) for one in blocks_of("# Loans\\n\\nThree weeks.", "markdown")]
    [('heading', 0), ('paragraph', 9)]
    """
    if markup not in MARKUPS:
        raise DataError(f"unknown markup '{markup}'; expected {', '.join(MARKUPS)}")
    if markup == "plain" or text.count("\n") > MOST_LINES:
        return list(paragraphs(text))
    found = list(lines(text))
    return markdown(text, found) if markup == "markdown" else restructured(text, found)[0]


def heading_title(text: str) -> str:
    """A heading's words without its marks, at most 200 characters.

    >>> heading_title("## Loans  of books ##"), heading_title("Loans\\n====="), heading_title("C#")
    ('Loans of books', 'Loans', 'C#')
    >>> heading_title("*****\\nLoans\\n*****")
    'Loans'
    """
    text = text[: 4 * TITLE]
    hashes = _HASHES.match(text)
    if hashes:
        text = re.sub(r"\s#+\s*$", "", text[hashes.end() :])
    lines = text.splitlines()
    if len(lines) > 1:
        lines = [line for line in lines if not _ADORNMENT.fullmatch(line)]
    return " ".join(" ".join(lines).split())[:TITLE]


def first_heading(text: str, blocks: Iterable[Block]) -> str:
    """The words of the first heading among a text's blocks; '' where there is none."""
    first = next((block for block in blocks if block.kind == "heading"), None)
    return heading_title(text[first.start : first.end]) if first else ""
