"""Generation within a form: which tokens may come next, by the library llguidance.

One library for every engine in this process, so that a schema means the same in all of them.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.models.language_model import Form
from assay.models.vocabulary import Vocabulary
from assay.pipeline.errors import ModelError, UsageError

_CONTROL = b"\xff"
"""llguidance's mark of a token that is no text."""


class Forms:
    """Forms over one vocabulary; made once a model, since reading the vocabulary takes a while.

    Args:
        vocabulary: the model's tokens.
        name: the engine's registered name, for messages.
    """

    def __init__(self, vocabulary: Vocabulary, name: str) -> None:
        self._vocabulary = vocabulary
        self._name = name
        self._tokenizer: Any = None

    def start(self, form: Form) -> FormState:
        """The beginning of a text in a form.

        Raises:
            ModelError: if llguidance is not installed.
            UsageError: if the form is not understood or nothing can meet it.
        """
        try:
            import llguidance
        except ImportError as error:
            raise ModelError(
                f"{self._name} writes within a form by llguidance: install it with"
                " `pip install 'assay[llama]'` or `pip install 'assay[torch]'`"
            ) from error
        what = "grammar" if form.grammar is not None else "JSON schema"
        try:
            if form.grammar is not None:
                grammar = llguidance.grammar_from("gbnf", form.grammar)
            else:
                grammar = llguidance.grammar_from("json_schema", json.dumps(form.json_schema))
        except (ValueError, TypeError) as error:
            raise UsageError(f"the {what} cannot be read: {_short(error)}") from error
        if self._tokenizer is None:
            self._tokenizer = llguidance.LLTokenizer(
                llguidance.TokenizerWrapper(_Tokens(self._vocabulary))
            )
        matcher = llguidance.LLMatcher(self._tokenizer, grammar, log_level=0)
        if matcher.is_error():
            raise UsageError(
                f"the {what} cannot be met: {_short(matcher.get_error())}: look for a rule that"
                " is missing, contradicts itself or is not supported"
            )
        return FormState(matcher, self._vocabulary.size)


class FormState:
    """What may come next; made by ``Forms.start``."""

    def __init__(self, matcher: Any, size: int) -> None:
        self._matcher = matcher
        self._mask = np.zeros((size + 31) // 32, dtype=np.int32)
        self._size = size

    @property
    def complete(self) -> bool:
        """Whether the text is whole and nothing can follow."""
        return bool(self._matcher.is_stopped())

    def allowed(self) -> NDArray[np.bool_]:
        """Which tokens may come next, shape ``(vocabulary,)``."""
        self._matcher.unsafe_compute_mask_ptr(self._mask.ctypes.data, self._mask.nbytes)
        self._check()
        bits = np.unpackbits(self._mask.view(np.uint8), bitorder="little")
        return bits[: self._size].astype(np.bool_)

    def take(self, token: int) -> None:
        """Go on with a token that is allowed."""
        self._matcher.consume_token(token)
        self._check()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise ModelError(f"the form cannot be kept: {_short(self._matcher.get_error())}")


class _Tokens:
    """A vocabulary as llguidance reads it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        every = range(vocabulary.size)
        self._vocabulary = vocabulary
        ends = [token for token in every if vocabulary.ends(token)]
        self.eos_token_id = ends[0] if ends else 0
        self.bos_token_id = vocabulary.begin[0] if vocabulary.begin else None
        self.special_token_ids = [token for token in every if vocabulary.is_control(token)]
        control = set(self.special_token_ids)
        self.tokens = [
            _CONTROL + str(token).encode() if token in control else vocabulary.spelled(token)
            for token in every
        ]

    def __call__(self, text: bytes | str) -> list[int]:
        decoded = text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text
        return self._vocabulary.plain(decoded)


def _short(message: object) -> str:
    """The first line of a library's message."""
    lines = str(message).strip().splitlines()
    return lines[0][:300] if lines else "no reason was given"
