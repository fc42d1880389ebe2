"""Texts over a model's length, cut into windows that fit, by the model's own tokens."""

from __future__ import annotations

from typing import Any


def text_windows(tokenizer: Any, text: str, room: int) -> list[str]:
    """The text in as few pieces as have at most ``room`` tokens, of about equal length.

    Cuts lie between tokens, so a piece is a part of the text as it was written.

    Args:
        tokenizer: a fast tokenizer of transformers, which knows offsets.
        text: any text.
        room: most tokens of a piece, at least 1.
    """
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)[
        "offset_mapping"
    ]
    count = max(1, -(-len(offsets) // room))
    if count == 1:
        return [text]
    size = -(-len(offsets) // count)
    starts = [offsets[place][0] for place in range(0, len(offsets), size)]
    starts[0] = 0
    ends = [*starts[1:], len(text)]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


def token_count(tokenizer: Any, text: str) -> int:
    """Tokens of a text, special ones not counted."""
    return len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
