"""A spreadsheet's value written as its number format shows it.

Followed are what changes the meaning: percent, decimals, thousands, scaling by thousands,
currency signs and other literal text, exponents, separate sections for negative numbers and
zero. Dates and times are written in ISO form, as far as the format shows their parts. Not
followed: colours, conditions, fractions and widths, where the plain number is written.
"""

from __future__ import annotations

import re
from datetime import date as Day
from datetime import datetime, time, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import NamedTuple

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_.|\*.|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<digits>[0#?][0#?,.]*(?:[eE][+\-]0+)?|\.[0#?]+(?:[eE][+\-]0+)?)"
    r"|(?P<general>General)|(?P<plain>.)",
    re.DOTALL | re.IGNORECASE,
)
_WIDE = Context(prec=400, rounding=ROUND_HALF_UP)
_DIGITS = 30  # decimals that a format may ask for


class _Section(NamedTuple):
    before: str
    digits: str
    behind: str
    percents: int


def written(value: object, code: str) -> str:
    """A cell's value as the sheet shows it.

    Args:
        value: what openpyxl read: text, a number, a truth value, a date, a time, None.
        code: the cell's number format, such as ``#,##0.0`` or ``0%``.

    >>> written(0.125, "0.0%"), written(1234567.5, "#,##0.00"), written(-3, "0;(0)")
    ('12.5%', '1,234,567.50', '(3)')
    >>> written(datetime(2024, 3, 31), "dd.mm.yyyy"), written(0.1 + 0.2, "General")
    ('2024-03-31', '0.3')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number(value, code)
    if isinstance(value, datetime | Day | time | timedelta):
        return _moment(value, code)
    return str(value)


def _moment(value: Day | time | timedelta, code: str) -> str:
    if isinstance(value, datetime):
        shown = re.sub(r'"[^"]*"|\\.|\[[^\]]*\]', "", code).lower()
        if value.time() != time():
            return value.isoformat(sep=" ", timespec="minutes" if not value.second else "seconds")
        if "y" in shown and "d" not in shown and "h" not in shown:
            return value.strftime("%Y-%m" if "m" in shown else "%Y")
        return value.date().isoformat()
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02d}:{seconds:02d}"
    return value.isoformat()


def _number(value: float, code: str) -> str:
    plain = _plain(value)
    try:
        exact = Decimal(repr(value))
    except InvalidOperation:
        return plain
    if not exact.is_finite():
        return plain
    sections = _sections(code)
    if sections is None:
        return plain
    minus = ""
    section = sections[0]
    if exact < 0:
        if len(sections) > 1:
            section, exact = sections[1], -exact
        else:
            minus, exact = "-", -exact
    elif exact == 0 and len(sections) > 2:
        section = sections[2]
    if section is None:
        return plain
    if not section.digits:
        # a section of mere text, such as "-" for zero; without any it would hide the number
        return (section.before + section.behind).strip() or plain
    if section.digits == "General":
        shown = _plain(abs(value))
    else:
        shown = _shown(exact.scaleb(2 * section.percents, _WIDE), section.digits)
    if minus and not shown.strip("0.,"):
        minus = ""
    return (minus + section.before + shown + section.behind).strip()


def _plain(value: float) -> str:
    return str(value) if isinstance(value, int) else format(value, ".15g")


@lru_cache(maxsize=512)
def _sections(code: str) -> tuple[_Section | None, ...] | None:
    """The sections of a format; None where it says no more than the plain number."""
    if code in ("General", "@", ""):
        return None
    parts: list[str] = [""]
    for token in _TOKEN.finditer(code):
        if token["plain"] == ";":
            parts.append("")
        else:
            parts[-1] += token[0]
    return tuple(_section(part) for part in parts[:3])


def _section(part: str) -> _Section | None:
    before, digits, behind, percents = "", "", "", 0
    for token in _TOKEN.finditer(part):
        literal = token["quoted"] or token["escaped"] or ""
        if token["bracket"] is not None:
            if token["bracket"].startswith("$"):
                literal = token["bracket"][1:].partition("-")[0]
            elif token["bracket"][:1] in ("<", ">", "="):
                return None  # a condition
        elif token["digits"] or token["general"]:
            if digits:
                return None  # a fraction, a telephone number
            digits = "General" if token["general"] else token["digits"]
            continue
        elif token["plain"]:
            if token["plain"] in "/@":
                return None
            literal = token["plain"]
            percents += literal == "%"
        elif token[0].startswith("_"):
            literal = " "
        if digits:
            behind += literal
        else:
            before += literal
    return _Section(before, digits, behind, percents)


def _shown(value: Decimal, digits: str) -> str:
    """The digits of a number that is not negative."""
    mantissa, _, exponent = digits.lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    scale = len(whole) - len(whole.rstrip(",")) + fraction.count(",")
    whole, fraction = whole.rstrip(","), fraction.replace(",", "")[:_DIGITS]
    value = value.scaleb(-3 * scale, _WIDE)
    if exponent:
        raised = value.adjusted() if value else 0
        shown = _rounded(value.scaleb(-raised, _WIDE), fraction, "0")
        sign = "-" if raised < 0 else ("+" if exponent.startswith("+") else "")
        return f"{shown}E{sign}{abs(raised):0{len(exponent) - 1}d}"
    return _rounded(value, fraction, whole)


def _rounded(value: Decimal, fraction: str, whole: str) -> str:
    rounded = value.quantize(Decimal(1).scaleb(-len(fraction)), context=_WIDE)
    grouped = "," if "," in whole else ""
    text = f"{rounded:{grouped}f}"
    front, _, rest = text.partition(".")
    least = len(fraction.rstrip("#?"))
    rest = rest[:least] + rest[least:].rstrip("0")
    padded = front.rjust(whole.count("0"), "0") if not grouped else front
    return f"{padded}.{rest}" if rest else padded
