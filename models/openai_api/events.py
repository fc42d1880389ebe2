"""Bytes that a server sends, as JSON values: a whole answer, or server-sent events."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any

_KEPT = 4000  # characters of an answer for a message; whoever writes it hides keys, then cuts

_CHECK = "check base_url, and that the server speaks OpenAI's API"


class UnreadableReply(Exception):
    """An answer that is not what the API says.

    Args:
        finding: what it is instead.
        next_step: what to do.
    """

    def __init__(
        self,
        finding: str,
        next_step: str = "check base_url, and that the server speaks OpenAI's API",
    ) -> None:
        super().__init__(finding)
        self.next_step = next_step


def parsed(data: bytes) -> Any:
    """The JSON value that bytes hold.

    Raises:
        UnreadableReply: if they are not UTF-8, or not JSON.
    """
    try:
        return json.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise UnreadableReply(f"the answer is not UTF-8: {data[:_KEPT]!r}") from None
    except (ValueError, RecursionError):
        shown = data.decode("utf-8", errors="replace")[:_KEPT]
        raise UnreadableReply(f"the answer is not JSON: {shown!r}") from None


class EventReader:
    """Server-sent events out of bytes that come in pieces cut anywhere.

    >>> reader = EventReader()
    >>> [event for data in (b'data: {"a"', b': 1}\\n\\n: busy\\n', b"data: [DONE]\\n\\n")
    ...  for event in reader.add(data)]
    [{'a': 1}]
    >>> reader.done
    True
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._line = ""
        self._data: list[str] = []
        self._seen = ""
        self._any = False
        self.done = False
        """Whether the server said that nothing follows."""

    def add(self, data: bytes) -> Iterator[Any]:
        """The events that these bytes complete.

        Raises:
            UnreadableReply: if they are not UTF-8, or an event is not JSON.
        """
        try:
            text = self._decoder.decode(data)
        except UnicodeDecodeError:
            raise UnreadableReply(f"the answer is not UTF-8: {data[:_KEPT]!r}") from None
        if len(self._seen) < _KEPT:
            self._seen = (self._seen + text)[:_KEPT]
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            yield from self._take(line.rstrip("\r"))

    def end(self) -> Iterator[Any]:
        """What is left once no more bytes come.

        Raises:
            UnreadableReply: if there was no event at all.
        """
        yield from self._take(self._line.rstrip("\r"))
        yield from self._take("")
        if not self._any:
            raise UnreadableReply(f"the answer is no stream of events: {self._seen!r}")

    def _take(self, line: str) -> Iterator[Any]:
        if self.done:
            return
        if line:
            field, _, value = line.partition(":")
            if field == "data":
                self._data.append(value.removeprefix(" "))
            return
        if not self._data:
            return
        text, self._data = "\n".join(self._data), []
        self._any = True
        if text.strip() == "[DONE]":
            self.done = True
        else:
            yield parsed(text.encode())
