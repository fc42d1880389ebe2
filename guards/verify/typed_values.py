"""Values of a type (number, year, version, name, code name, polarity) in a sentence."""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import StrEnum

from assay.pipeline.text import STOP_WORDS

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

_YEAR = re.compile(r"\b(1[0-9]{3}|20[0-9]{2})\b")
_VERSION = re.compile(r"\b[vV]?(\d+(?:\.\d+){1,3})\b")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?![\w.]*\w)")
_CODE = re.compile(
    r"[`\"']{1,2}([A-Za-z_][\w.]*(?:\(\))?)[`\"']{1,2}|\b([A-Za-z_][\w.]*)\(\)|(\b__\w+__)"
    r"|\b([A-Z]\w*(?:Error|Exception|Warning|Iteration|Exit))\b"
)
_NAME = re.compile(
    r"\b[A-Z][\w\u00c0-\u024f'-]*+"
    r"(?:\s(?:(?:of|the|de|van|von|al|and) )?[A-Z][\w\u00c0-\u024f.'-]*+)*"
)
_NEGATION = re.compile(r"\b(?:not|never|no|cannot|neither|nor|without)\b|n't\b")
_SPELLED = {
    word: str(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()
    )
}
_CALENDAR = re.compile(
    r"\b(?:january|february|march|april|may|june|july|august|september|october|november"
    r"|december)\s\d{1,2}\b|\b(?:1[5-9]|20)\d\d\b(?![,.]\d)",
    re.IGNORECASE,
)
_SPELLED_WORD = re.compile(r"\b(?:" + "|".join(_SPELLED) + r")\b")


class ValueType(StrEnum):
    """What kind of answer a question asks for."""

    NUMBER = "number"
    YEAR = "year"
    VERSION = "version"
    NAME = "name"
    CODE = "code"
    POLARITY = "polarity"


_ASKED = (
    (ValueType.VERSION, re.compile(r"\b(?:which|what) (?:\w+ ){0,2}(?:version|release)\b")),
    (
        ValueType.YEAR,
        re.compile(r"^when\b|\b(?:which|what) (?:year|date)\b|\bwhen (?:did|was|is)\b"),
    ),
    (ValueType.NUMBER, re.compile(r"\bhow (?:many|much|old|long|tall|high|far|large)\b")),
    (
        ValueType.CODE,
        re.compile(
            r"\b(?:function|method|exception|error|attribute|keyword|built-?in|operator|module"
            r"|class|statement)\b"
        ),
    ),
    (
        ValueType.NAME,
        re.compile(
            r"\b(?:who|whom|whose|where)\b|\b(?:which|what) (?:city|country"
            r"|state|county|person|actor|actress|singer|team|company)\b"
        ),
    ),
    (ValueType.POLARITY, re.compile(r"^(?:is|are|was|were|do|does|did|can|could|has|have|may)\b")),
)


def asked_type(question: str) -> ValueType | None:
    """The type that a question asks for; None where its words do not say.

    >>> asked_type("How many people live there?")
    <ValueType.NUMBER: 'number'>
    """
    folded = question.strip().lower()
    return next((kind for kind, pattern in _ASKED if pattern.search(folded)), None)


def values(sentence: str, kind: ValueType, known: Collection[str]) -> frozenset[str]:
    """The values of one type in a sentence, normalised, without those that are known.

    Args:
        sentence: where to look.
        kind: of which type.
        known: lower-case words of the question; a value made of them says nothing.
    """
    match kind:
        case ValueType.YEAR:
            found = set(_YEAR.findall(sentence))
        case ValueType.VERSION:
            found = set(_VERSION.findall(sentence))
        case ValueType.NUMBER:
            found = {number(one) for one in _NUMBER.findall(_CALENDAR.sub(" ", sentence))}
            found |= {_SPELLED[one] for one in _SPELLED_WORD.findall(sentence.lower())}
        case ValueType.CODE:
            found = {
                next(part for part in one if part).removesuffix("()").lower()
                for one in _CODE.findall(sentence)
            }
        case ValueType.NAME:
            found = _names(sentence)
        case ValueType.POLARITY:
            return frozenset(("no" if _NEGATION.search(sentence.lower()) else "yes",))
    return frozenset(one for one in found if not _is_known(one, known))


def number(text: str) -> str:
    """One spelling a number: no separators, no sign of plus, no trailing zeros.

    >>> number("+1,200.50")
    '1200.5'
    """
    plain = text.replace(",", "").lstrip("+")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _names(sentence: str) -> set[str]:
    """Capitalised runs; a single capitalised word that opens the sentence is no name."""
    found: set[str] = set()
    for match in _NAME.finditer(sentence):
        words = match.group().rstrip(".'-").split()
        while words and words[0].lower() in STOP_WORDS:
            words = words[1:]
        if words and not (match.start() == 0 and len(words) == 1):
            found.add(" ".join(words).lower())
    return found


def _is_known(value: str, known: Collection[str]) -> bool:
    return all(part in known or part in STOP_WORDS for part in value.split())
