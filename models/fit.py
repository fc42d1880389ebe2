"""Text that does not fit: what a caller does before it asks a model.

Lengths are told by a function ``count`` of the caller, mostly ``LanguageModel.count_tokens``. It
is given short stretches, and the whole text once at most, so that 10 MB take a few passes.

>>> words = lambda text: len(text.split())
>>> fitted("one two three four five", 2, words, "windows")
['one two', ' three four', ' five']
>>> fitted("one two three four five", 3, words, "head")
['one two three']
>>> fitted("one two", 3, words, "refuse")
['one two']
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Literal

from assay.pipeline.errors import UsageError

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

Count = Callable[[str], int]
"""Length of a text, mostly in a model's tokens; a longer text has about as many or more."""

Ends = Literal["head", "tail", "middle"]
"""What is kept of a text: its beginning, its end, or both without the middle."""

TooLong = Literal["windows", "head", "tail", "middle", "refuse"]
"""What happens to a text that does not fit: all of it in windows, a cut, or an error."""

GAP = " … "
"""What stands where the middle was left out."""

REACH = 40
"""A cut moves by at most so many characters to fall between words."""

BLOCKS = 8
"""Stretches of a window whose lengths are measured to find equal windows."""

_JOINER = "\u200d"
_MODIFIERS = ("\ufe0e", "\ufe0f", _JOINER)


def fitted(
    text: str, room: int, count: Count, rule: TooLong, *, what: str = "the text"
) -> list[str]:
    """The text if it fits, else what a rule makes of it.

    Args:
        text: any text.
        room: most that ``count`` may say of each part, at least 1.
        count: length of a text.
        rule: see ``windows`` and ``cut``; ``refuse`` raises.
        what: names the text in a message.

    Returns:
        One text, or the windows in order; each fits.

    Raises:
        UsageError: if the rule is to refuse, or if there is no room for a character.
    """
    if rule == "windows":
        return windows(text, room, count)
    if rule != "refuse":
        return [cut(text, room, count, rule)]
    length = count(text)
    if length > room:
        raise UsageError(
            f"{what} has {length} tokens and there is room for {room}: give less text, or let it"
            " be cut (head, tail, middle) or read in windows"
        )
    return [text]


def windows(text: str, room: int, count: Count) -> list[str]:
    """The text in few windows of about equal length, each with at most ``room``.

    Cuts fall before a space where one is near, and not inside a character that is written as
    several. Cost: the text is counted three to
    six times over, once as a whole and else in stretches.

    Args:
        text: any text.
        room: most that ``count`` may say of a window, at least 1.
        count: length of a text.

    Returns:
        The windows in order; joined they are the text.

    Raises:
        UsageError: if a single character does not fit.

    >>> windows("a cat sat on the mat", 10, len)
    ['a cat', ' sat on', ' the mat']
    """
    total = count(text)
    if total <= room:
        return [text]
    if len(text) < 2 or room < 1:
        raise _no_room(text, total, room)
    least = max(2, -(-total // room))
    marks, lengths = _measured(text, least * BLOCKS, count)
    for wanted in dict.fromkeys(
        (least, least + 1, least + least // 32 + 1, least + least // 8 + 1)
    ):
        found = _pieces(text, _borders(text, marks, lengths, wanted))
        if all(count(piece) <= room for piece in found):
            return found
    return [window for piece in found for window in _halves(piece, room, count)]


def cut(text: str, room: int, count: Count, rule: Ends) -> str:
    """The most of a text that fits, taken from its ends; a text that fits stays as it is.

    Cuts fall between words where one is near. Cost: what about ten to twenty times the part that
    is kept costs to count, however long the text is.

    Args:
        text: any text.
        room: most that ``count`` may say of the result, at least 1.
        count: length of a text.
        rule: keep the beginning (``head``), the end (``tail``), or about as many characters of
            both with ``GAP`` between (``middle``).

    Raises:
        UsageError: if not one character fits.

    >>> cut("a cat sat on the mat", 10, len, "head")
    'a cat sat'
    >>> cut("a cat sat on the mat", 10, len, "tail")
    'on the mat'
    >>> cut("a cat sat on the mat", 12, len, "middle")
    'a cat … mat'
    """
    if _most(lambda kept: text[:kept], len(text), room, count) == len(text):
        return text
    kept = _most(lambda size: _ends(text, size, rule), len(text), room, count)
    for exact in (False, True):  # away from a word's inside, unless that makes it longer
        found = _ends(text, kept, rule, exact=exact)
        if found.strip() not in ("", GAP.strip()) and count(found) <= room:
            return found
    raise _no_room(text, count(text[:1]), room)


def _ends(text: str, kept: int, rule: Ends, *, exact: bool = True) -> str:
    """What a cut keeps: ``kept`` characters, or some fewer that end between words."""
    before = {"head": kept, "tail": 0, "middle": -(-kept // 2)}[rule]
    after = len(text) - kept + before
    if not exact:
        before = _border(text, before, back=REACH, forth=0)
        if not text[after - 1 : after].isspace():
            after = _border(text, after, back=0, forth=REACH)
    head, tail = text[:before], text[after:]
    if not exact:
        head, tail = head.rstrip(), tail.lstrip()
    return f"{head}{GAP}{tail}" if rule == "middle" else head or tail


def _most(make: Callable[[int], str], top: int, room: int, count: Count) -> int:
    """About the largest size up to ``top`` whose text fits, found from below.

    Grows by what the texts so far were long, then narrows down what is between a size that fits
    and one that does not, to a 256th. The answer was counted; long texts are not.
    """
    fits, fits_length, over, over_length = 0, 0, top + 1, 0
    size, steps = min(top, max(1, room)), 0
    while fits < size:
        length = count(make(size))
        steps += 1
        if length <= room:
            fits, fits_length = size, length
        else:
            over, over_length = size, length
        if over > top:
            guess = size * room // max(1, length) * 17 // 16
            size = min(top, 8 * size, max(size + 1, guess))
        elif over - fits <= 1 + fits // 256:
            break
        else:
            share = (room - fits_length) / (over_length - fits_length) if steps % 3 else 0.5
            size = min(over - 1, max(fits + 1, fits + int((over - fits) * share)))
    return fits


def _measured(text: str, stretches: int, count: Count) -> tuple[list[int], list[int]]:
    """Marks in a text, between words where possible, and the length up to each of them."""
    size = max(1, len(text) // stretches)
    marks = [0]
    for place in range(size, len(text), size):
        mark = _border(text, place, back=min(REACH, size // 2), forth=0)
        if mark > marks[-1]:
            marks.append(mark)
    marks.append(len(text))
    return marks, list(accumulate((count(text[a:b]) for a, b in pairwise(marks)), initial=0))


def _borders(text: str, marks: list[int], lengths: list[int], wanted: int) -> list[int]:
    """Where ``wanted`` windows of equal length begin and end."""
    borders = [0]
    for number in range(1, wanted):
        target = lengths[-1] * number / wanted
        block = min(bisect_right(lengths, target), len(lengths) - 1) - 1
        inside = (target - lengths[block]) / max(1, lengths[block + 1] - lengths[block])
        place = marks[block] + round(inside * (marks[block + 1] - marks[block]))
        reach = min(REACH, len(text) // (2 * wanted))
        place = _border(text, place, back=reach, forth=reach)
        if borders[-1] < place < len(text):
            borders.append(place)
    return [*borders, len(text)]


def _pieces(text: str, borders: list[int]) -> list[str]:
    return [text[start:end] for start, end in pairwise(borders)]


def _halves(text: str, room: int, count: Count) -> list[str]:
    """A window that is too long in two, again and again, until all fit."""
    length = count(text)
    if length <= room:
        return [text]
    reach = min(REACH, len(text) // 4)
    middle = _border(text, len(text) // 2, back=reach, forth=reach)
    if not 0 < middle < len(text):
        middle = len(text) // 2
    if not middle:
        raise _no_room(text, length, room)
    return [*_halves(text[:middle], room, count), *_halves(text[middle:], room, count)]


def _border(text: str, place: int, *, back: int, forth: int) -> int:
    """The nearest place where a space begins, else where a character as people see it begins."""
    if not 0 < place < len(text):
        return place
    for step in range(max(back, forth) + 1):
        for near, reach in ((place - step, back), (place + step, forth)):
            inside = step <= reach and 0 < near < len(text)
            if inside and text[near].isspace() and not text[near - 1].isspace():
                return near
    way = -1 if back or not forth else 1
    near = place
    while 0 < near < len(text) and abs(near - place) <= max(back, forth):
        if not _joined(text[near - 1], text[near]):
            return near
        near += way
    return place


def _joined(before: str, after: str) -> bool:
    """Whether two code points are parts of one character."""
    return (
        before == _JOINER
        or after in _MODIFIERS
        or unicodedata.combining(after) != 0
        or ("\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff")
    )


def _no_room(text: str, length: int, room: int) -> UsageError:
    return UsageError(
        f"there is room for {room} tokens, but {text[:1]!r} alone has {length}: make more room"
    )
