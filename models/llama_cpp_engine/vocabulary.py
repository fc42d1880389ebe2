"""The tokens of a GGUF model, by llama.cpp."""

from __future__ import annotations

import ctypes
import re
from functools import cached_property
from itertools import pairwise
from typing import Any

from assay.models.vocabulary import Vocabulary
from assay.pipeline.errors import ModelError

_LEAD = "\n"
"""Put before a text and taken away again; see ``_plain_behind``."""

_MARK = re.compile(r"<\S.*>|\[\S.*\]")
"""How the name of an added token looks that marks something, and is no word or white space."""


class LlamaCppVocabulary(Vocabulary):
    """Tokens by llama.cpp's own tokenizer.

    Args:
        engine: a loaded ``llama_cpp.Llama``.
        library: the module ``llama_cpp``.
    """

    def __init__(self, engine: Any, library: Any) -> None:
        self._library = library
        self._handle = library.llama_model_get_vocab(engine.model)
        self.size = int(library.llama_vocab_n_tokens(self._handle))
        begins = bool(library.llama_vocab_get_add_bos(self._handle))
        first = int(library.llama_vocab_bos(self._handle))
        self.begin = (first,) if begins and first >= 0 else ()
        self.template = engine.metadata.get("tokenizer.chat_template")
        self.marks = {
            "bos_token": self._name(first),
            "eos_token": self._name(int(library.llama_vocab_eos(self._handle))),
        }
        first_word = self._tokens("a", special=False)
        self.opens_with_space = self._piece(first_word[0]).startswith(b" ")
        self._pieces = [self._piece(token) for token in range(self.size)]
        self._ends = frozenset(
            token for token in range(self.size) if library.llama_vocab_is_eog(self._handle, token)
        )

    def plain(self, text: str) -> list[int]:
        """Tokens of a text as it would stand behind another."""
        tokens: list[int] = []
        for piece in self._broken(text):
            tokens += (
                self._plain_behind(piece)
                if self.opens_with_space
                else self._tokens(piece, special=False)
            )
        return tokens

    def control(self, text: str) -> list[int]:
        """Tokens of a template's text."""
        return self._tokens(text, special=True) if text else []

    def spelled(self, token: int) -> bytes:
        """What a token adds to a text."""
        return self._pieces[token]

    def ends(self, token: int) -> bool:
        """Whether the model ends its text with this token."""
        return token in self._ends

    def is_control(self, token: int) -> bool:
        """Whether a token is no part of any text."""
        return bool(self._library.llama_vocab_is_control(self._handle, token))

    def _plain_behind(self, text: str) -> list[int]:
        """Tokens without the space that sentencepiece models put before a text.

        The text is read behind a line end, whose tokens are then taken away.
        """
        lead = self._tokens(_LEAD, special=False)
        tokens = self._tokens(_LEAD + text, special=False)
        if tokens[: len(lead)] == lead:
            return tokens[len(lead) :]
        return self._tokens(text, special=False)

    def _broken(self, text: str) -> list[str]:
        """The text, cut behind the first character of each name that llama.cpp would not spell.

        Control tokens are spelled where ``parse_special`` is off; tokens that a model's maker
        added, such as ``<tool_call>``, are taken for themselves even so.
        """
        if self._added is None:
            return [text] if text else []
        cuts = [0, *(found.start() + 1 for found in self._added.finditer(text)), len(text)]
        return [text[begin:end] for begin, end in pairwise(cuts) if begin < end]

    @cached_property
    def _added(self) -> re.Pattern[str] | None:
        """Names of added tokens that look like marks of a template; None where there are none."""
        added = self._library.LLAMA_TOKEN_ATTR_USER_DEFINED
        names = {
            self._name(token)
            for token in range(self.size)
            if int(self._library.llama_vocab_get_attr(self._handle, token)) & added
        }
        marks = sorted((one for one in names if _MARK.fullmatch(one)), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, marks))) if marks else None

    def _tokens(self, text: str, *, special: bool) -> list[int]:
        raw = text.encode("utf-8")
        room = len(raw) + 2
        found = (self._library.llama_token * room)()
        count = self._library.llama_tokenize(
            self._handle, raw, len(raw), found, room, False, special
        )
        if count < 0:
            raise ModelError(f"llama.cpp cannot turn a text of {len(raw)} bytes into tokens")
        return list(found[:count])

    def _piece(self, token: int) -> bytes:
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = self._library.llama_token_to_piece(self._handle, token, buffer, size, 0, False)
            if count >= 0:
                return buffer.raw[:count]
            size = -count

    def _name(self, token: int) -> str:
        """How a control token is written; empty for none."""
        if token < 0:
            return ""
        found = self._library.llama_vocab_get_text(self._handle, token)
        return bytes(found).decode("utf-8", errors="replace") if found else ""
