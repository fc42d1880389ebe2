"""How well a document is the one that a question asks about, by what it says of itself."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date as Day
from datetime import timedelta

from assay.corpora.filters import iso_day
from assay.corpora.names import names
from assay.corpora.times import Span, times, without_times
from assay.pipeline.text import STOP_WORDS
from assay.pipeline.words import Scalar

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

AFTER = timedelta(days=365)
"""How long after a time documents still report on it."""

LATE = 0.5
"""How far a document that is dated within that time agrees."""

BEGINNING = 4
"""Signs of a term that a word of it begins with, however it is folded."""

_WITH_TIMES = ("year", "date", "period", "quarter", "fiscal")
"""A number is a year where the label's name holds one of these."""

_BETWEEN = re.compile(r"[\W_]+")
_POSSESSIVE = re.compile(r"['’]s\b")
_OWN = frozenset({"title", "date"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question says about the document that it wants.

    Args:
        terms: its index terms, without stop words and times.
        names: those of them that stand in names.
        times: the times that it names.
    """

    terms: frozenset[str]
    names: frozenset[str]
    times: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a document says of itself.

    Args:
        title: its index terms, without stop words and times.
        others: those of its id and of its labels of text.
        times: that title, id and labels name.
        date: its own.
    """

    title: frozenset[str]
    others: frozenset[str]
    times: tuple[Span, ...]
    date: Day | None


@dataclass(frozen=True, slots=True)
class Match:
    """How far a document's facts agree with a question.

    Args:
        title: 0 to 1.
        names: 0 to 1.
        dates: -1 (another time) to 1 (the same time); 0 where one of the two names none.
    """

    title: float
    names: float
    dates: float


def asked_of(text: str, terms: Callable[[str], list[str]]) -> Asked:
    """What a question asks for; ``terms`` makes index terms."""
    own = _terms(text, terms)
    return Asked(own, _terms(" ".join(names(text)), terms) & own, times(text))


def facts_of(labels: Mapping[str, Scalar], terms: Callable[[str], list[str]]) -> Facts:
    """What labels (``labels_of``, ``labels_of_passage``) say of a document.

    A number counts where it is from 1800 to 2099 and its label's name says that it is a time
    (``year``, ``fiscal_year``, ``period``, ...).
    """
    title = str(labels.get("title", ""))
    texts = [str(one) for key, one in sorted(labels.items()) if _tells(key, one)]
    told = [
        str(one)
        for key, one in sorted(labels.items())
        if isinstance(one, int) and any(part in key.lower() for part in _WITH_TIMES)
    ]
    named = (span for one in (title, *texts, *told) for span in times(one))
    return Facts(
        _terms(title, terms),
        _terms(" ".join(texts), terms),
        tuple(dict.fromkeys(named)),
        iso_day(str(labels.get("date", ""))),
    )


def may_match(asked: Asked, labels: Mapping[str, Scalar]) -> bool:
    """Whether it is worth to look closer: title, id or labels share the first signs of a term, or
    a year, with the question. It is quick, and wrong for a word whose stem begins otherwise."""
    text = " ".join(str(one) for one in labels.values()).casefold()
    years = (range(one.first.year, one.last.year + 2) for one in asked.times)
    return any(term[:BEGINNING] in text for term in asked.terms) or any(
        str(year) in text for some in years for year in some
    )


def match(asked: Asked, facts: Facts, rarity: Mapping[str, float]) -> Match:
    """Compare; with ``i(t)`` the rarity of a term t, ``i(S)`` its sum over a set, ``Q`` the
    question's terms, ``N`` those of its names, ``T`` the title's and ``O`` the others of the
    document, and ``r`` the rarity of the question's rarest term:

    * ``title``: ``i(T & Q) / i(T)``, the share of the title that the question says, times
      ``min(1, i(T & Q) / r)``: a title of common words is said by chance.
    * ``names``: ``i(N & (T | O)) / i(N)``, the share of the names that the document says.
    * ``dates``: the mean over the question's times of the best agreement with a time that title,
      id and labels name (``Span.agreement``), and -1 for a time that has a day in common with
      none of them. A document that names no time has its date: 1 inside the time asked for, 1/2
      within a year after it (reports come later), -1 before it, 0 long after it.

    Args:
        asked: see ``asked_of``.
        facts: see ``facts_of``.
        rarity: of all terms of the question and of the title, at least 0.
    """
    rarest = max((rarity[term] for term in asked.terms), default=0.0)
    both = _sum(rarity, facts.title & asked.terms)
    share = both / _sum(rarity, facts.title) if both > 0 else 0.0
    title = share * min(1.0, both / rarest) if both > 0 else 0.0
    whole = _sum(rarity, asked.names)
    said = _sum(rarity, asked.names & (facts.title | facts.others))
    return Match(title, said / whole if whole > 0 else 0.0, _dates(asked.times, facts))


def _dates(asked: Iterable[Span], facts: Facts) -> float:
    found = [_date(span, facts) for span in asked]
    return math.fsum(found) / len(found) if found else 0.0


def _date(span: Span, facts: Facts) -> float:
    if facts.times:
        return max(span.agreement(one) for one in facts.times) or -1.0
    if facts.date is None:
        return 0.0
    if facts.date < span.first:
        return -1.0
    if facts.date <= span.last:
        return 1.0
    return LATE if facts.date <= span.last + AFTER else 0.0


def _sum(rarity: Mapping[str, float], terms: Iterable[str]) -> float:
    return math.fsum(rarity[term] for term in sorted(terms))


def _terms(text: str, terms: Callable[[str], list[str]]) -> frozenset[str]:
    words = _spaced(_POSSESSIVE.sub("", without_times(text))).split()
    return frozenset(terms(" ".join(one for one in words if one.lower() not in STOP_WORDS)))


def _spaced(text: str) -> str:
    """A text whose words are not held together by what stands between the parts of an id."""
    return _BETWEEN.sub(" ", text)


def _tells(key: str, label: Scalar) -> bool:
    return isinstance(label, str) and key not in _OWN
