"""How a language model is asked for the likelihood of a question: templates, by name.

Each is the beginning that all passages share, and what follows it for one passage; the question
is then scored as its continuation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from assay.models.prompt import Message, Prompt
from assay.stages.rerank.pair_prompts import spaced

TemplateName = Literal["upr", "chat", "examples"]


@dataclass(frozen=True, slots=True)
class QuestionTemplate:
    """A prompt that a question follows.

    Args:
        write: makes it of a passage, which may be empty.
        before: what stands between the prompt and the question's first word.
        beginning: what the prompts of all passages begin with, '' for nothing worth keeping.
    """

    write: Callable[[str], Prompt]
    before: str
    beginning: str = ""


_ASKED = " Please write a question based on this passage."

_EXAMPLES = (
    "Passage: The leaning tower of Pisa stands 56 metres high on its lower side.\n"
    "Question: how tall is the tower of Pisa\n\n"
    "Passage: Six minutes in boiling water leave the yolk of an egg soft.\n"
    "Question: how long do eggs boil\n\n"
    "Passage: The chapel opens at nine, and its ceiling, which two brothers painted in the 1510s,"
    " was cleaned in the 1980s.\n"
    "Question: who painted the ceiling of the chapel\n\n"
)


def _upr(passage: str) -> Prompt:
    return ("Passage:", spaced(passage), _ASKED)


def _chat(passage: str) -> Prompt:
    return (Message("user", ("Passage:", spaced(passage), _ASKED)),)


def _examples(passage: str) -> Prompt:
    return (_EXAMPLES, "Passage:", spaced(passage), "\nQuestion:")


TEMPLATES: Mapping[TemplateName, QuestionTemplate] = MappingProxyType(
    {
        "upr": QuestionTemplate(_upr, " "),
        "chat": QuestionTemplate(_chat, ""),
        "examples": QuestionTemplate(_examples, " ", _EXAMPLES),
    }
)
"""``upr`` is that of Sachan et al. 2022, for encoder-decoders and for models that continue text;
``chat`` is the same as a turn; ``examples`` shows three questions first (written for
this library), enough tokens for engines to keep them."""
