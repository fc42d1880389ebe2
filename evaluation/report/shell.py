"""What all pages of the evaluation share: frame, style, tables; each page is one file.

A page needs nothing from elsewhere: no network, no font, no picture. Its
Content-Security-Policy allows no script but those that ``page`` was given, by their
hashes. Texts are data: every ``str`` is escaped unless it is ``Html``.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import resources
from string import Template


class Html(str):
    """Text that is markup already, made of escaped parts."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a page.

    Args:
        title: its headline, plain text; an empty one has no headline.
        html: what stands in it, markup; escape what is data with ``safe``.
    """

    title: str
    html: str


def safe(text: str) -> Html:
    """A text as markup that shows exactly this text; ``Html`` is handed on as it is.

    Half a surrogate pair, which UTF-8 cannot write, and control characters, which HTML
    forbids, become U+FFFD.

    >>> safe("a < b"), safe(Html("<b>so</b>"))
    ('a &lt; b', '<b>so</b>')
    """
    if isinstance(text, Html):
        return text
    return Html(escape(plain(text)))


def plain(text: str) -> str:
    """A text with U+FFFD for each letter that cannot stand in a page."""
    return _UNWRITABLE.sub("\ufffd", text)


_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def page(
    *,
    title: str,
    facts: str,
    notices: Sequence[str] = (),
    sections: Sequence[Section],
    scripts: Sequence[str] = (),
    data: str | None = None,
) -> str:
    """A whole page.

    Args:
        title: headline.
        facts: one line under it: when, what, how many.
        notices: sentences that a reader must not miss, each in a box of its own.
        sections: the page's parts, in order.
        scripts: JavaScript that the page runs when it is loaded; the page must be
            readable without it.
        data: JSON for the scripts, as the text of the element ``#data``.

    Returns:
        HTML, whole.
    """
    hashes = " ".join(f"'sha256-{_hash(one)}'" for one in scripts)
    notes = [
        one if isinstance(one, Html) else Html(f'<p class="notice">{safe(one)}</p>')
        for one in notices
    ]
    block = ""
    if data is not None:
        # '<' occurs only within strings of JSON, where the escape means the same.
        inert = data.replace("<", "\\u003c")
        block = f'<script type="application/json" id="data">{inert}</script>'
    return Template(_file("shell.html")).substitute(
        policy=f"script-src {hashes}; " if hashes else "",
        style=_file("shell.css"),
        title=safe(title),
        facts=safe(facts),
        notices="".join(notes),
        sections="".join(_section(one) for one in sections),
        data=block,
        scripts="".join(f"<script>{one}</script>" for one in scripts),
    )


def table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str | Html]],
    *,
    numeric: Collection[int] = (),
    caption: str = "",
) -> str:
    """A table that scrolls by itself where the screen is too narrow.

    Args:
        headers: names of the columns.
        rows: cells; ``str`` is escaped, ``Html`` is not. A row may be shorter.
        numeric: columns of numbers, counted from 0: they are set right.
        caption: what it shows, '' for none.

    Returns:
        Markup.
    """
    head = "".join(
        f'<th scope="col"{_column(place, numeric)}>{safe(name)}</th>'
        for place, name in enumerate(headers)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{_column(place, numeric)}>{safe(cell)}</td>" for place, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    above = f"<caption>{safe(caption)}</caption>" if caption else ""
    inside = f"<table>{above}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll" tabindex="0" role="region" aria-label="table">{inside}</div>'


def _column(place: int, numeric: Collection[int]) -> str:
    return ' class="n"' if place in numeric else ""


def _section(section: Section) -> str:
    headline = f"<h2>{safe(section.title)}</h2>" if section.title else ""
    return f"<section>{headline}{section.html}</section>"


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _file(name: str) -> str:
    return resources.files("assay.evaluation.report").joinpath(name).read_text("utf-8")
