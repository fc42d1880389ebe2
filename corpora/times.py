"""Times that a text names, from days to fiscal years, as spans of days."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date as Day

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_ORDINALS = {
    **{"first": 1, "second": 2, "third": 3, "fourth": 4, "last": 4},
    **{"1st": 1, "2nd": 2, "3rd": 3, "4th": 4},
}
_YEAR = r"(?:1[89]|20)\d\d"
_MONTH = r"(?:" + "|".join(rf"{name[:3]}(?:{name[3:]})?" for name in _MONTHS) + r"|sept)"
_GAP = r"[\s_.-]{0,3}"
_FISCAL = r"(?:(?:of\s)?(?:the\s)?(?:fy|fiscal|financial)\s?(?:year\s)?)?(?:of\s)?"
_ORDINAL = "|".join(_ORDINALS)

_TIME = re.compile(
    r"(?<![A-Za-z0-9])(?<![\d$€£#][.,])(?<![$€£#])(?:"
    rf"(?P<day_y>{_YEAR})-(?P<day_m>\d\d)-(?P<day_d>\d\d)"
    rf"|(?P<from>{_YEAR})\s?[-–/]\s?(?P<to>{_YEAR})"
    rf"|(?P<season>{_YEAR})[-–/](?P<next>\d\d)"
    rf"|(?P<mdy_m>{_MONTH})\.?\s(?P<mdy_d>\d\d?)(?:st|nd|rd|th)?,?\s(?P<mdy_y>{_YEAR})"
    rf"|(?P<dmy_d>\d\d?)(?:st|nd|rd|th)?\s(?:of\s)?(?P<dmy_m>{_MONTH})\.?,?\s(?P<dmy_y>{_YEAR})"
    rf"|(?P<my_m>{_MONTH})\.?,?{_GAP}(?:of\s)?(?P<my_y>{_YEAR})"
    rf"|q(?P<q1>[1-4]){_GAP}{_FISCAL}'?(?P<q1_y>{_YEAR}|\d\d)"
    rf"|(?P<q2_y>{_YEAR}){_GAP}q(?P<q2>[1-4])"
    rf"|(?P<q3>[1-4])q{_GAP}'?(?P<q3_y>{_YEAR}|\d\d)"
    rf"|(?P<q4>{_ORDINAL})\s(?:fiscal\s)?quarter,?\s{_FISCAL}(?P<q4_y>{_YEAR})"
    rf"|h(?P<h1>[12]){_GAP}{_FISCAL}'?(?P<h1_y>{_YEAR}|\d\d)"
    rf"|(?P<h2_y>{_YEAR}){_GAP}h(?P<h2>[12])"
    rf"|(?P<h3>{_ORDINAL})\shalf,?\s{_FISCAL}(?P<h3_y>{_YEAR})"
    rf"|(?:fy|fiscal|financial\syear){_GAP}(?:year\s)?'?(?P<fy>{_YEAR}|\d\d)"
    rf"|(?P<year>{_YEAR})"
    r")(?![A-Za-z0-9%]|[.,]\d)",
    re.IGNORECASE,
)
_FIGURES = re.compile(r"\d\d")
"""Every time has them; most texts without them are told quickly."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of days, both ends included.

    Args:
        first: its first day.
        last: its last day, not before ``first``.
    """

    first: Day
    last: Day

    @property
    def days(self) -> int:
        """How many there are."""
        return (self.last - self.first).days + 1

    def agreement(self, other: Span) -> float:
        """How far two spans are the same, 0 to 1: the mean of the shares that each has in common
        with the other; 1 for equal ones, 0 for those that have no day in common.

        >>> year, quarter = Span.year(2021), Span.months(2021, 7, 3)
        >>> round(year.agreement(quarter), 3), year.agreement(Span.year(2020))
        (0.626, 0.0)
        """
        common = (min(self.last, other.last) - max(self.first, other.first)).days + 1
        return 0.0 if common <= 0 else (common / self.days + common / other.days) / 2

    @staticmethod
    def year(year: int) -> Span:
        """A calendar year."""
        return Span(Day(year, 1, 1), Day(year, 12, 31))

    @staticmethod
    def months(year: int, first: int, count: int) -> Span:
        """Some months of a year, from the month ``first`` (1 to 12) on."""
        last = first + count - 1
        return Span(Day(year, first, 1), Day(year, last, monthrange(year, last)[1]))


def times(text: str) -> tuple[Span, ...]:
    """The times that a text names, each once, in order.

    Years from 1800 to 2099 alone, in ranges (``2017-2019``, ``2019/20``) and with a month, a day,
    a quarter or a half, in figures or in English words; ISO dates. A fiscal year is taken for the
    calendar year of its number, which is wrong for some houses by some months. An amount of money
    (``$2,019``), a share (``2019%``) and a part of a word (``A2019x``) are no times; a number
    from 1800 to 2099 that stands alone is one, whatever was meant.

    >>> [f"{one.first} {one.last}" for one in times("Q3 2021 against fiscal 2020, 10-K of 3M_2018")]
    ['2021-07-01 2021-09-30', '2020-01-01 2020-12-31', '2018-01-01 2018-12-31']
    """
    if not _FIGURES.search(text):
        return ()
    found = (_span(match) for match in _TIME.finditer(text))
    return tuple(dict.fromkeys(span for span in found if span is not None))


def without_times(text: str) -> str:
    """A text with a space in the place of each time that ``times`` finds.

    >>> without_times("Sales of Acme in Q3 2021?")
    'Sales of Acme in  ?'
    """
    if not _FIGURES.search(text):
        return text
    return _TIME.sub(lambda match: match[0] if _span(match) is None else " ", text)


def _span(match: re.Match[str]) -> Span | None:
    """What a match says; None for a day that no calendar has."""
    said = {name: value for name, value in match.groupdict().items() if value is not None}
    match said:
        case {"day_y": year, "day_m": month, "day_d": day}:
            return _day(int(year), int(month), int(day))
        case {"from": first, "to": last}:
            return _years(int(first), int(last))
        case {"season": first, "next": last}:
            return _season(int(first), int(last))
        case {"mdy_y": year, "mdy_m": month, "mdy_d": day}:
            return _day(int(year), _month(month), int(day))
        case {"dmy_y": year, "dmy_m": month, "dmy_d": day}:
            return _day(int(year), _month(month), int(day))
        case {"my_y": year, "my_m": month}:
            return Span.months(int(year), _month(month), 1)
        case {"fy": year} | {"year": year}:
            return Span.year(_full(year))
        case _:
            return _part(said)


def _part(said: dict[str, str]) -> Span | None:
    """A quarter or a half of a year."""
    for name in ("q1", "q2", "q3", "q4"):
        if name in said:
            number = _ORDINALS.get(said[name].lower()) or int(said[name])
            return Span.months(_full(said[f"{name}_y"]), 3 * number - 2, 3)
    for name in ("h1", "h2", "h3"):
        if name in said:
            number = _ORDINALS.get(said[name].lower()) or int(said[name])
            return Span.months(_full(said[f"{name}_y"]), 1 if number == 1 else 7, 6)
    return None


def _day(year: int, month: int, day: int) -> Span | None:
    try:
        found = Day(year, month, day)
    except ValueError:
        return None  # such as the 31st of February: no time is named
    return Span(found, found)


def _years(first: int, last: int) -> Span | None:
    return Span(Day(first, 1, 1), Day(last, 12, 31)) if first <= last else None


def _season(year: int, number: int) -> Span | None:
    """``2019-20`` is two years, ``2019-07`` a month; ``2010-11`` may be both and is two years."""
    if number == (year + 1) % 100:
        return _years(year, year + 1)
    return Span.months(year, number, 1) if 1 <= number <= 12 else None


def _month(name: str) -> int:
    return 1 + next(place for place, one in enumerate(_MONTHS) if one[:3] == name[:3].lower())


def _full(year: str) -> int:
    return int(year) if len(year) == 4 else 2000 + int(year)
