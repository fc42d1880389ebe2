"""Where the sentences of a text stand, by rules and in linear time.

A sentence ends at ``.``, ``!``, ``?`` or an ellipsis that white space follows, together with the
quotation marks, brackets and note numbers (``[3]``) attached to it, unless

* the next word is in lower case (``"Stop!" he said.``) and not quoted, in a text that has capitals;
* the stop belongs to an abbreviation, an initial, or the number of a list item or heading.

A stop of a script that writes no spaces (``。！？``) or of its own form (``।``, ``؟`` ...) ends one
wherever it stands, except before the particle that goes on after a quotation (``「行く。」と``). A
blank line and a line that begins a list item end a sentence as well; a line's end alone does not.

A row of a table is a sentence: a line between bars (``| a | b |``), the lines between two borders
(``+---+``), a line ``Name: Ada; Born: 1815`` beside another one of that kind. Nothing ends one
inside bars, and a table's head goes with the line below it.

The rules are tried at candidates that one regular expression without nested repetition finds, and
look at most a few hundred characters around, so that no text makes them slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from assay.pipeline.abbreviations import AMBIGUOUS, BEFORE_NAMES, BEFORE_NUMBERS, STARTERS

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


class Sentence(NamedTuple):
    """A sentence and where it stands: ``whole[start:end] == text``."""

    text: str
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
_NEXT = re.compile(r"([\"'“‘„«`(\[{*_¿¡#]{0,4})([^\W_](?:[\w'’]{0,19}))?")
_BEFORE = re.compile(r"[^\s\"'“”‘’«»()\[\]{}*,;:/–—-]+$")
_DOTTED = re.compile(r"[^\W\d_](?:\.[^\W\d_])+")
_MARKER = re.compile(r"[\"'“(\[*_]*(?:\d{1,3}(?:\.\d{1,3}){0,4}|[a-zA-Z]|[ivxIVX]{2,5})")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff60「『（]")
_QUOTED = "」』”’\"'）"
_PARTICLES = "とのはがをにもでやっかだ"  # what goes on after a Japanese quotation
_CAPITALS = 0.005  # share of letters below which a text is written without capitals
_LOOK = 32
_INITIAL_I = re.compile(r"[a-z'’]\s+I$")
_OPENING = tuple("\"'“‘„«`")
_LABEL = re.compile(r"[^:;|.!?]{1,60}: ")
_NEXT_LABEL = re.compile(r"; [^:;|.!?]{1,60}: ")
_ROW = 400  # characters of a line that tell whether it is a row, and before one that is an item


def sentences(text: str, start: int = 0, end: int | None = None) -> list[Sentence]:
    """The sentences of ``text[start:end]``, in order, without the white space between them.

    Every character that is not white space lies in exactly one.

    Args:
        text: any text.
        start: where to begin.
        end: where to stop; None for the end of the text.

    Returns:
        Sentences with offsets into ``text``.

    >>> text = 'Dr. Roe paid $3.50, e.g. in the U.S. last May. "Really?" she asked. 東京。京都。'
    >>> [one.text for one in sentences(text)]
    ['Dr. Roe paid $3.50, e.g. in the U.S. last May.', '"Really?" she asked.', '東京。', '京都。']
    """
    stop = len(text) if end is None else end
    found: list[Sentence] = []
    begin = _skip(text, start, stop)
    for border in _borders(text, begin, stop):
        if border > begin:
            found.append(_sentence(text, begin, border))
            begin = _skip(text, border, stop)
    if begin < stop:
        found.append(_sentence(text, begin, stop))
    return found


def _skip(text: str, start: int, stop: int) -> int:
    match = _GAP.match(text, start, stop)
    return match.end() if match else start


def _sentence(text: str, start: int, end: int) -> Sentence:
    piece = text[start:end].rstrip()
    return Sentence(piece, start, start + len(piece))


def _borders(text: str, start: int, stop: int) -> Iterator[int]:
    """Offsets behind the last character of each sentence but the last."""
    caseless = _is_caseless(text[start:stop])
    begin = start  # of the sentence that is open
    rows = _Rows(_line(text, start, stop))
    for match in _CANDIDATE.finditer(text, start, stop):
        place = match.end()
        if match["line"]:
            is_blank = _BLANK_LINE.match(text, place, stop) is not None
            ends_row = rows.ended_by(_line(text, place, stop), is_blank=is_blank)
            is_end = is_blank or ends_row or _is_item(text, begin, place, stop)
        elif place <= begin or rows.in_bars:
            continue
        elif match["wide"]:
            is_end = _ends_wide(text, match, stop)
        else:
            is_end = _ends(text, begin, match, stop, caseless=caseless)
        if is_end and place > begin:
            yield place
            begin = _skip(text, place, stop)


class _Line(NamedTuple):
    """What a line is in a table; of ``Name: Ada; Born: 1815`` its first label too."""

    kind: Literal["text", "border", "rule", "cells", "labels"]
    label: str = ""
    several: bool = False


_PLAIN = _Line("text")


def _line(text: str, start: int, stop: int) -> _Line:
    most = min(stop, start + _ROW)
    end = text.find("\n", start, most)
    is_cut = end < 0 and most < stop
    line = text[start : most if end < 0 else end].strip()
    if line[:1] not in ("+", "|") and ": " not in line:
        return _PLAIN
    if line[:1] == "+" and len(line) > 2 and not line.strip("+-= "):
        return _Line("border")
    if line[:1] == "|" and len(line) > 1 and (line[-1] == "|" or is_cut):
        return _Line("cells" if line.strip("|+-=: ") else "rule")
    label = _LABEL.match(line)
    if label is None:
        return _PLAIN
    return _Line("labels", label.group(), _NEXT_LABEL.search(line, label.end() - 1) is not None)


class _Rows:
    """Where the rows of a table end, told line by line."""

    def __init__(self, first: _Line) -> None:
        self._line = first
        self._has_cells = False  # whether cells stand above this line, in its table
        self._has_borders = first.kind == "border"

    @property
    def in_bars(self) -> bool:
        """Whether the line is one of cells."""
        return self._line.kind == "cells"

    def ended_by(self, below: _Line, *, is_blank: bool) -> bool:
        """Go to the next line; whether a row ends before it."""
        above, has_cells, has_borders = self._line, self._has_cells, self._has_borders
        self._line = below
        self._has_cells = not is_blank and (has_cells or above.kind == "cells")
        self._has_borders = not is_blank and (has_borders or below.kind == "border")
        if above is below is _PLAIN and not has_borders:
            return False
        if has_borders:
            return above.kind == "border" and has_cells
        if below.kind == "border":
            return True
        if above.kind == "labels" and below.kind == "labels":
            return above.label == below.label or (above.several and below.several)
        if below.kind == "rule":
            return False
        return "cells" in (above.kind, below.kind) or above.kind == "rule"


def _is_item(text: str, begin: int, place: int, stop: int) -> bool:
    """Whether a line begins a list item; ``2)`` does not where a bracket is open."""
    match = _ITEM.match(text, place, stop)
    if match is None:
        return False
    marker = match.group().strip()
    if not marker.endswith(")") or marker.startswith("("):
        return True
    above = text[max(begin, place - _ROW) : place]
    return above.count("(") <= above.count(")")


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
    opening, word = (ahead[1], ahead[2] or "") if ahead else ("", "")
    if text[gap] in ".…" or _is_marker(text, begin, match.start()):
        return False  # spaced dots of an omission; '1.' or 'A.' at the beginning
    is_ellipsis = marks != "." and not marks.strip(".…")
    is_quoted = opening.startswith(_OPENING) and not is_ellipsis
    if word[:1].islower() and not caseless and not is_quoted:
        return False
    if marks != ".":
        # An ellipsis before a capital ends a sentence, except before 'I', which is always one.
        return not (is_ellipsis and word == "I")
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
