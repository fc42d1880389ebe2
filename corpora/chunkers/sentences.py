"""Where the sentences of a text stand, by rules and in linear time.

A sentence ends at ``.``, ``!``, ``?`` or an ellipsis that white space follows, together with the
quotation marks, brackets and note numbers (``[3]``) attached to it, unless

* the next word is in lower case (``"Stop!" he said.``), in a text that has capitals at all;
* the stop belongs to an abbreviation, an initial, or the number of a list item or heading.

A stop of a script that writes no spaces (``。！？``) or of its own form (``।``, ``؟`` ...) ends one
wherever it stands, except before the particle that goes on after a quotation (``「行く。」と``). A
blank line and a line that begins a list item end a sentence as well; a line's end alone does not.

The rules are tried at candidates that one regular expression without nested repetition finds, and
look at most a few dozen characters around, so that no text makes them slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from assay.corpora.chunkers.abbreviations import (
    AMBIGUOUS,
    BEFORE_NAMES,
    BEFORE_NUMBERS,
    STARTERS,
)


class Span(NamedTuple):
    """A stretch of a text: ``text[start:end]``."""

    start: int
    end: int


_CLOSERS = "\"'”’»)\\]}*_」』）】》〉］"
_CANDIDATE = re.compile(
    rf"(?P<wide>[。！？｡．।॥؟۔։።]+)[{_CLOSERS}！？]*"
    rf"|(?P<stop>[.!?…‽]+)[{_CLOSERS}]*(?:\[[\w, –-]{{1,12}}\]){{0,4}}"
    r"|(?P<line>\r?\n)"
)
_BLANK_LINE = re.compile(r"[^\S\n]*\n")
_ITEM = re.compile(r"[^\S\n]{0,40}(?:[-*+•‣◦▪–]|\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{2,5})[.)])[^\S\n]")
_GAP = re.compile(r"\s*")
_NEXT = re.compile(r"[\"'“‘„«(\[{*_¿¡#]{0,4}([^\W_](?:[\w'’]{0,19}))?")
_BEFORE = re.compile(r"[^\s\"'“”‘’«»()\[\]{}*,;:/–—-]+$")
_DOTTED = re.compile(r"[^\W\d_](?:\.[^\W\d_])+")
_MARKER = re.compile(r"[\"'“(\[*_]*(?:\d{1,3}(?:\.\d{1,3}){0,4}|[a-zA-Z]|[ivxIVX]{2,5})")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff60「『（]")
_QUOTED = "」』”’\"'）"
_PARTICLES = "とのはがをにもでやっかだ"  # what goes on after a Japanese quotation
_CAPITALS = 0.005  # share of letters below which a text is written without capitals
_LOOK = 32
_INITIAL_I = re.compile(r"[a-z'’]\s+I$")


def sentences(text: str, start: int = 0, end: int | None = None) -> list[Span]:
    """The sentences of ``text[start:end]``, in order, without the white space between them.

    Every character that is not white space lies in exactly one.

    Args:
        text: any text.
        start: where to begin.
        end: where to stop; None for the end of the text.

    Returns:
        Offsets into ``text``.

    >>> text = 'Dr. Roe paid $3.50, e.g. in the U.S. last May. "Really?" she asked. 東京。京都。'
    >>> [text[one.start : one.end] for one in sentences(text)]
    ['Dr. Roe paid $3.50, e.g. in the U.S. last May.', '"Really?" she asked.', '東京。', '京都。']
    """
    stop = len(text) if end is None else end
    found: list[Span] = []
    begin = _skip(text, start, stop)
    for border in _borders(text, begin, stop):
        if border > begin:
            found.append(_trimmed(text, begin, border))
            begin = _skip(text, border, stop)
    if begin < stop:
        found.append(_trimmed(text, begin, stop))
    return found


def _skip(text: str, start: int, stop: int) -> int:
    match = _GAP.match(text, start, stop)
    return match.end() if match else start


def _trimmed(text: str, start: int, end: int) -> Span:
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)


def _borders(text: str, start: int, stop: int) -> Iterator[int]:
    """Offsets behind the last character of each sentence but the last."""
    caseless = _is_caseless(text[start:stop])
    begin = start  # of the sentence that is open
    for match in _CANDIDATE.finditer(text, start, stop):
        place = match.end()
        if place <= begin:
            continue
        if match["line"]:
            is_end = bool(_BLANK_LINE.match(text, place, stop) or _ITEM.match(text, place, stop))
        elif match["wide"]:
            is_end = _ends_wide(text, match, stop)
        else:
            is_end = _ends(text, begin, match, stop, caseless=caseless)
        if is_end:
            yield place
            begin = _skip(text, place, stop)


def _is_caseless(text: str) -> bool:
    """Whether a text has letters with case and next to no capitals (judged by its beginning)."""
    sample = text[:20_000]
    capitals = sum(1 for sign in sample if sign.isupper())
    small = sum(1 for sign in sample if sign.islower())
    return capitals < _CAPITALS * (capitals + small) if small > _LOOK else False


def _ends_wide(text: str, match: re.Match[str], stop: int) -> bool:
    place = match.end()
    following = text[place] if place < stop else ""
    if "．" in match["wide"] and following.isdigit():
        return False
    return not (text[place - 1] in _QUOTED and following and following in _PARTICLES)


def _ends(text: str, begin: int, match: re.Match[str], stop: int, *, caseless: bool) -> bool:
    """Whether the Latin stop at a match ends the sentence that began at ``begin``."""
    place = match.end()
    gap = _skip(text, place, stop)
    if gap == stop:
        return True
    marks = match["stop"]
    if gap == place:  # no white space: a number, an address, or a text without spaces
        return marks[-1] != "." and bool(_UNSPACED.match(text[gap]))
    ahead = _NEXT.match(text, gap, stop)
    word = (ahead[1] or "") if ahead else ""
    if text[gap] in ".…" or _is_marker(text, begin, match.start()):
        return False  # spaced dots of an omission; '1.' or 'A.' at the beginning
    if word[:1].islower() and not caseless:
        return False
    if marks != ".":
        # An ellipsis before a capital ends a sentence, except before 'I', which is always one.
        return not (marks[-1] in ".…" and marks.strip(".…") == "" and word == "I")
    if match.end("stop") < place and text[match.end("stop")] not in "*_":
        return True  # a closing mark behind the stop: no abbreviation goes on
    return _is_full_stop(text, begin, match.start(), word, caseless=caseless)


def _is_marker(text: str, begin: int, dot: int) -> bool:
    return dot - begin <= _LOOK and _MARKER.fullmatch(text, begin, dot) is not None


def _is_full_stop(text: str, begin: int, dot: int, word: str, *, caseless: bool) -> bool:
    """Whether a single stop at ``dot`` before ``word`` ends a sentence."""
    near = text[max(begin, dot - _LOOK) : dot].rstrip()
    match = _BEFORE.search(near)
    if match is None:
        return True
    last = match.group()
    name = last.lower()
    starts = word.lower().replace("’", "'").split("'")[0] in STARTERS
    if name in BEFORE_NAMES:
        return False
    if name in BEFORE_NUMBERS and (word[:1].isdigit() or word[:1] == ""):
        return False
    if name in AMBIGUOUS or _DOTTED.fullmatch(last) or name == "ph.d":
        return starts or (word[:1].isdigit() and name in ("inc", "corp", "ltd", "co"))
    if len(last) == 1 and last.isupper():
        return bool(_INITIAL_I.search(near)) or (starts and word != "I" and len(word) > 1)
    if len(last) == 1 and last.isalpha() and caseless:
        return starts
    return True
