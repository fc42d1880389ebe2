"""Where a quote stands among passages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from assay.corpora.dataset import EvidenceSpan
from assay.pipeline.words import Passage

_ALIKE = ("\"'`“”„‟«»‘’‚‹›", "-‐‑‒–—−")
_EDGES = "\"'`“”„‟«»‘’‚‹›….,;: "


def locate(quote: str, document: str, passages: Sequence[Passage]) -> list[EvidenceSpan]:
    """Where a quote stands, white space folded: in its document, else anywhere.

    Args:
        quote: some words, verbatim.
        document: the id of the document to look in first; '' for none.
        passages: where to look.

    Returns:
        One span a passage that holds it, offsets within the passage; none for an empty quote.
    """
    own = [one for one in passages if one.document_id == document]
    others = [one for one in passages if one.document_id != document]
    return standing(quote, own) or standing(quote, others)


def standing(
    quote: str, passages: Sequence[Passage], *, loosely: bool = False
) -> list[EvidenceSpan]:
    """One span for each passage that holds a quote.

    Args:
        quote: some words.
        passages: where to look.
        loosely: case, the form of quotation marks and dashes, and punctuation at the quote's
            ends do not matter.
    """
    words = quote.split()
    if not words:
        return []
    rare = max(words, key=len)
    found = []
    for one in passages:
        if not loosely and rare not in one.text:
            continue
        place = stands_at(quote, one.text, loosely=loosely)
        if place is not None:
            found.append(EvidenceSpan(one.id, *place, one.text[place[0] : place[1]]))
    return found


def stands_at(quote: str, text: str, *, loosely: bool = False) -> tuple[int, int] | None:
    """Start and end of a quote's first place in a text, white space folded; None for nowhere.

    >>> stands_at("it's so", "And It’s\\nso!", loosely=True)
    (4, 11)
    """
    pattern = _pattern(quote, loosely)
    match = pattern.search(text) if pattern is not None else None
    return None if match is None else match.span()


@lru_cache(maxsize=64)
def _pattern(quote: str, loosely: bool) -> re.Pattern[str] | None:
    words = (quote.strip(_EDGES) if loosely else quote).split()
    if not words:
        return None
    if not loosely:
        return re.compile(r"\s+".join(re.escape(word) for word in words))
    return re.compile(r"\s+".join("".join(map(_loose, word)) for word in words), re.IGNORECASE)


def _loose(sign: str) -> str:
    group = next((one for one in _ALIKE if sign in one), None)
    return re.escape(sign) if group is None else f"[{re.escape(group)}]"
