"""Numbers in answers, with their scale: '$1,496.5 million' is 1496500000."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

RELATIVE_TOLERANCE = 1e-3

SCALES = {
    "": 1.0,
    "percent": 1e-2,
    "%": 1e-2,
    "hundred": 1e2,
    "thousand": 1e3,
    "k": 1e3,
    "million": 1e6,
    "m": 1e6,
    "mn": 1e6,
    "billion": 1e9,
    "bn": 1e9,
    "b": 1e9,
    "trillion": 1e12,
}
_NUMBER = re.compile(
    r"(?P<bracket>\(\s*)?(?P<sign>(?<![\w.)])[-−–])?\s?(?P<currency>[$€£¥])?\s?(?P<inner>(?<![\w.)])[-−–])?"
    r"(?P<digits>\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|(?<!\d)\.\d+)"
    r"(?:\s*(?P<scale>%|percent\b|hundred\b|thousands?\b|millions?\b|billions?\b|trillions?\b"
    r"|(?:k|mn?|bn?)\b))?"
    r"(?P<closing>\s*\))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written, and the scale word that stands with it ('' for none)."""

    value: float
    scale: str = ""


def numbers(text: str) -> tuple[Number, ...]:
    """Every number in a text, in order; one in brackets of its own is negative.

    >>> [(one.value, one.scale) for one in numbers("$1,496.5 million, down (12.6) or 3%")]
    [(1496.5, 'million'), (-12.6, ''), (3.0, 'percent')]
    """
    found = []
    for match in _NUMBER.finditer(text):
        value = float(match["digits"].replace(",", ""))
        in_brackets = bool(match["bracket"] and match["closing"])
        if match["sign"] or match["inner"] or in_brackets:
            value = -value
        scale = (match["scale"] or "").lower()
        scale = "percent" if scale == "%" else scale.rstrip("s")
        found.append(Number(value, scale))
    return tuple(found)


def gold_number(accepted: Sequence[str]) -> Number | None:
    """The first accepted answer that is one number and nothing else, if any."""
    for answer in accepted:
        match = _NUMBER.fullmatch(answer.strip())
        if match is not None:
            return numbers(answer)[0]
    return None


def same_number(text: str, accepted: Sequence[str], scale: str) -> bool:
    """Whether a text holds the accepted number, its scale taken into account.

    A number that stands with a scale word means what it says; a bare one is read as
    it is, or in the question's own scale. Values agree within a relative 1e-3, but a
    whole number without scale (a year, a count) must be equal.

    Args:
        text: the system's answer; any number in it counts.
        accepted: accepted answers, of which one is a number.
        scale: the question's scale, '' for none.

    >>> same_number("It was $1.4965 billion.", ["$1,496.5"], "million")
    True
    >>> same_number("In 2018.", ["2019"], "")
    False
    """
    gold = gold_number(accepted)
    if gold is None:
        return False
    own = gold.scale or scale
    wanted = gold.value * SCALES[own]
    whole = not own and gold.value.is_integer()
    for one in numbers(text):
        readings = [one.value * SCALES[one.scale]]
        if not one.scale:
            readings.append(one.value * SCALES[own])
        for value in readings:
            tolerance = 0.0 if whole else RELATIVE_TOLERANCE
            if math.isclose(value, wanted, rel_tol=tolerance, abs_tol=1e-12):
                return True
    return False
