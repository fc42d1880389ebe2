"""Lengths of texts for a model behind a server: by its tokenizer.json, or by an estimate."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path
from typing import Any

from assay.models.langchain_settings import estimated_tokens
from assay.models.text_windows import TextWindow, token_offsets
from assay.pipeline.errors import ModelError


class TokenCounter:
    """How many tokens a text has; an estimate (UTF-8 bytes by three) without a tokenizer.

    Args:
        path: the model's ``tokenizer.json``; None for the estimate.
        name: the engine's registered name, for messages.

    Raises:
        ModelError: if the library or the file is missing or wrong.
    """

    def __init__(self, path: Path | None, name: str) -> None:
        self._tokenizer: Any = None
        self.digest = ""
        """sha256 of the tokenizer's file, empty without one."""
        if path is None:
            return
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ModelError(
                f"{name} needs the library tokenizers for its setting tokenizer:"
                " `pip install 'assay[openai]'`"
            ) from error
        try:
            data = path.read_bytes()
            self._tokenizer = Tokenizer.from_buffer(data)
        # The library raises plain Exception for a file that it does not understand.
        except Exception as error:
            raise ModelError(
                f"{name}: {path} cannot be read as a tokenizer.json ({error}): check the file"
            ) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.digest = hashlib.sha256(data).hexdigest()

    @property
    def estimates(self) -> bool:
        """Whether the numbers are estimates."""
        return self._tokenizer is None

    def count(self, text: str) -> int:
        """Number of tokens, special ones not counted."""
        if self._tokenizer is None:
            return estimated_tokens(text)
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def offsets(self, text: str) -> list[tuple[int, int]] | None:
        """Where the tokens stand, special ones left out; None where they are estimated."""
        return None if self._tokenizer is None else token_offsets(self._tokenizer, text)

    def windows(self, text: str, room: int) -> list[TextWindow]:
        """The text in few windows of about equal length that have at most ``room`` tokens each.

        Cuts lie behind a space where one is near. A single character is never cut.

        Args:
            text: any text.
            room: most tokens of a window, at least 1.
        """
        tokens = self.count(text)
        count = max(1, -(-tokens // room))
        if count == 1:
            return [TextWindow(text, tokens)]
        while True:
            count = min(count, len(text))
            places = [_cut(text, len(text) * one // count, count) for one in range(count)]
            bounds = sorted({*places, len(text)})
            pieces = [text[a:b] for a, b in pairwise(bounds)]
            windows = [TextWindow(one, self.count(one)) for one in pieces]
            if count == len(text) or all(one.tokens <= room for one in windows):
                return windows
            count += max(1, count // 16)


def _cut(text: str, place: int, count: int) -> int:
    """A place behind a space at most a quarter of a window before, else the place itself."""
    if place == 0:
        return 0
    for nearby in range(place, max(0, place - len(text) // count // 4), -1):
        if text[nearby - 1].isspace():
            return nearby
    return place
