"""The one tolerant reader of the orders that language models write.

Whatever a model wrote, an order of all passages comes out, with counts of what had to be repaired.
The rules, in this order:

1. What stands up to the last ``</think>`` is not the answer. A ``<think>`` that was never closed
   means that the model ran out of tokens: nothing is read.
2. Of ``<answer>`` blocks the last one is the answer.
3. Identifiers are what stands in brackets: ``[3]``, ``[C]``, ``PASSAGE3``. One bracket is enough,
   since the first is often part of the prompt, and so is a ``>`` beside it. Where there are no
   brackets at all, numbers are read where the answer is nothing else (``2, 2, 9``) or where they
   stand in a chain (``2 > 1 > 3``). "20 passages were provided" therefore names no passage, and no
   letter of a word is an identifier.
4. The first mention of a passage counts; later ones and identifiers of no passage are dropped.
5. Passages that were not named follow in the order in which they were shown.

Source: the repair rules of rank_llm (Pradeep et al. 2023), made stricter in rule 3.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

COMPUTES = True
"""What is below decides what rerankers and selectors give, so it counts for fingerprints."""

Style = Literal["number", "letter", "passage"]
"""How passages are named: ``[3]``, ``[C]`` or ``PASSAGE3``."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MOST_LETTERS = len(LETTERS)

_BRACKET = re.compile(r"\[\s*\w|\w\s*\]")
_MARKED: Mapping[Style, re.Pattern[str]] = {
    "number": re.compile(r"\[\s*(\d+)|(\d+)\s*\]|(?<!\d)(\d+)(?=\s*>)|(?<=>)\s*(\d+)"),
    "letter": re.compile(
        r"\[\s*([A-Za-z])\s*(?![A-Za-z])|(?<![A-Za-z])([A-Za-z])\s*\]"
        r"|(?<![A-Za-z])([A-Z])(?=\s*>)|(?<=>)\s*([A-Z])(?![A-Za-z])"
    ),
    "passage": re.compile(r"PASSAGE\s*_?(\d+)()()()", re.IGNORECASE),
}
_BARE: Mapping[Style, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "number": (re.compile(r"\d+"), re.compile(r"\d+(?:\s*[>,;\n]\s*\d+)+")),
    "letter": (
        re.compile(r"(?<![A-Za-z])[A-Z](?![A-Za-z])"),
        re.compile(r"(?<![A-Za-z])[A-Z](?:\s*[>,;\n]\s*[A-Z](?![A-Za-z]))+"),
    ),
}
_ONLY: Mapping[Style, re.Pattern[str]] = {
    "number": re.compile(r"[\d\s,;>.\-]+"),
    "letter": re.compile(r"[A-Z](?:[\s,;>.\-]+[A-Z])*[\s.]*"),
}
_WELL_FORMED: Mapping[Style, re.Pattern[str]] = {
    "number": re.compile(r"\[\d+\](?: > \[\d+\])*"),
    "letter": re.compile(r"\[[A-Z]\](?: > \[[A-Z]\])*"),
    "passage": re.compile(r"PASSAGE\d+(?:, PASSAGE\d+)*"),
}
_ANSWER = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.DOTALL | re.IGNORECASE)
_NOTHING = re.compile(r"[\W_]*(?:none\b|\Z)", re.IGNORECASE)
_LONGEST = 9  # digits; longer numbers name nothing and are not worth computing


@dataclass(frozen=True, slots=True)
class Parsed:
    """What was read out of an answer.

    Args:
        order: places in the window, best first; a permutation of all.
        named: distinct passages that the answer named.
        missing: passages that it did not name.
        duplicates: mentions after the first.
        out_of_range: identifiers of no passage.
        well_formed: whether the answer is exactly of the form that was asked for.
        failed: whether it named nothing, or its reasoning was cut off.
    """

    order: tuple[int, ...]
    named: int
    missing: int
    duplicates: int
    out_of_range: int
    well_formed: bool
    failed: bool

    @property
    def kind(self) -> Literal["as asked", "other form", "repaired", "failed"]:
        """In one word what had to be done: nothing, read another form, repair, give up."""
        if self.failed:
            return "failed"
        if self.missing or self.duplicates or self.out_of_range:
            return "repaired"
        return "as asked" if self.well_formed else "other form"


def parse_order(text: str, n: int, *, style: Style = "number") -> Parsed:
    """Read an order of n passages.

    Args:
        text: what the model wrote; anything.
        n: passages that were shown.
        style: how they were named.

    >>> parse_order("[2] > [1] > [3]", 4).order
    (1, 0, 2, 3)
    >>> parse_order("2, 2, 9", 3).order
    (1, 0, 2)
    >>> parse_order("sorry, I cannot rank these 3 passages", 3).failed
    True
    """
    answer = answer_of(text)
    read = _read("" if answer is None else answer, n, style)
    named = len(read.order)
    chosen = set(read.order)
    order = (*read.order, *(place for place in range(n) if place not in chosen))
    whole = answer is not None and _WELL_FORMED[style].fullmatch(answer.strip()) is not None
    return Parsed(
        order, named, n - named, read.duplicates, read.out_of_range, whole, named == 0 and n > 0
    )


@dataclass(frozen=True, slots=True)
class ParsedSubset:
    """What was read out of an answer that names only the passages that are needed.

    Args:
        places: places in the window in the order of their first mention; may be empty.
        duplicates: mentions after the first.
        out_of_range: identifiers of no passage.
        failed: whether it can mean neither passages nor that none is needed, or its reasoning was
            cut off.
    """

    places: tuple[int, ...]
    duplicates: int
    out_of_range: int
    failed: bool


def parse_subset(text: str, n: int, *, style: Style = "number") -> ParsedSubset:
    """Read which of n passages an answer names; by the same rules, but nothing is appended.

    An empty answer, empty brackets and one that begins with "None" name no passage, and that is no
    failure. An answer that names only passages that were not shown is one.

    Args:
        text: what the model wrote; anything.
        n: passages that were shown.
        style: how they were named.

    >>> parse_subset("[3], [1], [3], [9]", 4)
    ParsedSubset(places=(2, 0), duplicates=1, out_of_range=1, failed=False)
    >>> parse_subset("None", 4).places, parse_subset("None", 4).failed
    ((), False)
    >>> parse_subset("I cannot tell.", 4).failed
    True
    """
    answer = answer_of(text)
    if answer is None:
        return ParsedSubset((), 0, 0, True)
    read = _read(answer, n, style)
    nothing = not read.found and _NOTHING.match(answer) is not None
    return ParsedSubset(
        read.order, read.duplicates, read.out_of_range, not read.order and not nothing
    )


def answer_of(text: str) -> str | None:
    """The answer behind the reasoning; None where the reasoning was cut off.

    >>> answer_of("<think>[1] is best</think><answer>[3]</answer>")
    '[3]'
    """
    lowered = text.lower()
    closed = lowered.rfind("</think>")
    if lowered.rfind("<think>") > closed:
        return None
    said = text[closed + len("</think>") :] if closed >= 0 else text
    blocks = _ANSWER.findall(said)
    return unicodedata.normalize("NFKC", blocks[-1] if blocks else said)


def reasoning_of(text: str) -> str:
    """What stands inside the reasoning marks, '' where there are none."""
    match = re.search(r"<think>(.*?)(?:</think>|\Z)", text, re.DOTALL | re.IGNORECASE)
    return match.group(1).strip() if match else ""


def identifier(place: int, style: Style) -> str:
    """How a place of the window is named.

    >>> identifier(2, "number"), identifier(2, "letter"), identifier(2, "passage")
    ('[3]', '[C]', 'PASSAGE3')
    """
    match style:
        case "number":
            return f"[{place + 1}]"
        case "letter":
            return f"[{LETTERS[place]}]"
        case "passage":
            return f"PASSAGE{place + 1}"


@dataclass(frozen=True, slots=True)
class _Mentions:
    found: int
    order: tuple[int, ...]
    duplicates: int
    out_of_range: int


def _read(answer: str, n: int, style: Style) -> _Mentions:
    """Identifiers of an answer: how many, those of passages at their first mention, the others."""
    places = [_place(one, style) for one in _found(answer, style)]
    known = [place for place in places if place is not None and 0 <= place < n]
    order = tuple(dict.fromkeys(known))
    return _Mentions(len(places), order, len(known) - len(order), len(places) - len(known))


def _found(answer: str, style: Style) -> list[str]:
    marked = ["".join(groups) for groups in _MARKED[style].findall(answer)]
    if style == "passage" or _BRACKET.search(answer):
        return marked
    one, chain = _BARE[style]
    if _ONLY[style].fullmatch(answer.strip()):
        return one.findall(answer)
    chains = [match.group() for match in chain.finditer(answer)]
    return one.findall(max(chains, key=len)) if chains else []


def _place(written: str, style: Style) -> int | None:
    if style == "letter":
        return LETTERS.find(written.upper())
    return int(written) - 1 if len(written) <= _LONGEST else None
