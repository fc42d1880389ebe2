"""What window rankers that ask a language model share: writing windows out so that they fit."""

from __future__ import annotations

from assay.models.language_model import LanguageModel
from assay.models.prompt import Message, Prompt, conversation, parts_of
from assay.stages.windows.passage_text import read
from assay.stages.windows.template import Reading, Template, neutral
from assay.stages.windows.window import Sizes, Window

SHORTEST = 8
"""Words of a passage below which no window is made shorter."""
SHRINK = 0.6
"""What is left of the words of each passage when a window does not fit."""
_MARK = "\u241f"


def reading_of(window: Window, words: int) -> Reading:
    """A window as a template reads it.

    Args:
        window: as it is.
        words: most words of a passage with its title.
    """
    return Reading(
        neutral(window.query),
        tuple(" ".join(neutral(read(one)).split()[:words]) for one in window.passages),
        tuple(neutral(one) for one in window.remarks),
    )


def prompt_tokens(
    model: LanguageModel, template: Template, size: int, sizes: Sizes, words: int
) -> int:
    """Tokens of a prompt, estimated from the lengths of its texts.

    Args:
        model: counts the template's own tokens.
        template: writes the prompt.
        size: passages of the window.
        sizes: lengths of the texts.
        words: most words of a passage.
    """
    asked = sum(
        part.count(_MARK) for part in parts_of(template.write(Reading(_MARK, ("",) * size)))
    )
    own = model.count_prompt(template.write(Reading("", ("",) * size)))
    # A word has about four thirds of a token in English.
    passage = min(sizes.passage, words * 4 // 3)
    return own + asked * sizes.query + size * passage


def begun(prompt: Prompt, text: str) -> Prompt:
    """A prompt whose answer begins with a text."""
    messages = conversation(prompt)
    if messages is None:
        return (*parts_of(prompt), text)
    return (*messages, Message("assistant", text))
