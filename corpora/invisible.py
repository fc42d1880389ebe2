"""Characters that a reader does not see: which they are, and which a text needs.

The rules are deterministic and ask no model. Joiners, selectors and direction marks stay where a
script or an emoji sequence needs them: Persian, Indic, Mongolian, Arabic, Hebrew, Thai and emoji
text come back unchanged.

The ignorable set is Default_Ignorable_Code_Point of Unicode 15 (DerivedCoreProperties), with blanks
that are not in it (U+2800, U+FFF9-FFFC, U+1D159).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from assay.corpora.offsets import Edit

_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc"
    "\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_CONTROL = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_CARRIER = re.compile(f"[{_IGNORABLE}{_CONTROL}]")
_LONE_RETURN = re.compile("\r(?!\n)")
_SUSPECT = re.compile(f"[{_IGNORABLE}{_CONTROL}\r]")
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_SUBDIVISION = re.compile(
    "\U0001f3f4(?:\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067"
    "|\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073))\U000e007f"
)
_EMOJI = re.compile(
    "[#*0-9\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u27bf"
    "\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_SELECTABLE = re.compile(
    "[\u1000-\u109f\u2200-\u22ff\u2a00-\u2aff\u3000-\u30ff\u3400-\u9fff\ua840-\ua877"
    "\uf900-\ufaff\uff01-\uff9f\U00020000-\U0003ffff]"
)
_JOINING = re.compile(
    "[\u0600-\u07ff\u0840-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\u1900-\u1cff"
    "\ua840-\uabff\ufb50-\ufdff\ufe70-\ufefc\U00010a00-\U00011fff\U0001e900-\U0001e95f]"
)
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_MONGOLIAN = re.compile("[\u1820-\u18aa]")
_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069")
_OVERRIDES = frozenset("\u202d\u202e")
_ZERO_WIDTH = re.compile("[\u200b-\u200d\u2060\ufeff]{16,}")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,}")
_TAGS = re.compile("[\U000e0020-\U000e007e]+")


@dataclass(frozen=True, slots=True)
class Hidden:
    """A message that a reader of the page would not see."""

    carrier: str
    text: str


def has_invisible(text: str) -> bool:
    """Whether a text holds a character that ``ansi`` or ``characters`` may take out; fast.

    >>> has_invisible("two\\r\\nlines"), has_invisible("pass\\u200bword")
    (False, True)
    """
    if _CARRIER.search(text):
        return True
    return "\r" in text and _LONE_RETURN.search(text) is not None


def ansi(text: str) -> list[Edit]:
    """What takes the escape sequences of terminals out."""
    if "\x1b" not in text:
        return []
    return [Edit(*match.span()) for match in _ANSI.finditer(text)]


def characters(text: str, counts: Counter[str]) -> list[Edit]:
    """What takes invisible characters out, those that a text needs left in.

    White space among them becomes a blank.

    Args:
        text: without escape sequences.
        counts: gets the number of characters by carrier.
    """
    needed = {place for match in _SUBDIVISION.finditer(text) for place in range(*match.span())}
    directions = _directions(text)
    edits: list[Edit] = []
    left, done = "", 0  # the last character that stays, and where the search stands
    for match in _SUSPECT.finditer(text):
        place, character = match.start(), match.group()
        if place > done:
            left = text[place - 1]
        done = place + 1
        right = text[done : done + 1]
        rtl = directions is not None and (directions[0][place] or directions[1][place])
        before = text[place - 1] if place else ""
        if place in needed or _belongs(character, left, right, rtl, before):
            left = character
            continue
        counts[_carrier(character)] += 1
        blank = " " if character.isspace() else ""
        left = blank or left
        edits.append(Edit(place, done, blank))
    return edits


def _belongs(character: str, left: str, right: str, rtl: bool, previous: str) -> bool:
    """Whether a script, an emoji or a line end needs this character here."""
    if character == "\r":
        return right == "\n"
    if character in "\u200c\u200d":
        if character == "\u200d" and _EMOJI.match(right):
            return bool(_EMOJI.match(left)) or left == "\ufe0f"
        joins = bool(_JOINING.match(left))
        return joins and (bool(_JOINING.match(right)) or unicodedata.combining(left) == 9)
    if character == "\u200b":
        return bool(_UNSPACED.match(left) and _UNSPACED.match(right))
    if "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        alone = not _SELECTORS.match(character + right) and not _SELECTORS.match(
            previous + character
        )
        return alone and bool(_EMOJI.match(left) or _SELECTABLE.match(left))
    if "\u180b" <= character <= "\u180f":
        return bool(_MONGOLIAN.match(left))
    if character == "\u2800":
        return "\u2801" <= left <= "\u28ff" or "\u2801" <= right <= "\u28ff"
    if character in _MARKS:
        return rtl and left not in _MARKS
    return False


def _directions(text: str) -> tuple[list[bool], list[bool]] | None:
    """For each place: is the nearest strong letter before it, and after it, right to left?

    None for a text without the marks that it matters for.
    """
    if not any(mark in text for mark in _MARKS):
        return None
    strong = [unicodedata.bidirectional(one) for one in text]
    usable = [
        kind if one not in _MARKS and one not in _OVERRIDES else ""
        for one, kind in zip(text, strong, strict=True)
    ]
    return _scan(usable), _scan(usable[::-1])[::-1]


def _scan(kinds: list[str]) -> list[bool]:
    state = False
    seen: list[bool] = []
    for kind in kinds:
        seen.append(state)
        if kind in ("L", "R", "AL"):
            state = kind != "L"
    return seen


def _carrier(character: str) -> str:
    if character == "\u00ad":
        return "soft_hyphen"
    if character in _MARKS or character in _OVERRIDES:
        return "bidi"
    if "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        return "variation_selector"
    if "\U000e0000" <= character <= "\U000e007f":
        return "tag"
    if character in "\u200b\u200c\u200d\u2060\ufeff":
        return "zero_width"
    return "control" if unicodedata.category(character) == "Cc" else "ignorable"


def messages(text: str) -> list[Hidden]:
    """What tags, variation selectors and zero-width bits spell."""
    if text.isascii():
        return []
    found = [
        Hidden("tag", "".join(chr(ord(one) - 0xE0000) for one in match.group()))
        for match in _TAGS.finditer(_SUBDIVISION.sub("", text))
    ]
    for match in _SELECTORS.finditer(text):
        data = bytes(
            ord(one) - 0xFE00 if one <= "\ufe0f" else ord(one) - 0xE0100 + 16
            for one in match.group()
        )
        found.append(Hidden("variation_selector", data.decode("utf-8", "replace")))
    for match in _ZERO_WIDTH.finditer(text):
        found += (Hidden("zero_width", message) for message in _bits(match.group()))
    return found


def _bits(run: str) -> list[str]:
    """Readings of a two-letter zero-width run as 8-bit characters, either way round."""
    letters = sorted(set(run))
    if len(letters) != 2:
        return []
    readings: list[str] = []
    for one in letters:
        bits = "".join("1" if letter == one else "0" for letter in run)
        data = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8))
        message = data.decode("utf-8", "replace")
        if message.isprintable() and "\ufffd" not in message:
            readings.append(message)
    return readings
