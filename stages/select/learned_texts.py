"""What a learned selector is told about the words of a question and of its passages."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.corpora.analyzer import Analyzer
from assay.pipeline.words import Passage

COMPUTES = True
"""What is below decides what a selector gives, so it counts for fingerprints."""

Numbers = NDArray[np.float32]

TEXT_FEATURES = (
    "covered",
    "covered_rare",
    "newly_covered",
    "title_covered",
    "names",
    "numbers",
    "has_digits",
    "length",
    "titled_in_question",
)
"""Names of the columns of ``text_features``."""

MOST_TERMS = 40
"""Terms of a question that are looked for; a longer one is a document."""

MOST_CHARACTERS = 4000
"""Characters of a passage that are looked at."""

NAMING = 20
"""So many of the best passages are asked whose titles they name."""

_NAME = re.compile(r"(?<!^)(?<![.?!] )\b[A-Z][\w'-]+")
_BRACKETS = re.compile(r" \([^)]*\)$")
_NUMBER = re.compile(r"\d[\d.,]*")


def text_features(question: str, passages: Sequence[Passage], analyzer: Analyzer) -> Numbers:
    """How the words of a question stand in each passage, shape ``(n, len(TEXT_FEATURES))``.

    ``covered`` is the share of the question's terms that the passage has, ``covered_rare`` the same
    weighted by how few of the passages have a term, ``newly_covered`` that of terms which no better
    passage has; ``names`` and ``numbers`` are shares of the question's capitalised words and
    numbers. A term counts as there where its stem stands in the text, which costs a tenth of
    cutting the text into terms.

    Args:
        question: its text.
        passages: best first.
        analyzer: cuts the question.
    """
    n = len(passages)
    found = np.zeros((n, len(TEXT_FEATURES)), dtype=np.float32)
    if not n:
        return found
    asked = question.casefold()
    texts = [one.text[:MOST_CHARACTERS] for one in passages]
    bodies = [one.casefold() for one in texts]
    titles = [one.title.casefold() for one in passages]
    terms = list(dict.fromkeys(analyzer.terms(question)))[:MOST_TERMS]
    if terms:
        inside = _has(terms, bodies)
        titled = _has_each(terms, titles)
        either = inside | titled
        rare = np.log1p(n / (1.0 + either.sum(axis=0)))
        before: NDArray[np.intp] = np.cumsum(either, axis=0) - either
        found[:, 0] = either.mean(axis=1)
        found[:, 1] = either @ rare / rare.sum()
        found[:, 2] = (either & (before == 0)) @ rare / rare.sum()
        found[:, 3] = titled.mean(axis=1)
    names = list(dict.fromkeys(one.casefold() for one in _NAME.findall(question)))[:MOST_TERMS]
    if names:
        found[:, 4] = (_has(names, bodies) | _has_each(names, titles)).mean(axis=1)
    numbers = list(dict.fromkeys(one.strip(".,") for one in _NUMBER.findall(question)))[:MOST_TERMS]
    if numbers:
        found[:, 5] = _has(numbers, bodies).mean(axis=1)
    found[:, 6] = [any(digit in text for digit in "0123456789") for text in texts]
    found[:, 7] = [math.log1p(len(text)) / 8 for text in texts]
    inside_question = {title: bool(title) and title in asked for title in set(titles)}
    found[:, 8] = [inside_question[title] for title in titles]
    return found


def title_links(passages: Sequence[Passage]) -> Numbers:
    """1 at ``[i, j]`` where passage i, one of the best ``NAMING``, names the title of passage j.

    A title that most passages share, or of less than three letters, names nothing.

    Args:
        passages: best first.

    Returns:
        Shape ``(n, n)``.
    """
    n = len(passages)
    links = np.zeros((n, n), dtype=np.float32)
    having: dict[str, list[int]] = {}
    for place, one in enumerate(passages):
        title = _BRACKETS.sub("", one.title).casefold() if one.title else ""
        if len(title) > 2:
            having.setdefault(title, []).append(place)
    wanted = {title: own for title, own in having.items() if len(own) <= max(2, n // 4)}
    if not wanted:
        return links
    for row, passage in enumerate(passages[:NAMING]):
        body = passage.text[:MOST_CHARACTERS].casefold()
        for title, places in wanted.items():
            if title in body and row not in places:
                links[row, places] = 1.0
    return links


def _has(terms: Sequence[str], texts: Sequence[str]) -> NDArray[np.bool_]:
    """Whether a text has a term, shape ``(len(texts), len(terms))``."""
    return np.array([[term in text for term in terms] for text in texts], dtype=np.bool_)


def _has_each(terms: Sequence[str], texts: Sequence[str]) -> NDArray[np.bool_]:
    """The same for texts of which many are alike, such as titles."""
    distinct = list(dict.fromkeys(texts))
    rows = {text: row for row, text in enumerate(distinct)}
    return _has(terms, distinct)[[rows[text] for text in texts]]
