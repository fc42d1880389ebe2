"""Texts over a model's length, cut into windows that fit, by the model's own tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TextWindow:
    """A part of a text.

    Args:
        text: as it was written.
        tokens: how many, special ones not counted.
    """

    text: str
    tokens: int


def text_windows(tokenizer: Any, text: str, room: int) -> list[TextWindow]:
    """The text in few windows of about equal length that have at most ``room`` tokens each.

    Cuts lie between tokens. A window that begins inside a word may have more tokens
    by itself than within the text; then the windows are made smaller until all fit.

    Args:
        tokenizer: a fast tokenizer of transformers, which knows offsets.
        text: any text.
        room: most tokens of a window, at least 1.
    """
    offsets = token_offsets(tokenizer, text)
    count = max(1, -(-len(offsets) // room))
    if count == 1:
        return [TextWindow(text, len(offsets))]
    while True:
        size = max(1, -(-len(offsets) // count))
        starts = [offsets[place][0] for place in range(0, len(offsets), size)]
        starts[0] = 0
        ends = [*starts[1:], len(text)]
        pieces = [text[start:end] for start, end in zip(starts, ends, strict=True)]
        windows = [TextWindow(one, len(token_offsets(tokenizer, one))) for one in pieces]
        if size == 1 or all(one.tokens <= room for one in windows):
            return windows
        count += 1


def token_offsets(tokenizer: Any, text: str) -> list[tuple[int, int]]:
    """Start and end of each token of a text, special ones left out."""
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    found: list[tuple[int, int]] = encoded["offset_mapping"]
    return found
