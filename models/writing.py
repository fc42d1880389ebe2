"""How generated tokens become text: characters that are split over tokens, and stop strings."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class Writing:
    """A text that grows token by token.

    Args:
        stop: the text ends before the first of these; empty ones are ignored.
    """

    def __init__(self, stop: Sequence[str]) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._stop = tuple(one for one in stop if one)
        self._shown = 0
        self.text = ""
        """What was written so far, without the stop string."""
        self.stopped = False
        """Whether a stop string was met."""

    def add(self, spelled: bytes) -> str:
        """Take a token's bytes; returns the characters that it completes."""
        fresh = self._decoder.decode(spelled)
        begin = max(0, len(self.text) - max((len(one) for one in self._stop), default=0))
        self.text += fresh
        places = [place for one in self._stop if (place := self.text.find(one, begin)) >= 0]
        if places:
            self.text = self.text[: min(places)]
            self.stopped = True
        return fresh

    def show(self, *, last: bool = False) -> str:
        """What can be shown since the last time: all that no stop string may still take away.

        Args:
            last: whether nothing will follow.
        """
        end = len(self.text) if last or self.stopped else len(self.text) - self._held()
        shown = self.text[self._shown : end]
        self._shown = max(self._shown, end)
        return shown

    def _held(self) -> int:
        """Characters at the end that may be the beginning of a stop string."""
        return max(
            (
                size
                for one in self._stop
                for size in range(1, min(len(one), len(self.text) + 1))
                if self.text.endswith(one[:size])
            ),
            default=0,
        )
