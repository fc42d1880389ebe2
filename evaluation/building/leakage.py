"""Questions that give themselves away, or that nobody could understand. No model calls."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from assay.corpora.matching import is_correct
from assay.evaluation.building.short_answers import spans_of
from assay.guards.verify.near_duplicates import jaccard, shingles
from assay.pipeline.text import content_words, words

GRAM = 8
"""Words in a row that count as copied."""

MOST_COPIED = 0.5
ALIKE = 0.8
STEM = 5
"""Letters by which a word of the title is known again: ``Normans`` and ``Norman``."""

_CONTEXT = re.compile(
    r"\b(?:the|this|that|these|given|above) (?:passage|text|paragraph|excerpt|context|sentence)s?\b"
    r"|\b(?:this|that|these|given|above) (?:\w+ )?(?:document|article|author|section|answer"
    r"|question|page)s?\b|\b(?:mentioned|described) (?:above|below|here)\b",
    re.IGNORECASE,
)
_POINTING = frozenset("it they he she this these that those its their his her them him".split())
_NUMBER = re.compile(r"\d[\d.,]*(?<![.,])")
_LABELS = frozenset(("yes", "no", "true", "false"))


def copied_share(question: str, text: str, *, size: int = GRAM) -> float:
    """The share of a question's n-grams of words that stand in a text, 0 to 1.

    A question of fewer words than ``size`` is one n-gram; one of fewer than four has none.

    >>> copied_share("a member may keep a book for three weeks", "A member may keep a book for 3")
    0.0
    >>> copied_share("a member may keep a book for what", "A member may keep a book for what?")
    1.0
    """
    asked = words(question)
    if len(asked) < 4:
        return 0.0
    grams = shingles(asked, size)
    own = shingles(words(text), min(size, len(asked)))
    return len(grams & own) / len(grams)


def gives_answer(question: str, answers: Sequence[str]) -> bool:
    """Whether a question holds one of its answers; yes and no do not count."""
    real = [one for one in answers if one.casefold() not in _LABELS]
    return is_correct(question, real)


def needs_context(question: str, title: str = "") -> bool:
    """Whether a question cannot be understood by who has not read its passage.

    It speaks of the passage, or has a pronoun and hardly another word, or names nothing: no date,
    quantity, name or code name, and no word of the title of its passage, where there is one.

    >>> needs_context("What does the passage say about loans?"), needs_context("When was it done?")
    (True, True)
    >>> needs_context("When was the bridge over the Aar built?")
    False
    >>> needs_context("What wars followed?", "Huguenots")
    True
    """
    if _CONTEXT.search(question):
        return True
    content = [one for one in content_words(question) if one not in _POINTING]
    points = not _POINTING.isdisjoint(words(question))
    if len(content) < (3 if points else 2):
        return True
    about = {one[:STEM] for one in content_words(title)}
    return bool(about) and not _named(question) and about.isdisjoint(one[:STEM] for one in content)


def near_duplicate(question: str, others: Collection[tuple[str, str]]) -> str:
    """The id of a question that asks the same in nearly the same words, '' for none.

    Two are alike where the Jaccard similarity of their content words is ``ALIKE`` or more and
    they name the same dates, quantities and names; look-alikes that ask about another thing are
    not. Cost: linear in the other questions.

    Args:
        question: its text.
        others: (id, text) of those it is compared with.
    """
    own, named = set(content_words(question)), _named(question)
    for name, text in others:
        if jaccard(own, set(content_words(text))) >= ALIKE and _named(text) == named:
            return name
    return ""


def _named(text: str) -> frozenset[str]:
    return frozenset((*(said.casefold() for said, _ in spans_of(text)), *_NUMBER.findall(text)))
