"""Decode base64, hex and rot13 stretches, so that what they say can be searched."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}+(?:\r?\n[A-Za-z0-9+/_-]{4,}+)*+={0,2}")
_HEX = re.compile(r"(?:(?:0x|\\x)?[0-9A-Fa-f]{2}[ ,:]?){12,}+")
_HEX_PAIR = re.compile(r"(?:0x|\\x)?([0-9A-Fa-f]{2})")
_LETTERS = re.compile(r"[A-Za-z]{3}")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A stretch of encoded text and what it says."""

    encoding: str
    text: str


def decode(text: str, *, min_length: int = 24, depth: int = 2) -> Iterator[Decoded]:
    """Every reading of the encoded stretches of a text, nested ones included.

    rot13 has no alphabet of its own, so the whole text is read that way once.

    Args:
        text: what to search.
        min_length: shortest encoded stretch, in characters.
        depth: how many encodings around one another are undone.
    """
    if depth < 1:
        return
    for reading in _readings(text, min_length):
        yield reading
        for inner in decode(reading.text, min_length=min_length, depth=depth - 1):
            yield Decoded(f"{reading.encoding}+{inner.encoding}", inner.text)


def _readings(text: str, min_length: int) -> Iterator[Decoded]:
    for match in _HEX.finditer(text):
        if len(match.group()) >= min_length:
            data = bytes(int(pair, 16) for pair in _HEX_PAIR.findall(match.group()))
            if (message := _printable(data)) is not None:
                yield Decoded("hex", message)
    for match in _BASE64.finditer(text):
        letters = _SPACE.sub("", match.group()).rstrip("=").translate({45: 43, 95: 47})
        if len(letters) < min_length:
            continue
        for skip in range(4):
            if (message := _base64(letters[skip:])) is not None:
                yield Decoded("base64", message)
                break
    if len(text) >= min_length and _LETTERS.search(text):
        yield Decoded("rot13", codecs.decode(text, "rot13"))


def _base64(letters: str) -> str | None:
    usable = letters[: len(letters) - (len(letters) % 4 == 1)]
    try:
        data = base64.b64decode(usable + "=" * (-len(usable) % 4), validate=True)
    except binascii.Error:
        return None
    return _printable(data)


def _printable(data: bytes) -> str | None:
    """The text of some bytes where at least nine tenths of it can be printed."""
    try:
        message = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    shown = sum(one.isprintable() or one in "\n\t" for one in message)
    if not message or shown < 0.9 * len(message) or not _LETTERS.search(message):
        return None
    return message
