"""What a language model is asked: a text, a text in parts, or a conversation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assay.pipeline.errors import UsageError


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; the model's own chat template writes it out.

    Args:
        role: who speaks.
        content: plain text, or its parts; names of control tokens in it are read as letters.
        trusted: whether the content is the program's own, so that names of control tokens in it
            are those tokens. Nothing that came from a passage or a question may stand in it.
    """

    role: Literal["system", "user", "assistant"]
    content: str | tuple[str, ...]
    trusted: bool = False


Prompt = str | tuple[str, ...] | tuple[Message, ...]
"""A text to continue, the same in parts (each turned into tokens by itself), or a conversation.

Passage text inside it reaches the model as plain text, whatever it says.
"""

Candidate = str | tuple[str, ...]
"""Something that may stand next: a text, meant with and without a space before it, or all its
spellings. The probabilities of the spellings are added up."""


def parts_of(prompt: Prompt) -> tuple[str, ...]:
    """The texts of a prompt in order, without what a chat template adds.

    >>> parts_of((Message("user", ("Passage.", "Question?")), Message("assistant", "No")))
    ('Passage.', 'Question?', 'No')
    """
    if isinstance(prompt, str):
        return (prompt,)
    parts: list[str] = []
    for one in prompt:
        content = one.content if isinstance(one, Message) else one
        parts += [content] if isinstance(content, str) else content
    return tuple(parts)


def conversation(prompt: Prompt) -> tuple[Message, ...] | None:
    """The messages of a prompt that is a conversation, None for a text."""
    messages = tuple(one for one in prompt if isinstance(one, Message))
    return messages or None


def extended(prompt: Prompt, text: str) -> Prompt:
    """A prompt with a text behind it, as a part of its own.

    Raises:
        UsageError: if it is a conversation that does not end with a turn of the assistant.

    >>> extended("Question: why?", " Answer:")
    ('Question: why?', ' Answer:')
    """
    messages = conversation(prompt)
    if messages is None:
        return (*parts_of(prompt), text)
    *before, last = messages
    if last.role != "assistant":
        raise UsageError(
            "a text can only follow a conversation that ends with a turn of the assistant: add"
            " Message('assistant', ...), which is then continued"
        )
    return (*before, Message("assistant", (*parts_of((last,)), text)))
