"""How much of an evaluation goes into its page, so that any size opens quickly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a page holds at most; all counts of letters are of one text.

    Args:
        questions: questions that are listed.
        answer: letters of a question, an answer, an expected answer, a message.
        snippet: letters of a cited passage in the part that needs no script.
        cited: cited passages of a question in the part that needs no script.
        ranked: passages of each ranking that are listed.
        passage: letters of a passage that was kept, dropped, cited or judged.
        also_ran: letters of a passage that was only ranked.
        rationales: of a question, what its passages were chosen by.
        texts: bytes of the texts of all passages together.
        reasons: letters of all reasons together; each text counts once.
    """

    questions: int
    answer: int
    snippet: int
    cited: int
    ranked: int
    passage: int
    also_ran: int
    rationales: int = 20
    texts: int = 5_000_000
    reasons: int = 3_000_000

    @classmethod
    def of(cls, questions: int) -> Limits:
        """The limits of a page over so many questions: below about 15 MB however many they are."""
        many = max(questions, 1)
        return cls(
            questions=2000,
            answer=_between(500, 3_000_000 // many, 20_000),
            snippet=_between(240, 600_000 // many, 800),
            cited=_between(2, 4000 // many, 8),
            ranked=_between(8, 8000 // many, 20),
            passage=6000,
            also_ran=600,
        )


def cut(text: str, most: int) -> str:
    """The beginning of a text, and how much was cut off.

    >>> cut("one two three", 8)
    'one two … (5 more letters)'
    """
    if len(text) <= most:
        return text
    return f"{text[:most].rstrip()} … ({len(text) - most} more letters)"


def around(text: str, spots: Sequence[tuple[int, int]], most: int) -> tuple[int, int]:
    """The part of a text to show: from a little before the first of the spots.

    >>> around("0123456789" * 9, [(50, 55)], 30)
    (44, 74)
    """
    if len(text) <= most:
        return 0, len(text)
    first = min((start for start, _ in spots), default=0)
    start = min(max(0, first - most // 5), len(text) - most)
    return start, start + most


def _between(low: int, value: int, high: int) -> int:
    return max(low, min(value, high))
