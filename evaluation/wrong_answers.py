"""Wrong answers of the same type as the right one, without any model.

A number becomes another number of the same form, a year another year, a day another day,
yes becomes no; a name becomes the answer of another question that asks for the same kind
of thing and is about as long.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from assay.corpora.dataset import LabelledQuery
from assay.corpora.matching import is_correct, normalise_answer

Kind = Literal["given", "label", "year", "date", "number", "other_answer"]

_FLIPPED: Mapping[str, str] = {
    "yes": "no",
    "no": "yes",
    "true": "false",
    "false": "true",
    "entailment": "contradiction",
    "contradiction": "entailment",
    "not mentioned": "entailment",
    "notmentioned": "entailment",
}
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_MONTH = re.compile(r"\b(?:" + "|".join(_MONTHS) + r")\b", re.IGNORECASE)
_YEAR = re.compile(r"(?<![\d.,])(1[0-9]{3}|20[0-9]{2})(?![\d]|[.,]\d)")
_NUMBER = re.compile(r"(?<![\w.,])[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_QUESTION_WORD = re.compile(
    r"\b(how (?:many|much|old|long|tall|high|far|large|often)|who|whom|whose|when|where|why|how"
    r"|which|what)\b"
)
_TRIES = 20


@dataclass(frozen=True, slots=True)
class WrongAnswer:
    """An answer that is not right, and the rule that made it."""

    text: str
    kind: Kind


def question_word(question: str) -> str:
    """What a question asks with, '' where no word says.

    >>> question_word("In which year did it open, and who paid?")
    'which'
    >>> question_word("Roughly how many people came?")
    'how many'
    """
    match = _QUESTION_WORD.search(question.lower())
    return match[1] if match else ""


def wrong_answer(
    query: LabelledQuery, others: Sequence[LabelledQuery], generator: random.Random
) -> WrongAnswer | None:
    """A wrong answer to a question; None where no rule finds one.

    Args:
        query: with at least one accepted answer, the first of which is followed in form;
            ``meta.incorrect_answer`` is taken where it is a text.
        others: questions whose answers may be drawn; the question itself is passed over.
        generator: draws.
    """
    given = query.meta.get("incorrect_answer")
    if isinstance(given, str) and given.strip() and _wrong(given, query):
        return WrongAnswer(given, "given")
    if not query.answers:
        return None
    right = query.answers[0]
    flipped = _FLIPPED.get(normalise_answer(right))
    if flipped is not None:
        text = flipped.capitalize() if right[:1].isupper() else flipped
        return WrongAnswer(text, "label")
    for _ in range(_TRIES):
        for kind, made in _shifted(right, generator):
            if made != right and _wrong(made, query):
                return WrongAnswer(made, kind)
    return _drawn(query, others, right, generator)


def _shifted(right: str, generator: random.Random) -> list[tuple[Kind, str]]:
    """What the rules for dates, years and numbers make of an answer that is short enough."""
    if len(right.split()) > 8:
        return []
    if _MONTH.search(right):
        return [("date", _other_date(right, generator))]
    if _YEAR.search(right):
        return [("year", _other_year(right, generator))]
    if _NUMBER.search(right):
        return [("number", _NUMBER.sub(lambda one: _other_number(one[0], generator), right, 1))]
    return []


def _other_year(text: str, generator: random.Random) -> str:
    shift = generator.choice([-1, 1]) * generator.randint(2, 15)
    return _YEAR.sub(lambda one: str(min(int(one[1]) + shift, 2099)), text)


def _other_date(text: str, generator: random.Random) -> str:
    moved = generator.randrange(1, 12)

    def other(match: re.Match[str]) -> str:
        place = next(n for n, name in enumerate(_MONTHS) if name.lower() == match[0].lower())
        return _MONTHS[(place + moved) % 12]

    return _other_year(_MONTH.sub(other, text), generator)


def _other_number(text: str, generator: random.Random) -> str:
    """A number of the same form, 10 to 50 % away; a small whole one at least 1 away.

    >>> _other_number("1,250.50", random.Random(3))
    '829.01'
    """
    plain = text.replace(",", "").replace("−", "-")
    decimals = len(plain.partition(".")[2])
    value = float(plain)
    moved = value * (1 + generator.choice([-1, 1]) * generator.uniform(0.1, 0.5))
    if abs(moved - value) < 10**-decimals:
        moved = value + generator.choice([1, 2, 3]) * 10**-decimals
    made = f"{moved:,.{decimals}f}" if "," in text else f"{moved:.{decimals}f}"
    return f"+{made}" if text.startswith("+") else made


def _drawn(
    query: LabelledQuery,
    others: Sequence[LabelledQuery],
    right: str,
    generator: random.Random,
) -> WrongAnswer | None:
    """The answer of another question.

    First one that is a name where the right one is, then one to a question that asks with
    the same words (``which city``), or at least the same word, then the nearest in length.
    """
    asked, length = _asked(query.text), len(right.split())
    has_number = bool(_NUMBER.search(right))
    ranked: list[tuple[bool, bool, bool, int, float, str]] = []
    for one in others:
        if one.id == query.id or not one.answers or normalise_answer(one.answers[0]) in _FLIPPED:
            continue
        text = one.answers[0]
        if bool(_NUMBER.search(text)) != has_number or not _wrong(text, query):
            continue
        word, noun = _asked(one.text)
        ranked.append(
            (
                text[:1].isupper() != right[:1].isupper(),
                word != asked[0],
                noun != asked[1],
                abs(len(text.split()) - length),
                generator.random(),
                text,
            )
        )
    return WrongAnswer(min(ranked)[-1], "other_answer") if ranked else None


def _asked(question: str) -> tuple[str, str]:
    """What a question asks with, and the word behind it (``which``, ``city``)."""
    match = _QUESTION_WORD.search(question.lower())
    if match is None:
        return "", ""
    behind = question.lower()[match.end() :].split()
    return match[1], behind[0].strip("?,.'\"") if behind else ""


def _wrong(text: str, query: LabelledQuery) -> bool:
    """Whether a text neither holds an accepted answer nor is part of one."""
    return not is_correct(text, query.answers) and not any(
        is_correct(answer, [text]) for answer in query.answers
    )
