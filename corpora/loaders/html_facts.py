"""What an HTML page says of itself: author, date, language, by its meta tags."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date as Day
from email.utils import parsedate

from assay.pipeline.words import Scalar

_LONGEST = 500
_TITLES = ("citation_title", "og:title", "dc.title", "dcterms.title")
_AUTHORS = ("author", "citation_author", "dc.creator", "dcterms.creator", "article:author")
_DATES = (
    "article:published_time", "citation_publication_date", "citation_date", "datepublished",
    "dc.date.issued", "dcterms.issued", "dc.date", "dcterms.date", "dcterms.created", "pubdate",
    "publishdate", "date", "article:modified_time", "last-modified",
)  # fmt: skip
_ISO = re.compile(r"\s*(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?!\d)")


def page_title(facts: Mapping[str, str], written: str) -> str:
    """The title: of the meta tags, else of the ``title`` element."""
    named = next((facts[name] for name in _TITLES if facts.get(name)), written)
    return " ".join(named.split())[:_LONGEST]


def page_date(facts: Mapping[str, str]) -> Day | None:
    """The day of publication, else of the last change; None where no tag has a date.

    >>> page_date({"date": "2024-03-01T08:00:00Z"})
    datetime.date(2024, 3, 1)
    """
    for name in _DATES:
        written = facts.get(name, "")[:100]
        iso = _ISO.match(written)
        parsed = parsedate(written) if written and not iso else None
        numbers = tuple(int(one) for one in iso.groups()) if iso else (parsed or ())[:3]
        try:
            if len(numbers) == 3:
                return Day(*numbers)
        except ValueError:
            continue  # such as the 31st of February: perhaps the next tag is right
    return None


def page_metadata(facts: Mapping[str, str], language: str) -> dict[str, Scalar]:
    """Author, language, description, site and address, as far as the page names them."""
    author = next(
        (facts[name] for name in _AUTHORS if facts.get(name) and "://" not in facts[name]), ""
    )
    said = {
        "author": author,
        "language": language or facts.get("content-language", "") or facts.get("dc.language", ""),
        "description": facts.get("description", "") or facts.get("og:description", ""),
        "site": facts.get("og:site_name", ""),
        "url": facts.get("canonical", "") or facts.get("og:url", ""),
    }
    return {key: " ".join(value.split())[:_LONGEST] for key, value in said.items() if value.strip()}


def facts_of(metas: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The tags by lower-case name; the first of a name counts, several authors are joined."""
    facts: dict[str, str] = {}
    for meta in metas:
        if meta["tag"] == "link":
            if (meta.get("rel") or "").lower() == "canonical":
                facts.setdefault("canonical", meta.get("href") or "")
            continue
        if meta["tag"] == "time":
            if "pubdate" in meta or (meta.get("itemprop") or "").lower() == "datepublished":
                facts.setdefault("datepublished", meta.get("datetime") or "")
            continue
        name = meta.get("name") or meta.get("property") or meta.get("itemprop")
        name = (name or meta.get("http-equiv") or "").strip().lower()
        value = (meta.get("content") or "").strip()
        if name == "citation_author" and facts.get(name) and len(facts[name]) < _LONGEST:
            facts[name] += f"; {value}"
        elif name and value:
            facts.setdefault(name, value)
    return facts
