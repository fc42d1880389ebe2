"""Edits of a text, and the way back from the new text to the old."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple


class Edit(NamedTuple):
    """``old[start:end]`` becomes ``text``; '' takes it out."""

    start: int
    end: int
    text: str = ""


class Offsets:
    """Where each character of an edited text stood before.

    Kept as one entry for each stretch that stayed and each that was put in, so it costs memory by
    edits, and a question costs the logarithm of their number.

    Args:
        edits: in order, not overlapping.
        length: of the old text.
    """

    __slots__ = ("_kept", "_new", "_old")

    def __init__(self, edits: Sequence[Edit], length: int) -> None:
        self._new: list[int] = []  # where each stretch begins in the new text
        self._old: list[tuple[int, int]] = []  # and where it stood
        self._kept: list[bool] = []
        at = done = 0
        for edit in (*edits, Edit(length, length)):
            at = self._add(at, edit.start - done, (done, edit.start), kept=True)
            at = self._add(at, len(edit.text), (edit.start, edit.end), kept=False)
            done = edit.end

    def _add(self, at: int, size: int, old: tuple[int, int], *, kept: bool) -> int:
        if size > 0:
            self._new.append(at)
            self._old.append(old)
            self._kept.append(kept)
        return at + size

    def back(self, start: int, end: int) -> tuple[int, int]:
        """The place in the old text of ``new[start:end]``, which is not empty.

        What was put in stands where it was put in, as a whole.
        """
        return self._character(start)[0], self._character(end - 1)[1]

    def _character(self, place: int) -> tuple[int, int]:
        number = bisect_right(self._new, place) - 1
        start, end = self._old[number]
        if not self._kept[number]:
            return start, end
        start += place - self._new[number]
        return start, start + 1


def edited(text: str, edits: Sequence[Edit]) -> tuple[str, Offsets]:
    """The text with the edits made, and the way back.

    Args:
        text: the old text.
        edits: in order, not overlapping.

    >>> new, offsets = edited("a&amp;b", [Edit(1, 6, "&")])
    >>> new, offsets.back(1, 3)
    ('a&b', (1, 7))
    """
    pieces: list[str] = []
    done = 0
    for edit in edits:
        pieces += (text[done : edit.start], edit.text)
        done = edit.end
    pieces.append(text[done:])
    return "".join(pieces), Offsets(edits, len(text))
