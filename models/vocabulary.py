"""Tokens of a model in this process, and how a prompt becomes tokens.

A template's own text may name control tokens; everything that comes from elsewhere, passages
above all, is turned into tokens as plain text, so that no passage can open a turn.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.models.prompt import Message, Prompt, conversation, parts_of
from assay.pipeline.errors import ModelError, UsageError

_PLACE = "\ue000{}\ue001"
_PLACES = re.compile("\ue000(\\d+)\ue001")
"""Where a part stands in a rendered template; parts themselves are never rendered."""


class Vocabulary(ABC):
    """The tokens of one model."""

    size: int
    """Number of tokens that the output layer knows."""

    begin: tuple[int, ...]
    """Tokens that the model was trained to see before a plain text."""

    template: str | None
    """The model's own chat template in Jinja form; None where it has none."""

    opens_with_space: bool = False
    """Whether the model was trained to see a space before the first word of a plain text."""

    marks: Mapping[str, str]
    """``bos_token`` and ``eos_token`` as the template spells them."""

    @abstractmethod
    def plain(self, text: str) -> list[int]:
        """Tokens of a text; names of control tokens are letters. Nothing is put before it."""

    @abstractmethod
    def control(self, text: str) -> list[int]:
        """Tokens of a template's text; names of control tokens are those tokens."""

    @abstractmethod
    def spelled(self, token: int) -> bytes:
        """What a token adds to a text; empty for control tokens."""

    @abstractmethod
    def ends(self, token: int) -> bool:
        """Whether the model ends its text with this token."""

    @abstractmethod
    def is_control(self, token: int) -> bool:
        """Whether a token is no part of any text."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A prompt in tokens.

    Args:
        tokens: all of it.
        parts: first token of each part and the one after its last.
        ends: where the runs of tokens end that an engine computes at once, the last at the end
            of the prompt; see ``run_ends``.
    """

    tokens: list[int]
    parts: tuple[tuple[int, int], ...]
    ends: tuple[int, ...]

    def shared(self, other: Reading) -> int:
        """First tokens that need no computing after another prompt: its runs that are the same."""
        begin = 0
        for end, same in zip(self.ends, other.ends, strict=False):
            if end != same or self.tokens[begin:end] != other.tokens[begin:end]:
                break
            begin = end
        return begin


RUN = 128
"""Most tokens that are computed at once."""

SHORTEST = 64
"""A part of fewer tokens is computed together with the next."""


def run_ends(parts: Sequence[tuple[int, int]], tokens: int) -> tuple[int, ...]:
    """Where a prompt's runs end: behind parts, and after 128 tokens within long ones.

    How many tokens are computed at once changes their results in the last bits. Runs depend on
    the prompt alone, never on what was asked before, and so do answers; and a part that two
    prompts begin with is a whole run in both, which one of them can take over.

    >>> run_ends([(0, 300), (300, 310), (310, 400)], 410)
    (128, 256, 300, 400, 410)
    """
    ends = [0]
    for stop in [*sorted(end for _, end in parts), tokens]:
        if stop - ends[-1] >= SHORTEST or stop == tokens:
            ends += [*range(ends[-1] + RUN, stop, RUN), stop]
    return tuple(dict.fromkeys(ends[1:]))


def read(prompt: Prompt, vocabulary: Vocabulary) -> Reading:
    """Turn a prompt into tokens.

    Raises:
        UsageError: if it is empty, or a conversation for a model without a chat template.
        ModelError: if the template does not work.
    """
    messages = conversation(prompt)
    texts = parts_of(prompt)
    if messages is None:
        tokens = list(vocabulary.begin)
        pieces: Sequence[str | int] = range(len(texts))
    else:
        tokens = []
        pieces = _rendered(messages, vocabulary)
    trusted = _trusted(messages or ())
    parts = [(0, 0)] * len(texts)
    for piece in pieces:
        if isinstance(piece, str):
            tokens += vocabulary.control(piece)
        else:
            start = len(tokens)
            text = clean(texts[piece])
            if start == len(vocabulary.begin) and messages is None and vocabulary.opens_with_space:
                text = f" {text}" if text else text
            tokens += vocabulary.control(text) if piece in trusted else vocabulary.plain(text)
            parts[piece] = (start, len(tokens))
    if not any(start < end for start, end in parts):
        raise UsageError("the prompt is empty: give it text to continue")
    return Reading(tokens, tuple(parts), run_ends(parts, len(tokens)))


def _trusted(messages: Sequence[Message]) -> set[int]:
    """Numbers of the parts in which names of control tokens are those tokens."""
    found: set[int] = set()
    count = 0
    for message in messages:
        own = len(parts_of((message,)))
        found |= set(range(count, count + own)) if message.trusted else set()
        count += own
    return found


def clean(text: str) -> str:
    """A text that can be written as UTF-8; lone halves of characters become '?'.

    >>> clean("a\\ud800b")
    'a?b'
    """
    return text.encode("utf-8", errors="replace").decode("utf-8")


def _rendered(messages: tuple[Message, ...], vocabulary: Vocabulary) -> list[str | int]:
    """The template's own texts and, as numbers, the parts between them."""
    if vocabulary.template is None:
        raise UsageError(
            "this model has no chat template: give it a plain text to continue, or take a model"
            " that was trained to converse"
        )
    goes_on = messages[-1].role == "assistant"
    count = 0
    turns: list[dict[str, Any]] = []
    for message in messages[:-1] if goes_on else messages:
        own = len(parts_of((message,)))
        places = "".join(_PLACE.format(number) for number in range(count, count + own))
        turns.append({"role": message.role, "content": places})
        count += own
    text = _render(vocabulary, turns)
    pieces: list[str | int] = [
        int(one) if number % 2 else one for number, one in enumerate(_PLACES.split(text)) if one
    ]
    found = [one for one in pieces if isinstance(one, int)]
    if found != list(range(count)):
        raise ModelError(
            f"the model's chat template writes parts {found} of a conversation of {count} parts:"
            " it leaves out or moves a turn (a system turn, perhaps); give it the same text in"
            " turns of the user"
        )
    return [*pieces, *range(count, count + len(parts_of(messages[-1:])))] if goes_on else pieces


def _render(vocabulary: Vocabulary, turns: list[dict[str, Any]]) -> str:
    """The conversation, and the beginning of the assistant's turn, by the model's template.

    In a sandbox: the template is data from a model file.
    """
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    sandbox = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    sandbox.globals["raise_exception"] = refuse
    try:
        return sandbox.from_string(vocabulary.template or "").render(
            messages=turns, add_generation_prompt=True, **vocabulary.marks
        )
    except (jinja2.TemplateError, TypeError, ValueError, LookupError, ArithmeticError) as error:
        raise ModelError(
            f"the model's chat template refused the conversation ({error}): give it a plain text"
            " to continue, or turns in the order that the template expects"
        ) from error
