"""Short answers that stand in a sentence: what a question can be asked for.

A date, a quantity with its unit, a name, a code name: by rules, so that the answer is in the
passage word for word. No model calls.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from assay.corpora.names import names
from assay.pipeline.sentences import Sentence, sentences
from assay.pipeline.text import STOP_WORDS, content_words, fold
from assay.pipeline.words import Passage

Kind = Literal["date", "quantity", "code", "name"]

LEAST_WORDS = 6
"""Words of a sentence that may hold an answer."""

MOST_WORDS = 60
LONGEST_NAME = 5

_MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
)
_DATE = re.compile(
    rf"\b(?:\d{{1,2}}(?:st|nd|rd|th)?\s{_MONTH}\s\d{{4}}|{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?"
    rf"(?:,?\s\d{{4}})?|{_MONTH}\s\d{{4}}|\d{{4}}-\d\d-\d\d|(?<![\d.,$€£])(?:1[0-9]|20)\d\d(?![\d%]|[.,]\d))\b"
)
_SPELLED = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty"
    "|sixty|seventy|eighty|ninety|hundred"
)
_QUANTITY = re.compile(
    rf"(?<![\w.,-])(?P<money>[$€£]\s?)?(?:\d[\d,]*(?:\.\d+)?|\b(?:{_SPELLED})\b)(?![\w.-]*[\d-])"
    r"(?P<share>\s?%)?(?P<scale>(?:\s(?:million|billion|thousand|hundred|percent|per cent))*)"
    r"(?P<unit>\s[a-z][a-z-]+)?"
)
_NO_UNIT = STOP_WORDS | frozenset(
    "per out after before until since between under over more less other others globally most"
    " each only also both while during because within without against among across".split()
)
_CODE = re.compile(r"`([^`\s][^`\n]{0,40})`|\b(\w+(?:\.\w+)*\(\))|(?<!\w)(__\w+__)")


@dataclass(frozen=True, slots=True)
class ShortAnswer:
    """An answer in its sentence.

    Args:
        text: word for word.
        kind: of what type.
        sentence: where it stands, offsets in the passage's text.
    """

    text: str
    kind: Kind
    sentence: Sentence


def short_answers(passage: Passage) -> list[ShortAnswer]:
    """Every short answer of a passage's sentences, in order.

    Left out is what the title says already, what stands in the passage more than twice, two
    names in one, and what is in a sentence that is no running text.
    """
    found: list[ShortAnswer] = []
    taken = {passage.title.casefold(), *(one.casefold() for one in names(passage.title))}
    folded = fold(passage.text).casefold()
    for sentence in sentences(passage.text):
        words = sentence.text.split()
        if not LEAST_WORDS <= len(words) <= MOST_WORDS or not _is_prose(sentence.text):
            continue
        for text, kind in spans_of(sentence.text):
            key = fold(text).casefold()
            if key in passage.title.casefold() or key in taken or folded.count(key) > 2:
                continue
            if " and " in key:  # half of an enumeration
                continue
            found.append(ShortAnswer(fold(text), kind, sentence))
    return found


def spans_of(text: str) -> list[tuple[str, Kind]]:
    """The dates, quantities, code names and names of a text, none inside another.

    >>> spans_of("In 1894 Ida Holm paid 300 crowns for `left()`.")
    [('1894', 'date'), ('left()', 'code'), ('300 crowns', 'quantity'), ('Ida Holm', 'name')]
    """
    spans: list[tuple[int, int, str, Kind]] = []

    def add(start: int, end: int, kind: Kind) -> None:
        if end > start and all(end <= first or last <= start for first, last, _, _ in spans):
            spans.append((start, end, text[start:end], kind))

    for match in _DATE.finditer(text):
        add(*match.span(), "date")
    for match in _CODE.finditer(text):
        group = match.lastindex or 0
        add(*match.span(group), "code")
    for match in _QUANTITY.finditer(text):
        unit = (match["unit"] or "").strip().lower()
        bare = not unit or unit in _NO_UNIT
        if not bare or match["money"] or match["share"] or match["scale"]:
            add(match.start(), match.start("unit") if bare and unit else match.end(), "quantity")
    for name in names(text):
        start = text.find(name)
        opens = start <= 0 and len(name.split()) == 1  # it may have its capital from there
        if not opens and len(name.split()) <= LONGEST_NAME and content_words(name):
            add(start, start + len(name), "name")
    return [(said, kind) for _, _, said, kind in spans]


def choose(found: Sequence[ShortAnswer], generator: random.Random) -> ShortAnswer | None:
    """One of them: the kind first, so that names, of which there are most, do not crowd out.

    A name of one word, often an adjective such as a nationality, is taken where there is nothing
    else.
    """
    strong = [one for one in found if one.kind != "name" or " " in one.text] or list(found)
    if not strong:
        return None
    kind = generator.choice(sorted({one.kind for one in strong}))
    return generator.choice([one for one in strong if one.kind == kind])


def _is_prose(text: str) -> bool:
    """Whether most of a sentence are words, and some of them little ones."""
    words = text.split()
    letters = sum(any(sign.isalpha() for sign in word) for word in words)
    return letters >= 0.7 * len(words) and len(content_words(text)) < len(words)
