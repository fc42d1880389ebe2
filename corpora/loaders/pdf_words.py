"""The words of a PDF page with their place, size and weight, and the rules drawn on the page.

PDFium decides what is a word (it puts the spaces in that a PDF leaves out); this module asks it
for characters and turns every word upright, so that the layout knows nothing of rotation.

PDFium is not safe in threads: every function here must be called while ``LOCK`` is held.
"""

from __future__ import annotations

import ctypes
import math
import re
import threading
import unicodedata
from dataclasses import dataclass
from typing import Any, NamedTuple

LOCK = threading.Lock()

_HYPHENS = frozenset("\x02\ufffe\u00ad\u2010")  # what PDFium and writers leave at a line's end
_LIGATURES = str.maketrans(
    {
        "\ufb00": "ff",
        "\ufb01": "fi",
        "\ufb02": "fl",
        "\ufb03": "ffi",
        "\ufb04": "ffl",
        "\ufb05": "st",
        "\ufb06": "st",
        "\u00ad": "",  # a soft hyphen inside a line is never shown
        "\u200b": "",
        "\u2060": "",
        "\ufeff": "",
        "\u2010": "-",
        "\u2011": "-",
        "\uf0b7": "•",  # the bullet of the Symbol font
        "\uf0a7": "▪",
    }
)
_MOST_SEGMENTS = 20_000  # drawn lines looked at on one page: more is a map, not a table


@dataclass(frozen=True, slots=True)
class Word:
    """A word, upright: x grows to the right, y grows downwards, both in points (1/72 inch).

    Args:
        text: normalised; a hyphen at its end is ``-``.
        left: left edge.
        right: right edge.
        base: its baseline.
        size: font size in points, as drawn.
        bold: whether its font is bold.
        index: position in the order that PDFium gives, for text written from right to left.
        turn: how its line is turned on the page, in quarter turns.
    """

    text: str
    left: float
    right: float
    base: float
    size: float
    bold: bool
    index: int
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line drawn on the page, level or upright, in the coordinates of ``Word``."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class PageWords:
    """What stands on a page.

    Args:
        words: in PDFium's order.
        rules: lines that may be a table's, of upright pages only.
        drawn: whether anything at all is drawn on the page.
        characters: how many characters PDFium found.
        unknown: how many of them have no meaning in Unicode.
    """

    words: tuple[Word, ...]
    rules: tuple[Rule, ...]
    drawn: bool
    characters: int
    unknown: int


class Style(NamedTuple):
    """How a run of letters is set: size in points, bold or not, quarter turns."""

    size: float
    bold: bool
    turn: int


def read_page(document: Any, index: int, *, most_characters: int) -> PageWords:
    """The words of one page.

    Args:
        document: a ``pypdfium2.PdfDocument``.
        index: of the page, from 0.
        most_characters: a page with more is returned without words; ``characters`` says so.

    Raises:
        pypdfium2.PdfiumError: if the page cannot be read.
    """
    from pypdfium2 import raw

    page = document[index]
    try:
        if _burn_in_fields(page, raw):
            page.close()
            page = document[index]
        text_page = page.get_textpage()
        try:
            count = text_page.count_chars()
            drawn = raw.FPDFPage_CountObjects(page) > 0
            if count > most_characters:
                return PageWords((), (), drawn, count, 0)
            words, unknown = _words(text_page, count, raw)
        finally:
            text_page.close()
        rules = _rules(page, raw) if words else []
    finally:
        page.close()
    return PageWords(tuple(words), tuple(rules), drawn, count, unknown)


def _burn_in_fields(page: Any, raw: Any) -> bool:
    """Make filled-in form fields and free text part of the page, in memory only."""
    shown = (raw.FPDF_ANNOT_WIDGET, raw.FPDF_ANNOT_FREETEXT)
    for number in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, number)
        if not annotation:
            continue
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        raw.FPDFPage_CloseAnnot(annotation)
        if kind in shown:
            done = raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)
            return bool(done == raw.FLATTEN_SUCCESS)
    return False


def _words(text_page: Any, count: int, raw: Any) -> tuple[list[Word], int]:
    handle = text_page.raw
    get_unicode = raw.FPDFText_GetUnicode
    codes = [get_unicode(handle, position) for position in range(count)]
    letters = "".join([chr(code) if 0 < code < 0x110000 else "\ufffd" for code in codes])
    unknown = 0
    if not letters.isascii() or not letters.isprintable():
        unknown = sum(map(_is_unknown, letters))
    words: list[Word] = []
    styles: dict[int, Style] = {}
    for found in re.finditer(r"\S+", letters):
        words += _spelled(handle, raw, letters, (found.start(), found.end() - 1), styles)
    return words, unknown


def _is_unknown(letter: str) -> bool:
    if letter in _HYPHENS or letter in "\uf0b7\uf0a7" or letter.isspace():
        return False
    return letter == "\ufffd" or unicodedata.category(letter) in ("Cc", "Co", "Cn")


def _spelled(
    handle: Any, raw: Any, letters: str, span: tuple[int, int], styles: dict[int, Style]
) -> list[Word]:
    """The word from the first to the last position; several where a line ends inside of it.

    PDFium runs words together over the end of a line where it takes them for divided.
    """
    first, last = span
    style = _style(handle, raw, first, styles)
    while last > first and letters[last] in _HYPHENS:
        last -= 1  # a hyphen that PDFium made up has no place of its own
    begin = _origin(handle, raw, first, style.turn)
    end = _origin(handle, raw, last, style.turn) if last > first else begin
    far = 3 * style.size
    if abs(end[1] - begin[1]) > 0.5 * style.size or abs(end[0] - begin[0]) > far * (last - first):
        here = begin
        for position in range(first + 1, last + 1):
            if letters[position] in _HYPHENS:
                continue
            there = _origin(handle, raw, position, style.turn)
            if abs(there[1] - here[1]) > 0.5 * style.size or abs(there[0] - here[0]) > far:
                return [
                    *_spelled(handle, raw, letters, (first, position - 1), styles),
                    *_spelled(handle, raw, letters, (position, span[1]), styles),
                ]
            here = there
    text = _normal(letters[first : span[1] + 1])
    if not text:
        return []
    box = raw.FS_RECTF()
    sides = [begin[0]]
    for position in (first, last) if last > first else (first,):
        if raw.FPDFText_GetLooseCharBox(handle, position, box):
            sides.append(_turned(box.left, -box.top, style.turn)[0])
            sides.append(_turned(box.right, -box.bottom, style.turn)[0])
    left, right, base = min(sides), max(sides), begin[1]
    if not (math.isfinite(left + right + base) and max(-left, right, abs(base)) < 1e6):
        left = right = base = 0.0  # a broken matrix: the word is kept, at the page's corner
    return [Word(text, left, right, base, style.size, style.bold, first, style.turn)]


def _origin(handle: Any, raw: Any, position: int, turn: int) -> tuple[float, float]:
    x, y = ctypes.c_double(), ctypes.c_double()
    raw.FPDFText_GetCharOrigin(handle, position, x, y)
    return _turned(x.value, -y.value, turn)


def _style(text_page: Any, raw: Any, position: int, styles: dict[int, Style]) -> Style:
    pointer = raw.FPDFText_GetTextObject(text_page, position)
    key = ctypes.addressof(pointer.contents) if pointer else -1 - position
    if key in styles:
        return styles[key]
    matrix = raw.FS_MATRIX()
    size = abs(raw.FPDFText_GetFontSize(text_page, position))
    if raw.FPDFText_GetMatrix(text_page, position, matrix):
        size *= math.hypot(matrix.c, matrix.d)
    if not (math.isfinite(size) and 0.5 < size < 5000):
        size = 10.0
    name = ctypes.create_string_buffer(128)
    flags = ctypes.c_int()
    raw.FPDFText_GetFontInfo(text_page, position, name, 128, flags)
    bold = any(word in name.value.lower() for word in (b"bold", b"black", b"heavy"))
    bold = bold or raw.FPDFText_GetFontWeight(text_page, position) >= 700
    angle = raw.FPDFText_GetCharAngle(text_page, position)
    # PDFium counts the angle clockwise
    turn = -round(angle / (math.pi / 2)) % 4 if math.isfinite(angle) and angle >= 0 else 0
    styles[key] = Style(size, bold, turn)
    return styles[key]


def _turned(x: float, y: float, turn: int) -> tuple[float, float]:
    """A point in the frame in which a text turned by ``turn`` quarters stands upright."""
    return ((x, y), (-y, x), (-x, -y), (y, -x))[turn]


def _normal(text: str) -> str:
    if text[-1] in _HYPHENS:
        text = text[:-1] + "-"
    if text.isascii() and text.isprintable():
        return text
    if any(0xD800 <= ord(letter) < 0xE000 for letter in text):
        # PDFium gives letters beyond the first plane as two halves
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = unicodedata.normalize("NFC", text.translate(_LIGATURES))
    return "".join(letter for letter in text if unicodedata.category(letter) != "Cc")


def _rules(page: Any, raw: Any) -> list[Rule]:
    rules: list[Rule] = []
    seen = 0
    x, y = ctypes.c_float(), ctypes.c_float()
    matrix = raw.FS_MATRIX()
    for number in range(min(raw.FPDFPage_CountObjects(page), _MOST_SEGMENTS)):
        drawn = raw.FPDFPage_GetObject(page, number)
        if raw.FPDFPageObj_GetType(drawn) != raw.FPDF_PAGEOBJ_PATH:
            continue
        if not raw.FPDFPageObj_GetMatrix(drawn, matrix):
            continue
        count = raw.FPDFPath_CountSegments(drawn)
        seen += count
        if seen > _MOST_SEGMENTS:
            return []
        start = here = (0.0, 0.0)
        for order in range(count):
            segment = raw.FPDFPath_GetPathSegment(drawn, order)
            raw.FPDFPathSegment_GetPoint(segment, x, y)
            there = (
                matrix.a * x.value + matrix.c * y.value + matrix.e,
                -(matrix.b * x.value + matrix.d * y.value + matrix.f),
            )
            kind = raw.FPDFPathSegment_GetType(segment)
            if kind == raw.FPDF_SEGMENT_MOVETO:
                start = there
            elif kind == raw.FPDF_SEGMENT_LINETO:
                rules += _rule(here, there)
            if raw.FPDFPathSegment_GetClose(segment):
                rules += _rule(there, start)
            here = there
    return rules


def _rule(one: tuple[float, float], other: tuple[float, float]) -> list[Rule]:
    left, right = sorted((one[0], other[0]))
    top, bottom = sorted((one[1], other[1]))
    wide, high = right - left, bottom - top
    if min(wide, high) > 1 or max(wide, high) < 4 or not math.isfinite(wide + high):
        return []
    return [Rule(left, top, right, bottom)]
