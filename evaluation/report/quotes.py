"""Where in a passage the words stand that an answer took from it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Stretch = tuple[int, int]

SHORTEST = 12
"""A stretch of fewer letters is found by chance and is not marked."""

LONGEST = 3000
"""A stretch of more letters is looked for sentence by sentence only."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Cited:
    """A stretch of an answer with the passages that it cites.

    Args:
        start: first letter of the stretch.
        end: behind its last letter.
        passages: ids of the passages.
    """

    start: int
    end: int
    passages: tuple[str, ...]


def citations(answer: Mapping[str, Any]) -> list[Cited]:
    """The citations of an answer in the order of its text, within its text."""
    size = len(answer["text"])
    found = []
    for one in answer.get("citations") or ():
        start = min(max(int(one["start"]), 0), size)
        end = min(max(int(one["end"]), start), size)
        found.append(Cited(start, end, tuple(str(name) for name in one["passage_ids"])))
    return sorted(found, key=lambda one: (one.start, one.end))


def find_quote(text: str, quote: str) -> Stretch | None:
    """Where the words of a quote stand in a text, one after the other.

    Case, white space and punctuation may differ. A quote of fewer than ``SHORTEST`` or
    more than ``LONGEST`` letters, or one that is in other words, is not found.

    >>> find_quote("It is so: the Sun\\nis a star.", "The sun is a star")
    (10, 27)
    """
    wanted = _WORD.findall(quote[: LONGEST + 1])
    if len(quote) > LONGEST or sum(map(len, wanted)) < SHORTEST:
        return None
    # What stands between words is never a word, so there is one way to match at most.
    pattern = r"(?<!\w)" + r"\W+".join(map(re.escape, wanted)) + r"(?!\w)"
    found = re.search(pattern, text, re.IGNORECASE)
    return found.span() if found else None


def cited_stretches(
    answer: Mapping[str, Any], texts: Mapping[str, str]
) -> dict[str, list[Stretch]]:
    """Of each cited passage the stretches that the answer repeats.

    A citation that spans several sentences is looked for whole, then sentence by
    sentence; what an answer says in its own words is not found.

    Args:
        answer: with ``text`` and ``citations``.
        texts: passage id to its text.

    Returns:
        Passage id to stretches that do not overlap, in order; each cited passage is a key.
    """
    found: dict[str, list[Stretch]] = {}
    for one in citations(answer):
        quote = answer["text"][one.start : one.end]
        for name in one.passages:
            spots = found.setdefault(name, [])
            text = texts.get(name, "")
            whole = find_quote(text, quote)
            pieces = [quote] if whole else re.split(r"(?<=[.!?])\s+|\n+", quote)
            spots += [spot for piece in pieces if (spot := find_quote(text, piece))]
    return {name: merged(spots) for name, spots in found.items()}


def merged(spots: Sequence[Stretch]) -> list[Stretch]:
    """Stretches in order, those that overlap as one.

    >>> merged([(5, 9), (0, 3), (8, 12)])
    [(0, 3), (5, 12)]
    """
    joined: list[Stretch] = []
    for start, end in sorted(spots):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined
